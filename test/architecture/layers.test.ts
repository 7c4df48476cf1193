/** Walks every import of every source file in apps/ and packages/ and holds it against layers.ts. */
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect, test } from 'vitest';
import { CONVERSATION_LINES, LAYERS, PORTS_ONLY } from './layers.ts';
import { checkWorkspace, describe as inWords } from './rules.ts';
import { ROOT, readWorkspace } from './workspace.ts';

const packages = readWorkspace();
const sources = packages.flatMap((pkg) => pkg.sources);

test('the walk sees the workspace', () => {
  expect(packages.map((pkg) => pkg.name)).toEqual(expect.arrayContaining(['core', 'fleet', 'tsdb', 'cli']));
  expect(sources.map((file) => file.path)).toContain('packages/core/src/index.ts');
});

test('everybody imports only what lies below, by the front door', () => {
  expect(checkWorkspace(packages).map(inWords)).toEqual([]);
});

test('the table names only packages and files that can exist', () => {
  for (const [name, layer] of Object.entries(LAYERS))
    for (const other of layer.may) expect(LAYERS, `${name} may import ${other}`).toHaveProperty(other);
  for (const { except } of PORTS_ONLY) if (except !== undefined) expect(existsSync(join(ROOT, except)), except).toBe(true);
});

/** Folders that a tsconfig.json refers to, from the repository's root. */
function references(folder: string): string[] {
  const config = JSON.parse(readFileSync(join(ROOT, folder, 'tsconfig.json'), 'utf8')) as { references?: { path: string }[] };
  return (config.references ?? []).map(({ path }) => posix.join(folder, path)).sort();
}

test('TypeScript builds what is depended on, and everything', () => {
  const folderOf = new Map(packages.map((pkg) => [pkg.npmName, pkg.folder]));
  for (const pkg of packages) {
    const wanted = pkg.dependencies.flatMap((name) => folderOf.get(name) ?? []).sort();
    expect(references(pkg.folder), `references in ${pkg.folder}/tsconfig.json follow its dependencies`).toEqual(wanted);
  }
  expect(references('.'), 'references in tsconfig.json').toEqual([...folderOf.values(), 'test'].sort());
});

test('long files are named (and fail nothing)', () => {
  const long = sources
    .map(({ path, text }) => ({ path, lines: text.split('\n').length }))
    .filter(({ lines }) => lines > CONVERSATION_LINES);
  for (const { path, lines } of long)
    console.warn(`${path} has ${lines} lines; beyond ${CONVERSATION_LINES} a file is worth a conversation`);
});
