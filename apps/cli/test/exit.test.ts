import type { OperationState } from '@longshore/core';
import { EXIT } from '@longshore/core';
import { expect, test } from 'vitest';
import { BadUsage } from '../src/errors.ts';
import { exitCodeOf, isOver, tellError } from '../src/exit.ts';

const failure = (exitCode: 1 | 3 | 4 | 5) => ({ code: 'LSH_X', message: 'x', fix: '', retryable: false, exitCode });

test.each([
  [{ state: 'succeeded' as const }, 0],
  [{ state: 'failed' as const }, 1],
  [{ state: 'failed' as const, error: failure(EXIT.incomplete) }, 3],
  [{ state: 'failed' as const, error: failure(EXIT.refused) }, 4],
  [{ state: 'failed' as const, error: failure(EXIT.unreachable) }, 5],
  [{ state: 'cancelled' as const }, 1],
  [{ state: 'cancelled' as const, error: failure(EXIT.incomplete) }, 3],
  [{ state: 'discarded' as const }, 4],
  [{ state: 'needs-attention' as const, error: failure(EXIT.failed) }, 6],
  [{ state: 'planned' as const }, 0],
])('%o ends with %i', (header, code) => expect(exitCodeOf(header)).toBe(code));

test('watching ends where nothing goes on by itself', () => {
  const over = (
    ['submitted', 'planned', 'running', 'paused', 'succeeded', 'failed', 'cancelled', 'discarded', 'needs-attention'] as OperationState[]
  ).filter((state) => isOver({ state, mode: 'run' }));
  expect(over).toEqual(['succeeded', 'failed', 'cancelled', 'discarded', 'needs-attention']);
  expect(isOver({ state: 'planned', mode: 'plan' })).toBe(true);
});

test('an error is a sentence and what to do, without a stack', () => {
  const told = tellError(BadUsage({ problem: 'the flag --source is missing', command: 'longshore tsdb dump' }), {});
  expect(told).toEqual({
    text: 'The flag --source is missing.\n`longshore tsdb dump --help` shows what it takes, with examples.\n',
    exitCode: 2,
  });
  const unknown = tellError(new Error('boom'), {});
  expect(unknown.exitCode).toBe(1);
  expect(unknown.text).not.toMatch(/\n\s+at /);
  expect(tellError(new Error('boom'), { LONGSHORE_LOG: 'debug' }).text).toMatch(/\n\s+at /);
});
