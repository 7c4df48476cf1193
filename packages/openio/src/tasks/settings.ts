/** Bounds of the tasks, one place. */
import type { RetryPolicy, TaskContext } from '@longshore/core';

/** Services may be away for a while. */
export const PATIENT: RetryPolicy = { attempts: 12, firstPauseMs: 200, maxPauseMs: 15_000 };
/** While something is frozen: what does not work soon is given up, so that clients can write again. */
export const BRISK: RetryPolicy = { attempts: 6, firstPauseMs: 100, maxPauseMs: 2_000 };

/** How often a base is made to leave before it is tried again later: clients begin its election anew all the time. */
export const LEAVES = 20;
/** How long a new election is waited for, each time. */
export const ELECTION_MS = 30_000;
/** How long the last look is repeated until all is as it must be. */
export const CHECK_MS = 60_000;

/** Draws a step out, before and after it acts, so that it can be watched. Zero in earnest. */
export async function drawnOut(
  { clock, signal }: Pick<TaskContext<unknown>, 'clock' | 'signal'>,
  pauseMs: number,
  act: () => Promise<void>,
): Promise<void> {
  await clock.sleep(pauseMs / 2, signal);
  await act();
  await clock.sleep(pauseMs / 2, signal);
}
