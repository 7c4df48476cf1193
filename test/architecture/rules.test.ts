/** Proves the walk: each rule finds the violation planted for it, in every form an import has, and leaves the innocent alone. */
import { describe, expect, test } from 'vitest';
import { findCycles } from './cycles.ts';
import { readSource } from './imports.ts';
import { checkWorkspace, describe as inWords, type Rule } from './rules.ts';
import type { WorkspacePackage } from './workspace.ts';

/** A package with one file per entry of `files`, and by default every dependency it could need. */
function pkg(folder: string, files: Record<string, string>, overrides: Partial<WorkspacePackage> = {}): WorkspacePackage {
  const name = folder.slice(folder.indexOf('/') + 1);
  const sources = Object.entries(files).map(([file, text]) => ({ path: `${folder}/src/${file}`, text }));
  const imported = sources.flatMap(({ path, text }) => readSource(path, text).imports.map(({ specifier }) => specifier));
  const dependencies = imported
    .filter((specifier) => !/^(\.|node:)/.test(specifier) && specifier !== `@longshore/${name}`)
    .map((specifier) => specifier.match(/^(@[^/]+\/)?[^/]+/)?.[0] ?? '');
  return { name, npmName: `@longshore/${name}`, folder, dependencies, devDependencies: [], exports: ['.'], sources, ...overrides };
}

const base = ['core', 'http', 'spool', 'operations', 'fleet', 'sandbox', 'programs', 'tsdb', 'vitess'].map((name) =>
  pkg(`packages/${name}`, {}),
);

/** Violations in a workspace where `planted` takes the place of the packages of the same name. */
function violations(...planted: WorkspacePackage[]): { rule: Rule; text: string }[] {
  const others = base.filter((one) => !planted.some(({ name }) => name === one.name));
  return checkWorkspace([...others, ...planted]).map((found) => ({ rule: found.rule, text: inWords(found) }));
}

const rules = (...planted: WorkspacePackage[]): Rule[] => [...new Set(violations(...planted).map(({ rule }) => rule))];

describe('an import is seen in every form', () => {
  test.each([
    ["import { Queue } from 'bullmq';"],
    ["import type { Queue } from 'bullmq';"],
    ["import { type Queue } from 'bullmq';"],
    ["import 'bullmq';"],
    ["import * as mq from 'bullmq';"],
    ["export { Queue } from 'bullmq';"],
    ["export type { Queue } from 'bullmq';"],
    ["export * from 'bullmq';"],
    ["export async function load(): Promise<void> { await import('bullmq'); }"],
    ['export const load = () => import(`bullmq`);'],
    ["export type Q = import('bullmq').Queue;"],
    ["const mq = require('bullmq');"],
  ])('%s', (line) => {
    const found = violations(pkg('packages/tsdb', { 'index.ts': `// first line\n${line}\n` }));
    expect(found).toEqual([
      { rule: 'reserved', text: expect.stringContaining('packages/tsdb/src/index.ts:2: imports bullmq; only fleet may') },
    ]);
  });

  test('and text that only looks like one is not', () => {
    const text = `// import { Queue } from 'bullmq'\nconst s = "import('bullmq')"; const t = \`export * from 'bullmq'\`; const r = /require('bullmq')/;`;
    expect(readSource('x.ts', text).imports).toEqual([]);
  });

  test('a file that does not parse is named', () => {
    expect(() => readSource('packages/tsdb/src/broken.ts', 'import {')).toThrow(/packages\/tsdb\/src\/broken\.ts does not parse/);
  });
});

describe('layers', () => {
  test.each([
    ['core', 'operations'],
    ['http', 'spool'],
    ['spool', 'operations'],
    ['operations', 'fleet'],
    ['fleet', 'operations'],
    ['programs', 'fleet'],
    ['sandbox', 'tsdb'],
    ['tsdb', 'fleet'],
    ['tsdb', 'vitess'],
    ['tsdb', 'operations'],
    ['vitess', 'spool'],
  ])('%s may not import %s', (from, to) => {
    const found = violations(pkg(`packages/${from}`, { 'index.ts': `import type { X } from '@longshore/${to}';\n` }));
    expect(found.map(({ rule }) => rule)).toEqual(['layer', 'layer']); // the dependency in package.json, and the import
    expect(found[1]?.text).toMatch(new RegExp(`src/index\\.ts:1: imports @longshore/${to}; ${from} may import .* because `));
  });

  test.each([
    ['apps/dumper', 'sandbox'],
    ['apps/dumper', 'programs'],
    ['apps/api', 'http'],
  ])('%s may not import %s', (folder, to) => {
    expect(rules(pkg(folder, { 'main.ts': `import '@longshore/${to}';\n` }))).toEqual(['layer']);
  });

  test('apps do not import each other', () => {
    expect(rules(pkg('apps/dumper', {}), pkg('apps/cli', { 'main.ts': "import '@longshore/dumper';\n" }))).toEqual(['layer']);
  });

  test('the sandbox is for the demo of the cli alone', () => {
    const line = "import '@longshore/sandbox';\n";
    expect(rules(pkg('apps/cli', { 'commands/submit.ts': line, 'commands/undemo.ts': line }))).toEqual(['layer']);
    expect(rules(pkg('apps/cli', { 'demo/main.ts': line, 'commands/demo.ts': line }))).toEqual([]);
  });

  test('a package the table does not know is refused', () => {
    expect(rules(pkg('packages/utils', {}))).toEqual(['unknown-package']);
  });

  test('what is allowed passes', () => {
    const apps = pkg('apps/dumper', {
      'main.ts': "import '@longshore/fleet';\nimport '@longshore/tsdb';\nimport '@longshore/operations';\n",
    });
    const tsdb = pkg('packages/tsdb', {
      'index.ts': "import '@longshore/http';\nimport '@longshore/spool';\nimport 'zod';\nimport './model.ts';\n",
      'model.ts': '',
    });
    expect(violations(apps, tsdb)).toEqual([]);
  });
});

describe('front doors', () => {
  test.each([
    ["import { x } from '@longshore/core/src/words.ts';"],
    ["import { x } from '@longshore/core/memory';"],
    ["import { x } from '../../core/src/words.ts';"],
    ["import { x } from '../test/fixtures.ts';"],
    ["import { x } from '@longshore/spool';"], // itself
  ])('%s in spool is a deep import', (line) => {
    expect(rules(pkg('packages/spool', { 'index.ts': line }))).toEqual(['deep-import']);
  });

  test('a second door in `exports` may be used', () => {
    const core = pkg('packages/core', {}, { exports: ['.', './memory'] });
    expect(violations(core, pkg('packages/spool', { 'index.ts': "import '@longshore/core/memory';" }))).toEqual([]);
  });
});

describe('dependencies', () => {
  test.each([
    ['ioredis', 'packages/operations'],
    ['undici', 'packages/tsdb'],
    ['node-zookeeper-client', 'packages/tsdb'],
    ['bullmq', 'apps/api'],
  ])('%s is not for %s', (library, folder) => {
    expect(rules(pkg(folder, { 'index.ts': `import '${library}';` }))).toEqual(['reserved']);
  });

  test('what is imported is declared', () => {
    const found = violations(pkg('packages/http', { 'index.ts': "import 'undici';\nimport 'vitest';" }, { dependencies: ['undici'] }));
    expect(found).toEqual([
      { rule: 'undeclared', text: expect.stringContaining('vitest is not in the dependencies of packages/http/package.json') },
    ]);
  });

  test('development tools stand in the root alone', () => {
    expect(rules(pkg('packages/http', {}, { devDependencies: ['vitest'] }))).toEqual(['test-only']);
  });
});

describe('ports', () => {
  const impure = [
    'const now = Date.now();',
    'const clock = { now: Date.now };',
    'const at = new Date();',
    'const at = performance.now();',
    'const r = Math.random();',
    'const id = crypto.randomUUID();',
    'setTimeout(() => {}, 5);',
    'globalThis.setTimeout(() => {}, 5);',
    'setInterval(() => {}, 5);',
    'const signal = AbortSignal.timeout(5);',
    "const page = await fetch('x');",
    "import { readFile } from 'node:fs/promises';",
    "import { connect } from 'net';",
    "import http from 'node:http';",
    "import { spawn } from 'node:child_process';",
    "import { setTimeout as wait } from 'node:timers/promises';",
    "import { randomBytes } from 'node:crypto';",
  ];
  const places = [
    ['packages/core', 'words.ts'],
    ['packages/operations', 'advance.ts'],
    ['packages/tsdb', 'plan/windows.ts'],
  ] as const;
  test.each(places.flatMap(([folder, file]) => impure.map((line) => [folder, file, line] as const)))(
    '%s/src/%s: %s',
    (folder, file, line) => {
      expect(rules(pkg(folder, { [file]: line }))).toEqual(['ports']);
    },
  );

  test('elsewhere the world may be touched', () => {
    expect(violations(pkg('packages/core', { 'system.ts': 'export const now = () => Date.now();' }))).toEqual([]);
    expect(violations(pkg('packages/fleet', { 'index.ts': 'export const now = () => Date.now();' }))).toEqual([]);
    expect(violations(pkg('packages/tsdb', { 'tasks/dump.ts': 'export const now = () => Date.now();' }))).toEqual([]);
  });

  test('dates that come from data, hashes and paths are pure', () => {
    const text =
      "import { createHash } from 'node:crypto';\nimport { join } from 'node:path';\nexport const day = (ms: number): Date => new Date(ms);\nclock.setTimeout(5);";
    expect(violations(pkg('packages/core', { 'words.ts': text }))).toEqual([]);
  });
});

describe('cycles', () => {
  test('between files, types included', () => {
    const found = violations(
      pkg('packages/spool', {
        'a.ts': "import type { B } from './b.ts';",
        'b.ts': "export * from './sub/c.ts';",
        'sub/c.ts': "import '../a.ts';",
      }),
    );
    const ring = 'packages/spool/src/a.ts -> packages/spool/src/b.ts -> packages/spool/src/sub/c.ts -> packages/spool/src/a.ts';
    expect(found).toEqual([{ rule: 'cycle', text: expect.stringContaining(ring) }]);
  });

  test('between packages', () => {
    const found = violations(
      pkg('packages/core', { 'index.ts': "import '@longshore/http';" }),
      pkg('packages/http', { 'index.ts': "import '@longshore/core';" }),
    );
    expect(found.map(({ rule }) => rule)).toContain('cycle');
  });

  test('two rings are both found, a tree has none', () => {
    const graph = (text: string): Map<string, Set<string>> =>
      new Map(text.split(' ').map((part) => [part.slice(0, 1), new Set(part.slice(1))]));
    expect(findCycles(graph('ab bc ca de ed f'))).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
    expect(findCycles(graph('aa'))).toEqual([['a']]);
    expect(findCycles(graph('abc bd cd d'))).toEqual([]);
  });
});
