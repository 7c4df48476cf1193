/** Bounds of the tasks, one place. */
import type { RetryPolicy } from '@longshore/core';

/** Steps outside a guard: a vtctld may be away for a while. */
export const PATIENT: RetryPolicy = { attempts: 12, firstPauseMs: 500, maxPauseMs: 20_000 };
/** A person waits for the answer. */
export const SOON: RetryPolicy = { attempts: 3, firstPauseMs: 500, maxPauseMs: 2_000 };
/** Steps while writes may be stopped: what does not work soon is given up, so that clients can write again. */
export const BRISK: RetryPolicy = { attempts: 5, firstPauseMs: 200, maxPauseMs: 2_000 };
/** The original tries nothing twice; a command that was never answered is looked up and sent again. */
export const ORIGINAL: RetryPolicy = { attempts: 3, firstPauseMs: 1_000, maxPauseMs: 10_000 };
