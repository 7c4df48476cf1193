import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '@longshore/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeptProcess } from '../src/local-fleet/kept-process.ts';

const quiet: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'longshore-kept-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('one that cannot start has last words of its own, and none of an earlier process', async () => {
  const main = join(dir, 'main.ts');
  await writeFile(main, "process.stderr.write('no such address.\\nGive another.\\n');\nprocess.exit(2);\n");
  const logFile = join(dir, 'api.log');
  await writeFile(logFile, 'the disk of yesterday is full.\n');
  const kept = new KeptProcess({ name: 'api', main, environment: process.env, cwd: dir, logFile, log: quiet, onChange: () => undefined });
  await expect(kept.start()).rejects.toThrow('api ended with exit code 2');
  expect(await kept.lastWords()).toBe('no such address. Give another.');
  await kept.stop(0);
});
