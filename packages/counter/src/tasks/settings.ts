/** Bounds of the tasks, one place. */
import type { RetryPolicy, TaskContext } from '@longshore/core';

/** Steps outside a guard: a service may be away for a while. */
export const PATIENT: RetryPolicy = { attempts: 12, firstPauseMs: 200, maxPauseMs: 10_000 };
/** Steps inside a guard: what does not work soon is given up, so that clients can write again. */
export const BRISK: RetryPolicy = { attempts: 5, firstPauseMs: 100, maxPauseMs: 1_000 };

/**
 * Draws a step out, half before it acts and half after, so that it can be watched, and killed in between. Zero in earnest.
 */
export async function drawnOut(
  { clock, signal }: Pick<TaskContext<unknown>, 'clock' | 'signal'>,
  pauseMs: number,
  act: () => Promise<void>,
): Promise<void> {
  await clock.sleep(pauseMs / 2, signal);
  await act();
  await clock.sleep(pauseMs / 2, signal);
}
