/** The error catalogue as a whole, and the document made from it. */
import { describe, expect, test } from 'vitest';
import { definitionsIn, documentedErrors, RETIRED, renderErrors } from '../docs/errors.ts';

describe('the catalogue', async () => {
  const errors = await documentedErrors();

  test('is found', () => {
    expect(errors.map(({ code }) => code)).toContain('LSH_INTERNAL');
  });

  test.each(errors)('$code is well formed', ({ code, message, fix, file }) => {
    expect(code).toMatch(/^LSH(_[A-Z0-9]+)+$/);
    expect(RETIRED, `${code} was retired; take another one in ${file}`).not.toContain(code);
    if (message !== undefined) expect(message, `${file}: the sentence says what happened to what`).toMatch(/\S{2,} \S/);
    if (fix !== undefined) expect(fix, `${file}: the remedy is one or more whole sentences`).toMatch(/^[A-Z<`].*[.!?>]$/s);
  });
});

describe('the document', () => {
  const source = [
    "import { defineError } from '@longshore/core';",
    "export const A: X = defineError('LSH_A', { message: (e: D) => `${e.sink} keeps ${days(e.kept)} of ${e.names.join(', ')}`, fix: 'Do.', retryable: true, exitCode: 1 });",
    "export const B = defineError<void>('LSH_B', { message: () => 'no room', fix: ({ id }) => `Run \\`show ${id}\\`.`, retryable: false, exitCode: 4 });",
    "export const C = defineError('LSH_C', { message: (e) => explain(e), fix: 'Do.', retryable: false, exitCode: 4 });",
  ].join('\n');

  test('reads sentences, with names for their holes', () => {
    expect(definitionsIn('packages/x/src/errors.ts', source)).toEqual([
      { code: 'LSH_A', file: 'packages/x/src/errors.ts', line: 2, message: '<sink> keeps <kept> of <names>', fix: 'Do.' },
      { code: 'LSH_B', file: 'packages/x/src/errors.ts', line: 3, message: 'no room', fix: 'Run `show <id>`.' },
      { code: 'LSH_C', file: 'packages/x/src/errors.ts', line: 4, message: undefined, fix: 'Do.' },
    ]);
  });

  test('lists them by package, safely for Markdown, and the retired ones last', () => {
    const errors = definitionsIn('packages/x/src/errors.ts', source).map((one) => ({
      ...one,
      package: 'x',
      retryable: false,
      exitCode: 4 as const,
    }));
    const text = renderErrors(errors, ['LSH_OLD']);
    expect(text).toContain('## x\n\n### LSH_A\n\n\\<sink> keeps \\<kept> of \\<names>\n\n- To do: Do.\n- Retry: no; exit: 4\n');
    expect(text).toContain('- To do: Run `show <id>`.\n');
    expect(text).toContain('### LSH_C\n\nThe sentence depends on the case.\n');
    expect(text.trimEnd().endsWith('- LSH_OLD')).toBe(true);
  });
});
