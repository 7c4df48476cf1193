/** Bounds of the store, one place. */

/** Events kept of one operation for watching; older ones go. */
export const EVENTS_KEPT = 5_000;

/** Notes kept in a report; the rest is counted. */
export const NOTES_KEPT = 1_000;

/** Live tasks of all operations together that may have a job in the queues. */
export const LIVE_UNITS = 192;

/** An attempt that has not been seen for so long is taken for dead where nothing else tells, in ms. */
export const ATTEMPT_SILENCE_MS = 30_000;

/** A spool that nobody serves for so long makes its operations need attention, in ms. */
export const SPOOL_AWAY_MS = 180_000;
