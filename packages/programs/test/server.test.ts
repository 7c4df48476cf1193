import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  freePort,
  httpAnswers,
  isAlive,
  processId,
  runCommand,
  runningServer,
  type ServerSpec,
  startServer,
  stopServer,
} from '../src/index.ts';

const SERVER = `require('node:http').createServer((_, answer) => answer.end('ok')).listen(Number(process.argv[1]), '127.0.0.1', () => console.log('listening'));`;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'server-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function spec(code: string = SERVER): Promise<ServerSpec> {
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  return {
    name: 'echo',
    path: process.execPath,
    version: '1',
    env: {},
    args: ['-e', code, String(port)],
    dir,
    address,
    answers: () => httpAnswers(address),
  };
}

test('it is ready when it answers, is found by its record, and is gone after stop', async () => {
  const server = await startServer(await spec());
  expect(await httpAnswers(server.address)).toBe(true);
  expect(await runningServer(dir, 'echo')).toMatchObject({ pid: server.pid, address: server.address, version: '1', ready: true });
  await server.stop();
  await server.stop();
  expect(await httpAnswers(server.address)).toBe(false);
  expect(await runningServer(dir, 'echo')).toBeUndefined();
  expect(await readFile(server.logFile, 'utf8')).toBe('listening\n');
});

test('a second one in the same directory is refused, also while the first is starting', async () => {
  const attempts = await Promise.allSettled([spec(), spec(), spec()].map(async (one) => startServer(await one)));
  const started = attempts.filter((attempt) => attempt.status === 'fulfilled').map((attempt) => attempt.value);
  expect(started).toHaveLength(1);
  await expect(startServer(await spec())).rejects.toThrow(`as process ${started[0]?.pid}`);
  await started[0]?.stop();
});

test('what a dead starter has left does not stand in the way', async () => {
  await writeFile(join(dir, 'echo.starting'), JSON.stringify({ pid: process.pid, startTicks: 1 }));
  await writeFile(join(dir, 'echo.json'), JSON.stringify({ pid: process.pid, startTicks: 1, name: 'echo' }));
  await using server = await startServer(await spec());
  expect(server.pid).toBeGreaterThan(0);
  expect(existsSync(join(dir, 'echo.starting'))).toBe(false);
});

test('one that ends at once is reported with the end of its log', async () => {
  const failing = await spec('console.log("first"); console.error("no space left on device"); process.exit(3)');
  await expect(startServer(failing)).rejects.toMatchObject({
    code: 'LSH_PROGRAM_START',
    message: expect.stringMatching(/exit code 3; it wrote: first \| no space left on device/),
  });
});

test('one that cannot be run at all is reported', async () => {
  await expect(startServer({ ...(await spec()), path: join(dir, 'nothing') })).rejects.toThrow('ENOENT');
});

test('one that never answers is ended', async () => {
  const deaf = await spec('console.log(process.pid); setInterval(() => {}, 1000)');
  await expect(startServer({ ...deaf, readyTimeoutMs: 400 })).rejects.toThrow('did not answer');
  const pid = Number((await readFile(join(dir, 'echo.log'), 'utf8')).trim());
  expect(isAlive({ pid, startTicks: 0 })).toBe(false);
  expect(await runningServer(dir, 'echo')).toBeUndefined();
});

test('while it starts it is on record, not yet ready', async () => {
  const one = await spec();
  const seen: (boolean | undefined)[] = [];
  const answers = async (): Promise<boolean> => {
    seen.push((await runningServer(dir, 'echo'))?.ready);
    return one.answers();
  };
  await using server = await startServer({ ...one, answers });
  expect(seen[0]).toBe(false);
  expect(await runningServer(dir, server.name)).toMatchObject({ ready: true });
});

test('one that ignores SIGTERM is killed at the deadline', async () => {
  const server = await startServer(await spec(`process.on('SIGTERM', () => {});${SERVER}`));
  const id = processId(server.pid);
  await server.stop(50);
  expect(isAlive(id)).toBe(false);
});

test('it outlives its starter when it is detached, and only then', async () => {
  const index = join(import.meta.dirname, '../src/index.ts');
  for (const detached of [true, false]) {
    const { answers: _, ...rest } = await spec();
    const code = `import { startServer, httpAnswers } from ${JSON.stringify(index)};
      const spec = ${JSON.stringify({ ...rest, detached })};
      await startServer({ ...spec, answers: () => httpAnswers(spec.address) });
      process.exit(0);`;
    const { code: exit, stderr } = await runCommand(process.execPath, ['--input-type=module', '-e', code], { timeoutMs: 20_000 });
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    const record = await runningServer(dir, 'echo');
    if (detached) {
      if (record === undefined) throw new Error('the detached server is gone');
      expect(await httpAnswers(record.address)).toBe(true);
      await stopServer(dir, record);
    } else await expect.poll(() => runningServer(dir, 'echo'), { timeout: 10_000 }).toBeUndefined();
  }
});

test('a pid that is somebody else’s by now is not taken for the server', () => {
  const mine = processId(process.pid);
  expect(isAlive(mine)).toBe(true);
  if (mine.startTicks > 0) expect(isAlive({ ...mine, startTicks: mine.startTicks + 1 })).toBe(false);
  expect(isAlive({ pid: 999_999_999, startTicks: 0 })).toBe(false);
});
