/** Bounds of the store, one place. */

/** Events kept of one operation for watching; older ones go. */
export const EVENTS_KEPT = 5_000;

/** Notes kept in a report; the rest is counted. */
export const NOTES_KEPT = 1_000;

/** Numbers kept of one series of an operation: of more, every second one goes, so that the older part of a curve grows coarser. */
export const SAMPLES_KEPT = 1_000;

/** Characters of JSON that one exhibit of an operation may have. */
export const EXHIBIT_CHARS = 262_144;

/** Live tasks of all operations together that may have a job in the queues. */
export const LIVE_UNITS = 192;

/** An attempt that has not been seen for so long is taken for dead where nothing else tells, in ms. */
export const ATTEMPT_SILENCE_MS = 30_000;

/** A spool that nobody serves for so long makes its operations need attention, in ms. */
export const SPOOL_AWAY_MS = 180_000;

/** Longest time of one attempt, where a task does not say, in ms. */
export const TASK_DEADLINE_MS = 21_600_000;

/** Longest time of one attempt at closing a guard, and at taking a step back, where the task does not say less, in ms. */
export const CLOSING_DEADLINE_MS = 60_000;
export const UNDO_DEADLINE_MS = 600_000;

/** Longest time a change can take effect after it was sent, where a kind does not say, in ms. */
export const ACTION_MS = 60_000;

/** An approval that was asked for and not given for so long fails the operation, in ms. */
export const APPROVAL_WAIT_MS = 604_800_000;

/** An approval is good for so long, where the person does not say, in ms. */
export const APPROVAL_LIFE_MS = 86_400_000;

/** What must be done (a guard to be closed, a step to be taken back) and failed is tried again this often, in ms. */
export const ATTENTION_RETRY_MS = 60_000;

/** A plan older than this is made again and compared before it runs, in ms. */
export const PLAN_FRESH_MS = 60_000;
