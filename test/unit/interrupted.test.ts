/** A run that is interrupted leaves nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MODULE = fileURLToPath(new URL('../support/interrupted.ts', import.meta.url));
/** Starts something that goes on by itself, as fleets and servers are started, and tells what it has. */
const RUN = `
  import { spawn } from 'node:child_process';
  import { exitOnSignals, scratchFolder } from '${MODULE}';
  exitOnSignals();
  const { path } = await scratchFolder('longshore-interrupted-');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { cwd: path, stdio: 'ignore' });
  process.on('exit', () => child.kill('SIGKILL'));
  process.stdout.write(JSON.stringify({ path, pid: child.pid }));
  setInterval(() => {}, 1000);
`;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)(
  'after %s what it had started is gone, and so is its folder',
  async (signal, code) => {
    const run = spawn(process.execPath, ['--input-type=module', '-e', RUN], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [told] = (await once(run.stdout, 'data')) as [Buffer];
    const { path, pid } = JSON.parse(told.toString()) as { path: string; pid: number };
    expect([existsSync(path), isAlive(pid)]).toEqual([true, true]);
    run.kill(signal);
    expect(await once(run, 'exit')).toEqual([code, null]);
    expect(existsSync(path)).toBe(false);
    while (isAlive(pid)) await new Promise(setImmediate);
  },
  60_000,
);
