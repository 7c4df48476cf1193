import type { Clock } from '@longshore/core';
import { systemClock } from '@longshore/core';

/** Time that passes `speed` times as fast, for the engine and its handlers: their pauses and deadlines are made for real services. */
export function fastClock(speed: number): Clock {
  if (speed === 1) return systemClock;
  const began = systemClock.now();
  return {
    now: () => began + (systemClock.now() - began) * speed,
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
  };
}
