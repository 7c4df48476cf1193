/** How often one caller may ask: a bucket each, refilled at an even rate, so that a page that opens ten things at once is served. */
import type { Clock } from '@longshore/core';
import { TooManyRequests } from './errors.ts';

/** What a caller may ask at once after a rest, in seconds of its rate. */
const BURST_SECONDS = 4;
/** Callers remembered; those who have rested longest are forgotten first, and lose nothing by it. */
const MAX_CALLERS = 10_000;

interface Bucket {
  left: number;
  at: number;
}

/** Takes one from the caller's bucket. Gives the time until there is one again, in ms, or 0. */
export function buckets(perSecond: number, clock: Pick<Clock, 'now'>): (caller: string) => number {
  const known = new Map<string, Bucket>();
  const most = perSecond * BURST_SECONDS;
  return (caller) => {
    const now = clock.now();
    const bucket = known.get(caller) ?? { left: most, at: now };
    bucket.left = Math.min(most, bucket.left + (Math.max(0, now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    // The last asked stands last.
    known.delete(caller);
    known.set(caller, bucket);
    if (known.size > MAX_CALLERS) for (const [oldest] of known.entries().take(1)) known.delete(oldest);
    if (bucket.left < 1) return Math.ceil(((1 - bucket.left) / perSecond) * 1000);
    bucket.left -= 1;
    return 0;
  };
}

/** Throws `LSH_RATE_LIMIT` for a caller that has used up what it may. */
export function limiter(perSecond: number, clock: Pick<Clock, 'now'>): (caller: string) => void {
  const take = buckets(perSecond, clock);
  return (caller) => {
    const wait = take(caller);
    if (wait > 0) throw TooManyRequests({ perSecond }, { retryAfterMs: wait });
  };
}
