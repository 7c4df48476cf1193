/** otsdb-to-vm as a script calls it, with a fleet of its own: the losses of the original, one by one. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startOpenTsdb, startVictoriaMetrics } from '@longshore/sandbox';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { wrapperCommand, wrapperEnvironment } from '../support/otsdb-to-vm.ts';
import { startRecordedServer } from '../vectors/tsdb-server.ts';
import { putPoints } from '../vectors/tsdb-steps.ts';

const MAIN = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2022, 0, 1);
const STEP_MS = 600_000;
const HOURS = 3;
const POINTS = (HOURS * HOUR_MS) / STEP_MS;

let dir: string;
let storage: string;

function longshore(argv: string[]): Promise<{ exit: number; text: string }> {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: wrapperEnvironment(dir),
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ exit: code ?? -1, text }));
  });
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'longshore-wrapper-'));
  storage = join(dir, 'storage');
  await mkdir(storage);
});
afterAll(async () => {
  await longshore(['down']);
  await rm(dir, { recursive: true, force: true });
});

const source = async () => {
  const server = await startOpenTsdb({});
  for (let at = 0; at < POINTS; at++) server.store.put('kilda.a', { host: 'h1' }, START_MS + at * STEP_MS, String(at));
  // The very last ms before the end.
  server.store.put('kilda.a', { host: 'h2' }, START_MS + HOURS * HOUR_MS - 1, '0.5');
  return server;
};
const options = (from: string, to: string): string[] => wrapperCommand(from, to, storage);

test('a clean start uploads, all hours, also the one its end lies in; read back; no folder is left', async () => {
  await using from = await source();
  await using to = await startVictoriaMetrics({});
  const ran = await longshore(options(from.url, to.url));
  expect(ran.exit, ran.text).toBe(0);
  expect(ran.text).toContain('up to, not including, 2022-01-01T03:00:00');
  const log = await readFile(join(dir, 'background.log'), 'utf8');
  for (const hour of ['00:00:00_2022.01.01_01', '01:00:00_2022.01.01_02', '02:00:00_2022.01.01_03'])
    expect(log).toContain(`Restored opentsdb-data-2022.01.01_${hour}:00:00`);
  expect((await readdir(storage)).filter((name) => name.startsWith('opentsdb-data-'))).toEqual([]);
  expect(existsSync(join(dir, 'marker'))).toBe(false);

  const again = await longshore(options(from.url, to.url));
  expect(again.exit, again.text).toBe(0);
  const counted = await fetch(`${to.url}/api/v1/export?match[]={__name__="kilda.a"}&start=1640995200&end=1641006000`);
  const points = (await counted.text())
    .trim()
    .split('\n')
    .flatMap((line) => (JSON.parse(line) as { timestamps: number[] }).timestamps);
  expect(points.length, 'a second run doubles nothing').toBe(POINTS + 1);
});

test('a listener that only takes points gets every point, and the outcome is "not verified"', async () => {
  await using from = await source();
  await using to = await startRecordedServer();
  const ran = await longshore(options(from.url, to.url));
  expect(ran.exit, ran.text).toBe(3);
  expect(ran.text).toContain('not read back');
  const sent = to.puts.map(({ body }) => body).filter((body) => !body.includes('longshore.probe'));
  expect(sent.flatMap((body) => putPointsIn(body)).length).toBe(POINTS + 1);
});

test('with --kilda-files the folders hold the files of kilda-otsdb-dump, and are restored from these', async () => {
  await using from = await source();
  // A request that it has refused is over.
  await using to = await startVictoriaMetrics({ queueMs: 0 });
  // What the original has left half-done and, in the second hour, done: a row cut off, and a point it has not seen.
  const [first, second] = ['00:00:00_2022.01.01_01:00:00', '01:00:00_2022.01.01_02:00:00'].map((name) =>
    join(storage, `opentsdb-data-2022.01.01_${name}`),
  );
  const row = (at: number): string => `${(START_MS + at * STEP_MS) / 1000}.0|kilda.a|{'host': 'h1'}|${at}\r\n`;
  await mkdir(first!);
  await writeFile(join(first!, 'kilda.a.ndjson'), row(0) + row(1) + row(2).slice(0, 9));
  await mkdir(`${second}_dump_done`);
  await writeFile(join(`${second}_dump_done`, 'kilda.a.ndjson'), [6, 7, 8, 9, 10].map(row).join(''));
  const hours = options(from.url, to.url);
  // Nothing of a folder is taken at first, so that all of them can be seen; the probe, before any is taken up as a batch, is.
  const before = readdirSync(storage);
  const takenUp = (): boolean => readdirSync(storage).some((name) => name.startsWith('op_') && !before.includes(name));
  const refusal = to.knobs.always(({ path }) => path === '/api/v1/import' && takenUp(), { kind: 'status', status: 503, retryAfter: 1 });
  const running = longshore([...hours, '--kilda-files', '--settle', '1s']);
  await refusal.struck();
  const files = async (): Promise<Record<string, string>> => {
    const found: Record<string, string> = {};
    for (const name of (await readdir(storage)).filter((one) => one.endsWith('_dump_done')))
      for (const file of await readdir(join(storage, name))) found[`${name}/${file}`] = await readFile(join(storage, name, file), 'utf8');
    return found;
  };
  const all = await vi.waitFor(
    async () => {
      const found = await files();
      expect(Object.keys(found).filter((name) => name.endsWith('.ndjson'))).toHaveLength(HOURS);
      return found;
    },
    { timeout: 60_000, interval: 100 },
  );
  expect(all['opentsdb-data-2022.01.01_00:00:00_2022.01.01_01:00:00_dump_done/kilda.a.ndjson']).toBe([0, 1, 2, 3, 4, 5].map(row).join(''));
  expect(all['opentsdb-data-2022.01.01_01:00:00_2022.01.01_02:00:00_dump_done/kilda.a.ndjson']).toBe(
    [6, 7, 8, 9, 10, 11].map(row).join(''),
  );
  expect(all['opentsdb-data-2022.01.01_01:00:00_2022.01.01_02:00:00_dump_done/kilda.a.dmeta.json']).toBe(
    `{"start": ${(START_MS + 11 * STEP_MS) / 1000 - (((START_MS + 11 * STEP_MS) / 1000) % 180)}.0, "end": ${(START_MS + 11 * STEP_MS) / 1000 - (((START_MS + 11 * STEP_MS) / 1000) % 180) + 179}.0}`,
  );
  refusal.remove();
  const ran = await running;
  expect(ran.exit, ran.text).toBe(0);
  const counted = await fetch(`${to.url}/api/v1/export?match[]={__name__="kilda.a"}&start=1640995200&end=1641006000`);
  const points = (await counted.text())
    .trim()
    .split('\n')
    .flatMap((line) => (JSON.parse(line) as { timestamps: number[] }).timestamps);
  expect(points.length).toBe(POINTS + 1);
  expect((await readdir(storage)).filter((name) => name.startsWith('opentsdb-data-'))).toEqual([]);
});

test('an endpoint that is down is said, with an exit code', async () => {
  const ran = await longshore([
    'otsdb-to-vm',
    '-s',
    'http://127.0.0.1:9',
    '-d',
    'http://127.0.0.1:9',
    '-sd',
    '2022-01-01',
    '-ed',
    '2022-01-02',
    '-dsf',
    storage,
    '--api',
    'http://127.0.0.1:9',
  ]);
  expect(ran.exit).not.toBe(0);
});

const putPointsIn = (body: string): string[] => putPoints([body]);
