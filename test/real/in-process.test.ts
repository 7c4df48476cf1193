/** A fleet inside one command, its Redis included: it does its work, ends with the command, and leaves nothing running. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findRedis, isAlive, ProgramMissing } from '@longshore/programs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
const missing = await findRedis({ say: () => undefined }).then(
  () => undefined,
  (error: unknown) => {
    if (!ProgramMissing.is(error) || process.env.LONGSHORE_REQUIRE_REAL === '1') throw error;
    process.stderr.write(`NOT TESTED: ${error.message}\n`);
    return error.message;
  },
);

interface Child {
  pid: number;
  startTicks: number;
}

describe.skipIf(missing !== undefined)(`a fleet in process${missing ? ` (${missing})` : ''}`, () => {
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'longshore-in-process-'));
  });
  afterAll(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));

  const { REDIS_URL: _redis, LONGSHORE_API: _api, ...own } = process.env;
  const start = (...args: string[]): { run: ReturnType<typeof spawn>; out: () => string; ended: Promise<unknown[]> } => {
    const run = spawn(process.execPath, [MAIN, ...args, '--in-process', '--json'], {
      cwd: home,
      env: { ...own, LONGSHORE_HOME: home },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    run.stdout!.on('data', (chunk: Buffer) => (text += chunk.toString()));
    return { run, out: () => text, ended: once(run, 'exit') };
  };
  const children = async (): Promise<Child[]> => JSON.parse(await readFile(join(home, 'children.json'), 'utf8')) as Child[];

  test('goes on with what a terminated command has left, and nothing stays behind', async () => {
    const first = start('submit', 'counter.noop', '-p', 'tasks=200', '-p', 'pauseMs=20', '-p', 'concurrency=2');
    const begun = Promise.withResolvers<void>();
    first.run.stdout!.on('data', () => {
      if (first.out().includes('"running"')) begun.resolve();
    });
    first.run.once('exit', (code) => begun.reject(new Error(`it ended with ${code} before it ran: ${first.out()}`)));
    await begun.promise;
    const id = /"id":"(op_\w+)"/.exec(first.out())![1]!;
    const fleet = await children();
    expect(fleet.length).toBeGreaterThanOrEqual(5);
    expect(fleet.every(isAlive)).toBe(true);
    first.run.kill('SIGTERM');
    expect((await first.ended)[0]).toBe(143);
    expect(fleet.filter(isAlive)).toEqual([]);

    const second = start('watch', id);
    expect((await second.ended)[0]).toBe(0);
    expect(JSON.parse(second.out().trim().split('\n').at(-1)!)).toMatchObject({ type: 'end', id, state: 'succeeded', exitCode: 0 });
    await expect(children()).rejects.toThrow('ENOENT');
  });
});
