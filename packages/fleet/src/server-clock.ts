/**
 * One time for the whole fleet: that of the Redis server. Leases, quiet times and the greatest times of guards are compared between
 * machines; a machine whose clock is an hour wrong, or is set in the middle, would otherwise give a lease away too early.
 */
import type { Clock } from '@longshore/core';
import { systemClock } from '@longshore/core';

export interface ServerClock extends Clock {
  /** Asks the server once more. Until the first time it is the machine's own clock. */
  sync(): Promise<void>;
}

/** `time` gives the server's time, ms. In between it is carried on by the process's monotonic clock, which nobody can set. */
export function serverClock(time: () => Promise<number>, monotonic: () => number = () => performance.now()): ServerClock {
  let offset = systemClock.now() - monotonic();
  let isSynced = false;
  return {
    now: () => Math.round(monotonic() + offset),
    sleep: systemClock.sleep,
    async sync() {
      const asked = monotonic();
      const server = await time();
      const answered = monotonic();
      // The server looked at its clock at some moment between the two: what is less than that away may be no difference at all.
      const found = server - (asked + answered) / 2;
      if (isSynced && Math.abs(found - offset) <= (answered - asked) / 2 + 1) return;
      offset = found;
      isSynced = true;
    },
  };
}
