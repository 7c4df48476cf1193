import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processId } from '@longshore/programs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Lock } from '../src/local-fleet/lock.ts';
import { lockHolder, takeLock } from '../src/local-fleet/lock.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'longshore-lock-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const isLock = (taken: Awaited<ReturnType<typeof takeLock>>): taken is Lock => 'release' in taken;

/** The id of a process that has ended. */
async function deadProcess(): Promise<string> {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  const id = JSON.stringify(processId(child.pid!));
  child.kill('SIGKILL');
  await once(child, 'exit');
  return id;
}

test('it is taken once, and free again after its release', async () => {
  const file = join(dir, 'fleet.lock');
  const first = await takeLock(file);
  expect(isLock(first)).toBe(true);
  expect(await takeLock(file)).toEqual({ heldBy: processId(process.pid) });
  expect(await lockHolder(file)).toEqual(processId(process.pid));
  if (isLock(first)) await first.release();
  expect(await lockHolder(file)).toBeUndefined();
  expect(isLock(await takeLock(file))).toBe(true);
});

test('a lock of a process that has ended is free', async () => {
  const file = join(dir, 'fleet.lock');
  await writeFile(`${file}.7`, await deadProcess());
  expect(await lockHolder(file)).toBeUndefined();
  expect(isLock(await takeLock(file))).toBe(true);
});

test('of many that find a dead holder at once, exactly one gets it, and nothing is left lying about', async () => {
  const file = join(dir, 'fleet.lock');
  for (let round = 1; round <= 20; round += 1) {
    await writeFile(`${file}.${round * 10}`, await deadProcess());
    const taken = await Promise.all(Array.from({ length: 8 }, () => takeLock(file)));
    const locks = taken.filter(isLock);
    expect(locks).toHaveLength(1);
    expect(await readdir(dir)).toEqual([`fleet.lock.${round * 10 + 1}`]);
    await locks[0]!.release();
  }
});

test('of many processes exactly one gets it', async () => {
  const file = join(dir, 'fleet.lock');
  await writeFile(`${file}.1`, await deadProcess());
  const module = new URL('../src/local-fleet/lock.ts', import.meta.url).href;
  const script = `const { takeLock } = await import(${JSON.stringify(module)});
    console.log('release' in (await takeLock(${JSON.stringify(file)})) ? 'mine' : 'held');
    process.stdin.resume();`;
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  const said = await Promise.all(children.map(async (child) => String((await once(child.stdout, 'data'))[0]).trim()));
  expect(said.sort()).toEqual(['held', 'held', 'held', 'mine']);
  for (const child of children) child.stdin.end();
  await Promise.all(children.map((child) => once(child, 'exit')));
  expect(await lockHolder(file)).toBeUndefined();
});
