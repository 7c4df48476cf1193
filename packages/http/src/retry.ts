/** Trying again: exponential pauses with full jitter, never shorter than the other side asked for, always bounded. */

import type { Clock, Random, RetryPolicy } from '@longshore/core';
import { LongshoreError } from '@longshore/core';

export interface RetryOptions {
  signal?: AbortSignal;
  /** Called before each pause. */
  onRetry?: (retry: { failures: number; pauseMs: number; error: LongshoreError }) => void;
}

/** However long a server asks to be left alone, a handler waits no longer than this; the task's own retries go on from there. */
export const MAX_RETRY_AFTER_MS = 120_000;

/**
 * Runs `fn` until it succeeds, at most `policy.attempts` times. Only catalogue errors marked retryable are tried again;
 * anything else, and the last failure, is thrown as it is.
 */
export async function retry<T>(
  policy: RetryPolicy,
  clock: Clock,
  random: Random,
  fn: (attempt: number) => Promise<T>,
  options: RetryOptions = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    try {
      return await fn(attempt);
    } catch (error) {
      if (!(error instanceof LongshoreError) || !error.data.retryable || attempt >= policy.attempts || options.signal?.aborted) throw error;
      const pauseMs = pauseBefore(attempt, policy, random, error.data.retryAfterMs);
      options.onRetry?.({ failures: attempt, pauseMs, error });
      await clock.sleep(pauseMs, options.signal);
    }
  }
}

/** The pause after `failures` failures, in whole ms. */
export function pauseBefore(failures: number, policy: RetryPolicy, random: Random, retryAfterMs?: number): number {
  const ceiling = Math.min(policy.maxPauseMs, policy.firstPauseMs * 2 ** Math.min(failures - 1, 30));
  const jittered = Math.ceil(ceiling * random.next());
  return Math.max(jittered, Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
}

/** Reads `Retry-After`, seconds or an HTTP date, as ms from now. Undefined when absent or unreadable. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const at = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
