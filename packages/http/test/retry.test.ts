import type { Clock, Random } from '@longshore/core';
import { expect, test } from 'vitest';
import { Broken, MAX_RETRY_AFTER_MS, parseRetryAfter, pauseBefore, retry, TooLarge } from '../src/index.ts';

function clockWithLog(): { clock: Clock; slept: number[] } {
  const slept: number[] = [];
  return { slept, clock: { now: () => 0, sleep: async (ms) => void slept.push(ms) } };
}
const random: Random = { next: () => 0.5, id: () => 'x' };
const policy = { attempts: 4, firstPauseMs: 100, maxPauseMs: 300 };
const broken = (retryAfterMs?: number) =>
  Broken({ what: 'w', origin: 'o', reason: 'r' }, retryAfterMs === undefined ? {} : { retryAfterMs });

test('retries with growing, bounded, jittered pauses and gives up with the last error', async () => {
  const { clock, slept } = clockWithLog();
  const seen: number[] = [];
  const failing = retry(policy, clock, random, async (attempt) => Promise.reject(Object.assign(broken(), { attempt })), {
    onRetry: ({ failures }) => seen.push(failures),
  });
  await expect(failing).rejects.toMatchObject({ attempt: 4 });
  expect(slept).toEqual([50, 100, 150]);
  expect(seen).toEqual([1, 2, 3]);
});

test('waits at least as long as the server asked, within the bound', async () => {
  const { clock, slept } = clockWithLog();
  const errors = [broken(5_000), broken(3_600_000)];
  expect(await retry(policy, clock, random, async () => (errors.length > 0 ? Promise.reject(errors.shift()) : 'ok'))).toBe('ok');
  expect(slept).toEqual([5_000, MAX_RETRY_AFTER_MS]);
  expect(pauseBefore(60, policy, { ...random, next: () => 0.999 })).toBe(300);
});

test('does not retry what cannot be helped, nor after an abort', async () => {
  const { clock, slept } = clockWithLog();
  await expect(retry(policy, clock, random, () => Promise.reject(TooLarge({ what: 'w', origin: 'o', maxBytes: 1 })))).rejects.toMatchObject(
    { code: 'LSH_HTTP_TOO_LARGE' },
  );
  await expect(retry(policy, clock, random, () => Promise.reject(new Error('bug')))).rejects.toThrow('bug');
  const abort = new AbortController();
  const aborting = retry(
    policy,
    clock,
    random,
    () => {
      abort.abort();
      return Promise.reject(broken());
    },
    { signal: abort.signal },
  );
  await expect(aborting).rejects.toMatchObject({ code: 'LSH_HTTP_BROKEN' });
  expect(slept).toEqual([]);
});

test('reads Retry-After in both forms', () => {
  const now = Date.UTC(2026, 0, 1);
  expect(parseRetryAfter('3', now)).toBe(3000);
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:10 GMT', now)).toBe(10_000);
  expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:10 GMT', now)).toBe(0);
  for (const nothing of [undefined, '', 'soon', '-3']) expect(parseRetryAfter(nothing, now)).toBeUndefined();
});
