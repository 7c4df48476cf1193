/**
 * Assembles CHANGELOG.md from the fragments in changes/.
 *
 * `--check` compares, `--write` renews the section "Unreleased", and `--release 1.2.0 2026-11-21` turns that section into a version's
 * and removes the fragments it was made of. Released sections are never touched again.
 */
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, read, settle } from './generated.ts';

/** In the order a reader wants them. */
export const CHANGE_KINDS = ['Security', 'Removed', 'Changed', 'Added', 'Fixed'] as const;

export interface Fragment {
  file: string;
  kind: (typeof CHANGE_KINDS)[number];
  /** One sentence for the user. */
  summary: string;
  /** Paragraphs, possibly none. */
  body: string;
}

const UNRELEASED = '## Unreleased';
const HEAD = `# Changelog

<!-- "Unreleased" is assembled from changes/*.md by test/docs/changelog.ts; add a fragment and run \`node test/docs/changelog.ts --write\`. -->
`;

/** Reads one fragment: `Kind: A sentence.`, then perhaps an empty line and paragraphs. Throws saying what is wrong with it. */
export function parseFragment(file: string, text: string): Fragment {
  const [first = '', second = '', ...rest] = text.trimEnd().split('\n');
  const match = /^(\w+): (\S.*[.!?])$/.exec(first);
  const kind = CHANGE_KINDS.find((name) => name === match?.[1]);
  if (!kind || match?.[2] === undefined)
    throw new Error(`${file}: the first line must be "Kind: A sentence.", with one of ${CHANGE_KINDS.join(', ')}`);
  if (second !== '') throw new Error(`${file}: the second line must be empty`);
  return { file, kind, summary: match[2], body: rest.join('\n').trim() };
}

/** A section of the changelog: a heading, then the changes by kind. */
export function renderSection(heading: string, fragments: readonly Fragment[]): string {
  const lines = [heading, ''];
  for (const kind of CHANGE_KINDS) {
    const some = fragments.filter((fragment) => fragment.kind === kind);
    if (some.length === 0) continue;
    lines.push(`### ${kind}`, '');
    for (const { summary, body } of some) {
      lines.push(`- ${summary}`);
      if (body !== '') lines.push('', ...body.split('\n').map((line) => (line === '' ? '' : `  ${line}`)), '');
    }
    if (lines.at(-1) !== '') lines.push('');
  }
  return lines.join('\n');
}

/** The whole file: the head, one section for what is not released, then the released sections of `current` as they are. */
export function renderChangelog(current: string, fragments: readonly Fragment[], heading: string = UNRELEASED): string {
  const released = current
    .split(/^(?=## )/m)
    .filter((section) => section.startsWith('## ') && section.trim().split('\n')[0] !== UNRELEASED);
  const section = fragments.length > 0 || heading !== UNRELEASED ? [renderSection(heading, fragments)] : [];
  return `${[HEAD, ...section, ...released.map((text) => `${text.trimEnd()}\n`)].join('\n').trimEnd()}\n`;
}

function fragments(): Fragment[] {
  const files = globSync('changes/*.md', { cwd: ROOT }).sort();
  return files.map((file) => parseFragment(file, readFileSync(join(ROOT, file), 'utf8')));
}

function main([mode, version, date]: readonly string[]): number {
  const path = join(ROOT, 'CHANGELOG.md');
  const current = read(path) ?? '';
  if (mode !== '--release') return settle(mode, 'CHANGELOG.md', renderChangelog(current, fragments()), 'test/docs/changelog.ts');
  if (!/^\d+\.\d+\.\d+$/.test(version ?? '') || !/^\d{4}-\d\d-\d\d$/.test(date ?? '')) {
    console.error('usage: node test/docs/changelog.ts --release 1.2.0 2026-11-21');
    return 2;
  }
  const released = fragments();
  writeFileSync(path, renderChangelog(current, released, `## ${version} (${date})`));
  for (const { file } of released) rmSync(join(ROOT, file));
  return 0;
}

if (import.meta.main) {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
