/** How memory is collected in a process that moves bytes. Measured by `pnpm bench`, see docs/benchmarks.md. */
import { setFlagsFromString } from 'node:v8';
import type { Role } from '@longshore/core';

/**
 * What a worker's Node is started with. Its young objects are small and soon gone; room for 16 MB of them, Node's default, is only
 * kept, not used: some 40 MB of memory for nothing.
 */
export const WORKER_FLAGS: readonly string[] = ['--max-semi-space-size=4'];

/**
 * Set where nothing else is said. The C library keeps freed memory apart for each of many threads; with two such places a worker stays
 * 20 MB smaller, at no cost.
 */
export const WORKER_ENVIRONMENT: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '2' };

/**
 * How much more than what a collection has left may be there before the next one, in percent, where V8's own choice is not best: a dumper's memory
 * outside of the heap is the larger part, and goes only with a collection; a restorer of small batches would collect two or three times in each.
 */
const GROWTH_PERCENT: Partial<Record<Role, number>> = { dumper: 8, restorer: 20 };

/**
 * A worker's objects are few (some 25 MB), but every reply passes through short-lived network buffers that V8 does not manage and only
 * counts: each 64 MB of them starts a collection. Marking in many small steps beside the work then costs a quarter of a dumper's CPU
 * time; in one go it takes a few milliseconds.
 */
export function collectInOneGo(role: Role): void {
  setFlagsFromString('--no-incremental-marking');
  const growth = GROWTH_PERCENT[role];
  if (growth !== undefined) setFlagsFromString(`--heap-growing-percent=${growth}`);
}
