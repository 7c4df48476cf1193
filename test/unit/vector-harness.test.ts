/** What the suite of recorded cases tells, seen from outside: a real Vitest in a process of its own, on a small folder of cases. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const TIMEOUT_MS = 60_000;
const SUITE = `import { expect } from 'vitest';
import { vectorSuite } from './harness.ts';
vectorSuite('demo', {
  async run({ data }) {
    if (!('values' in data)) throw new Error('unknown shape');
    for (const value of data.values) expect(value).toBe(1);
    return 'as the original';
  },
  noCase: ({ file }) => (file === 'readme.json' ? 'a description' : undefined),
  cannotRun: ({ data }) => data.needs,
});
`;

let project: string;
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'longshore-vectors-'));
  symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));
  copyFileSync(join(ROOT, 'test', 'vectors', 'harness.ts'), join(project, 'harness.ts'));
  writeFileSync(join(project, 'demo.test.ts'), SUITE);
  writeFileSync(
    join(project, 'vitest.config.mjs'),
    `export default { test: { reporters: ${JSON.stringify([join(ROOT, 'test', 'reporter.ts')])} } };\n`,
  );
  mkdirSync(join(project, 'demo'));
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

async function lines(cases: Record<string, unknown>): Promise<string[]> {
  for (const [file, data] of Object.entries(cases)) writeFileSync(join(project, 'demo', file), JSON.stringify(data));
  const program = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const stdout = await new Promise<string>((resolve) => {
    execFile(process.execPath, [program, 'run', '--root', project], (_error, out) => resolve(out));
  });
  return stdout.trimEnd().split('\n');
}

test(
  'each case has a line with its number of assertions; a file that is no case says what it is',
  async () => {
    expect(await lines({ 'a.json': { values: [1, 1, 1] }, 'readme.json': {} })).toEqual([
      'vector demo/a.json: 3 assertions, as the original',
      'vector demo/readme.json: 0 assertions, no case: a description',
      '3 passed, 0 failed',
    ]);
  },
  TIMEOUT_MS,
);

test(
  'a case without an assertion fails, and so does one of a shape nobody knows',
  async () => {
    expect(await lines({ 'empty.json': { values: [] }, 'good.json': { values: [1] }, 'new.json': { other: 1 } })).toEqual([
      'vector demo/good.json: 1 assertions, as the original',
      '2 passed, 2 failed',
    ]);
  },
  TIMEOUT_MS,
);

test(
  'a case whose server is missing is left out, not failed, and the reason is told',
  async () => {
    expect(await lines({ 'a.json': { values: [1] }, 'far.json': { values: [2], needs: 'there is no ZooKeeper' } })).toEqual([
      'vector demo/a.json: 1 assertions, as the original',
      'NOT TESTED: 1 of 3 tests of demo.test.ts (there is no ZooKeeper)',
      '2 passed, 0 failed, 1 skipped',
    ]);
  },
  TIMEOUT_MS,
);
