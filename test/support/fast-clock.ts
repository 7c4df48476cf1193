/** A clock that runs faster than the world: what takes the servers of a test minutes takes the test seconds. */
import type { Clock } from '@longshore/core';
import { systemClock } from '@longshore/core';

export function fastClock(times: number): Clock {
  const startedAt = systemClock.now();
  const from = performance.now();
  return {
    now: () => Math.round(startedAt + (performance.now() - from) * times),
    sleep: (ms, signal) => systemClock.sleep(ms / times, signal),
  };
}
