/** The commands about tokens and the audit log, and which API a command talks to. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { auditLine } from '../src/commands/access.ts';
import { buildProgram } from '../src/program.ts';
import type { Output, Terminal } from '../src/terminal.ts';

const SECRET = 'A'.repeat(43);
const TOKEN = `lsh_ci.${SECRET}`;

interface Asked {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}

let dir: string;
let api: string;
let asked: Asked[];
let answer: object;
let close: () => Promise<void>;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'longshore-access-'));
  asked = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      asked.push({ method: request.method, url: request.url, headers: request.headers, body });
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  }).listen(join(dir, 's'));
  await once(server, 'listening');
  api = `unix:${join(dir, 's')}`;
  close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
});
afterEach(async () => {
  await close();
  await rm(dir, { recursive: true, force: true });
});

/** What a command prints on stdout, and what it tells people. */
async function run(...args: string[]): Promise<{ out: string; told: string }> {
  let out = '';
  let told = '';
  const output = (write: (text: string) => void): Output => ({
    live: false,
    columns: () => 100,
    rows: () => 24,
    write,
    style: (_style, text) => text,
  });
  const terminal: Terminal = {
    out: output((text) => {
      out += text;
    }),
    err: output((text) => {
      told += text;
    }),
    say: (line) => {
      told += `${line}\n`;
    },
    json: (value) => {
      out += `${JSON.stringify(value)}\n`;
    },
    print: (text) => {
      out += `${text}\n`;
    },
  };
  await buildProgram(terminal).parseAsync(args, { from: 'user' });
  return { out, told };
}

test.each([[['fleet', 'drain', '--within', '1s']], [['fleet', 'open']], [['dead', 'requeue', 'op/t/1']]])(
  '%j goes to the API that is named, wherever the option stands',
  async (words) => {
    answer = { drain: { by: 'ann', since: 1, until: 2 }, header: { id: 'op', state: 'running' } };
    const file = join(dir, 'token');
    await writeFile(file, `${TOKEN}\n`);
    await run(...words, '--api', api, '--token-file', file);
    await run(words[0]!, '--api', api, '--token-file', file, ...words.slice(1));
    expect(asked.map(({ method, headers }) => [method, headers.authorization, headers['x-longshore-user']])).toEqual(
      Array.from({ length: 2 }, () => ['POST', `Bearer ${TOKEN}`, undefined]),
    );
  },
);

test('a token goes to stdout alone, or to a file that only its owner can read and that was not there', async () => {
  answer = { name: 'ci', role: 'operator', createdAt: 1, createdBy: 'ann', token: TOKEN };
  const shown = await run('token', 'create', 'ci', '--role', 'operator', '--for', '1d', '--api', api);
  expect(shown.out).toBe(`${TOKEN}\n`);
  expect(shown.told).not.toContain(SECRET);
  expect(JSON.parse(asked[0]!.body)).toEqual({ name: 'ci', role: 'operator', lifeMs: 86_400_000 });

  const out = join(dir, 'out');
  const kept = await run('token', 'create', 'ci', '--role', 'operator', '--out', out, '--json', '--api', api);
  expect(`${kept.out}${kept.told}`).not.toContain(SECRET);
  expect(await readFile(out, 'utf8')).toBe(`${TOKEN}\n`);
  expect((await stat(out)).mode & 0o777).toBe(0o600);

  asked = [];
  const again = run('token', 'create', 'ci', '--role', 'operator', '--out', out, '--api', api);
  await expect(again).rejects.toMatchObject({ code: 'LSH_TOKEN_OUT' });
  expect(asked).toEqual([]);
});

test('a file that holds no token is refused before anybody is asked', async () => {
  const file = join(dir, 'token');
  await writeFile(file, 'password\n');
  await expect(run('workers', '--api', api, '--token-file', file)).rejects.toMatchObject({ code: 'LSH_TOKEN_FILE' });
  await expect(run('workers', '--api', api, '--token-file', join(dir, 'none'))).rejects.toMatchObject({ code: 'LSH_TOKEN_FILE' });
  expect(asked).toEqual([]);
});

test('an entry of the audit log is one line, whatever somebody wrote', () => {
  const line = auditLine({
    id: '1-0',
    at: Date.UTC(2026, 10, 21),
    who: 'ann',
    role: 'operator',
    what: 'operation.cancel',
    operation: 'op_1',
    reason: 'a\r\n2026-11-22T00:00:00.000Z  root (admin)\u001b[2J',
    result: 'refused',
    code: 'LSH_ROLE_LOW',
  });
  expect(line).not.toMatch(/\p{Cc}/u);
  expect(line).toMatch(/^2026-11-21T00:00:00\.000Z {2}ann \(operator\) {2}operation\.cancel {2}op_1 {2}refused: LSH_ROLE_LOW {2}"a/);
});
