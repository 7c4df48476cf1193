/** Bounds of the tasks, one place. */
import type { RetryPolicy } from '@longshore/core';

/** A dependency may be away for a while: about half an hour of tries before a batch is given up. */
export const PATIENT: RetryPolicy = { attempts: 30, firstPauseMs: 500, maxPauseMs: 60_000 };

/** Dumps that read one source at a time, over the whole fleet. */
export const SOURCE_LIMIT = 4;
/** A dumper that has died keeps its place at the source no longer than this. */
export const PERMIT_MS = 90_000;
/** A place is asked for anew after this, well before it runs out. */
export const RENEW_MS = 20_000;
export const SOURCE_BUSY_MS = 500;

/** Restores that write to one sink at a time when it never pushes back. */
export const SINK_LIMIT = 8;
export const SINK_BUSY_MS = 250;
/** A restorer's place at the sink outlives its longest request (its deadline and the server's queue), so that a place taken means: something may still be written. */
export const SINK_PERMIT_MS = 120_000;
/** Points that were acknowledged and are not seen for so long are lost. */
export const VISIBLE_MS = 10_000;
/** Acknowledged points can take so long to show up after a flush (about 1 s measured). */
export const FLUSH_LAG_MS = 2_000;

/** Chunks are sent together up to so many bytes of lines. */
export const BODY_BYTES: number = 8 << 20;

/** Batches on their way at once, ready ones included. */
export const UNITS_IN_FLIGHT = 32;

export const UPKEEP_MS = 5_000;

/** Times a lost part is dumped again before it is reported as missing. */
export const MAX_REDO = 3;

/** What a batch adds to the report: everything; only what its restore comes to, since its dump is counted already; nothing. */
export const TALLIES = ['all', 'restore', 'none'] as const;
export type Tallies = (typeof TALLIES)[number];
