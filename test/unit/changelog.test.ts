/** Changelog fragments: what they may look like, and what is made of them. */
import { expect, test } from 'vitest';
import { parseFragment, renderChangelog } from '../docs/changelog.ts';

const added = parseFragment('changes/a.md', 'Added: A thing.\n\nIt does\nmuch.\n\nAnd more.\n');
const fixed = parseFragment('changes/b.md', 'Fixed: A fault.\n');

test('a fragment has a kind, a sentence, and perhaps paragraphs', () => {
  expect(added).toEqual({ file: 'changes/a.md', kind: 'Added', summary: 'A thing.', body: 'It does\nmuch.\n\nAnd more.' });
  expect(fixed.body).toBe('');
});

test.each([['Added a thing.'], ['Invented: A thing.'], ['Added: A thing'], ['Added: A thing.\nand more'], ['']])(
  '%j is refused by name',
  (text) => {
    expect(() => parseFragment('changes/c.md', text)).toThrow(/^changes\/c\.md: /);
  },
);

test('sections stand newest first, changes by kind; assembling twice changes nothing', () => {
  const first = renderChangelog('', [fixed, added]);
  expect(first).toContain('## Unreleased\n\n### Added\n\n- A thing.\n\n  It does\n  much.\n\n  And more.\n\n### Fixed\n\n- A fault.\n');
  expect(renderChangelog(first, [fixed, added])).toBe(first);
});

test('a release keeps its text for ever', () => {
  const released = renderChangelog('', [added], '## 1.0.0 (2026-11-21)');
  const next = renderChangelog(released, [fixed]);
  expect(next).toMatch(/## Unreleased\n\n### Fixed\n\n- A fault\.\n\n## 1\.0\.0 \(2026-11-21\)\n\n### Added\n\n- A thing\./);
  expect(renderChangelog(next, [])).toBe(released);
});
