/** The last line of a run, seen from outside: a real Vitest in a process of its own, on a small project that ends in every way. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
/** A Vitest of its own takes half a second; a busy machine may need much longer. */
const TIMEOUT_MS = 60_000;

let project: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'longshore-reporter-'));
  symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

/** Runs Vitest on one test file; resolves with the last line of its output and whether the exit code was 0. */
async function lastLine(source: string): Promise<{ line: string; ok: boolean }> {
  writeFileSync(join(project, 'one.test.mjs'), `import { beforeAll, describe, expect, test } from 'vitest';\n${source}`);
  const reporters = JSON.stringify(['default', join(ROOT, 'test', 'reporter.ts')]);
  writeFileSync(join(project, 'vitest.config.mjs'), `export default { test: { reporters: ${reporters} } };\n`);
  const program = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const { stdout, ok } = await new Promise<{ stdout: string; ok: boolean }>((resolve) => {
    execFile(process.execPath, [program, 'run', '--root', project], { env: { ...process.env, FORCE_COLOR: '1' } }, (error, stdout) =>
      resolve({ stdout, ok: error === null }),
    );
  });
  return { line: stdout.trimEnd().split('\n').at(-1) ?? '', ok };
}

test.each([
  ['all is well', "test('a', () => {}); test('b', () => {});", '2 passed, 0 failed', true],
  [
    'one fails, one is skipped',
    "test('a', () => {}); test('b', () => expect(1).toBe(2)); test.skip('c', () => {});",
    '1 passed, 1 failed, 1 skipped',
    false,
  ],
  ['a file does not load', "throw new Error('no');", '0 passed, 1 failed', false],
  [
    'a hook fails',
    "describe('d', () => { beforeAll(() => { throw new Error('no'); }); test('a', () => {}); });",
    '0 passed, 1 failed, 1 skipped',
    false,
  ],
  [
    'a rejection is handled by nobody',
    "test('a', async () => { Promise.reject(new Error('no')); await new Promise(setImmediate); });",
    '1 passed, 1 failed',
    false,
  ],
])(
  '%s',
  async (_case, source, line, ok) => {
    expect(await lastLine(source)).toEqual({ line, ok });
  },
  TIMEOUT_MS,
);
