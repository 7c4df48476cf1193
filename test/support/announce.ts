/** Workers that a store is told of, so that plans find somebody to do the work. */
import type { Store } from '@longshore/core';

/** A dumper and a restorer that see the spool `local`, now and for good. */
export async function announceBoth(store: Store, nowMs: number, concurrency: number): Promise<void> {
  const each = { host: 'h', pid: 1, startedAt: 0, seenAt: nowMs, tasks: [], concurrency, busy: 0, spools: ['local'] };
  for (const role of ['dumper', 'restorer'] as const) await store.announce({ worker: role, role, ...each }, 1e12);
}
