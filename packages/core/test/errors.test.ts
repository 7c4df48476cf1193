import { expect, test } from 'vitest';
import { assertTransition, defineError, errorCatalogue, errorData, FINAL_STATES, InternalError, LongshoreError } from '../src/index.ts';

const Example = defineError<{ what: string }>('LSH_TEST_EXAMPLE', {
  message: ({ what }) => `${what} is not there`,
  fix: ({ what }) => `Bring ${what}.`,
  retryable: true,
  exitCode: 5,
});

test('an entry makes errors that are plain data at heart', () => {
  const cause = new Error('deeper');
  const error = Example({ what: 'it' }, { cause, retryAfterMs: 500 });
  expect(error).toBeInstanceOf(LongshoreError);
  expect(error).toMatchObject({ name: 'LSH_TEST_EXAMPLE', code: 'LSH_TEST_EXAMPLE', message: 'it is not there', cause });
  expect(JSON.parse(JSON.stringify(error.data))).toEqual({
    code: 'LSH_TEST_EXAMPLE',
    message: 'it is not there',
    fix: 'Bring it.',
    retryable: true,
    exitCode: 5,
    retryAfterMs: 500,
  });
  expect(Example({ what: 'it' }).data).not.toHaveProperty('retryAfterMs');
});

test('an entry knows its own, also after they have crossed a process', () => {
  const crossed = new LongshoreError(JSON.parse(JSON.stringify(Example({ what: 'it' }).data)));
  expect(Example.is(crossed)).toBe(true);
  expect(Example.is(InternalError({ cause: 'x' }))).toBe(false);
  expect(Example.is(new Error('LSH_TEST_EXAMPLE'))).toBe(false);
  expect(Example.is(undefined)).toBe(false);
});

test('anything thrown becomes data', () => {
  expect(errorData(Example({ what: 'it' })).code).toBe('LSH_TEST_EXAMPLE');
  for (const thrown of [new TypeError('odd'), 'odd'])
    expect(errorData(thrown)).toMatchObject({ code: 'LSH_INTERNAL', message: 'an unexpected error: odd', retryable: true });
  expect(errorData(undefined).message).toBe('an unexpected error: undefined');
});

test('a code is given once, and the catalogue is sorted', () => {
  expect(() => defineError('LSH_TEST_EXAMPLE', { message: () => '', fix: '', retryable: false, exitCode: 1 })).toThrow(/defined twice/);
  const codes = errorCatalogue().map(({ code }) => code);
  expect(codes).toEqual(codes.toSorted());
  expect(codes).toContain('LSH_TEST_EXAMPLE');
});

test('an operation goes only the ways of the diagram', () => {
  expect(() => assertTransition('running', 'paused')).not.toThrow();
  expect(() => assertTransition('running', 'running')).not.toThrow();
  expect(() => assertTransition('running', 'planned')).toThrow('an operation cannot go from running to planned');
  // What has failed can be tried again by hand; nothing else that is over begins again.
  for (const state of FINAL_STATES) {
    const going = expect(() => assertTransition(state, 'running'));
    if (state === 'failed') going.not.toThrow();
    else going.toThrow(/cannot go/);
  }
});
