import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Child {
  kill(signal: NodeJS.Signals): void;
  lines: string[];
  said(line: string): Promise<void>;
  ended: Promise<[number | null, NodeJS.Signals | null]>;
}

async function start(mode: string): Promise<Child> {
  const main = fileURLToPath(new URL('./stopping-process.ts', import.meta.url));
  const child = spawn(process.execPath, [main, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const lines: string[] = [];
  const reader = createInterface(child.stdout);
  const wanted = new Map<string, () => void>();
  reader.on('line', (line) => {
    lines.push(line);
    wanted.get(line)?.();
  });
  const said = (line: string): Promise<void> =>
    new Promise((resolve) => {
      if (lines.includes(line)) resolve();
      else wanted.set(line, resolve);
    });
  await said('ready');
  return { kill: (signal) => void child.kill(signal), lines, said, ended };
}

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
] as const)('%s twenty times is one orderly stop, which ends with %d', async (signal, code) => {
  const child = await start('stops');
  for (let times = 0; times < 10; times += 1) child.kill(signal);
  await child.said('stop began 5000');
  for (let times = 0; times < 10; times += 1) child.kill(signal);
  expect(await child.ended).toEqual([code, null]);
  expect(child.lines).toEqual(['ready', 'stop began 5000', 'stop ended']);
});

test('the first signal decides how it ends, whatever comes later', async () => {
  const child = await start('stops');
  child.kill('SIGINT');
  await child.said('stop began 5000');
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGTERM'] as const) child.kill(signal);
  expect(await child.ended).toEqual([130, null]);
  expect(child.lines).toEqual(['ready', 'stop began 5000', 'stop ended']);
});

test('a stop that goes wrong still ends the process', async () => {
  const child = await start('fails');
  child.kill('SIGTERM');
  expect(await child.ended).toEqual([143, null]);
});
