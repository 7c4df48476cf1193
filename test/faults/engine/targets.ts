/** Ten counter services: between the first half counters are moved, the second half is evened out. */
import type { CounterStandIn } from '@longshore/sandbox';

export const SERVICES = 10;
export const MOVED_SERVICES = 5;
/** Counters a service has at the start, and what is in each. */
export const COUNTERS = 6;
export const START_VALUE = 100;

export interface Target {
  name: string;
  service: CounterStandIn;
}
