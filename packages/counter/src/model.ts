/**
 * A counter service: named counters that clients add to. Writes of clients to a counter may be *denied*, with a note of who did it; a
 * counter's *route* says which service its clients should use. Both outlive the counter itself. The service is a demonstration: it is
 * small, and dangerous in all the ways in which large systems are.
 */

/** Who has denied client writes, and why. Set as a whole, never toggled. */
export type Denial = {
  by: string;
  note: string;
};

export interface CounterState {
  name: string;
  /** A whole number, never below zero; null: there is no such counter here. */
  value: number | null;
  denial: Denial | null;
  /** Base URL of the service its clients should use; null: this one. */
  route: string | null;
}

/** One service as a planner sees it. */
export interface ServiceSnapshot {
  /** The name it was asked for by. */
  service: string;
  /** What names it, whatever it is called: its base URL. */
  identity: string;
  counters: CounterState[];
}

/** What a lease on a service is called. */
export function leaseTarget(identity: string): string {
  return `counter:${identity}`;
}

/** The part of a service that one counter is. No name holds a slash, so none is a prefix of another. */
export function leaseScope(counter: string): string {
  return `${counter}/`;
}

/** The guard that is open while client writes to a counter are denied by us. */
export function denialKey(counter: string): string {
  return `deny-writes:${counter}`;
}
