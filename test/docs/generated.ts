/** What the programs that generate a document share: `--check` compares, `--write` writes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export const ROOT: string = join(import.meta.dirname, '..', '..');

/** Compares or writes one document; returns the exit code. `program` is what a person runs to renew it. */
export function settle(mode: string | undefined, document: string, text: string, program: string): number {
  const path = join(ROOT, document);
  if (mode === '--write') {
    writeFileSync(path, text);
    return 0;
  }
  if (mode !== '--check') {
    console.error(`usage: node ${program} --check | --write`);
    return 2;
  }
  const found = read(path);
  if (found === text) return 0;
  console.error(
    `${relative(ROOT, path)} is ${found === undefined ? 'missing' : `out of date (${firstDifference(found, text)})`}; renew it with: node ${program} --write`,
  );
  return 1;
}

/** The text of a file, or undefined when there is none. */
export function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function firstDifference(found: string, wanted: string): string {
  const [have, want] = [found.split('\n'), wanted.split('\n')];
  const line = want.findIndex((text, index) => text !== have[index]);
  if (line < 0) return `${have.length - want.length} lines too many at the end`;
  return `line ${line + 1}: has ${JSON.stringify(have[line] ?? '')}, should have ${JSON.stringify(want[line])}`;
}
