/**
 * Connections outlive the clients that use them: a task's client lives for one batch, and a hundred thousand small batches must not
 * mean as many connections. A pool that nobody holds is closed after a while.
 */
import type { Pool } from 'undici';

interface Shared {
  pool: Pool;
  holders: number;
  closing: NodeJS.Timeout | undefined;
}

/** An unused pool is kept for so long; its idle connections close by themselves before. */
const UNUSED_MS = 10_000;

const pools = new Map<string, Shared>();

/** The pool of this key, made when there is none. Call `release` once when it is no longer needed. */
export function holdPool(key: string, make: () => Pool): { pool: Pool; release: () => void } {
  const known = pools.get(key);
  const shared = known ?? { pool: make(), holders: 0, closing: undefined };
  if (!known) pools.set(key, shared);
  clearTimeout(shared.closing);
  shared.holders += 1;
  let held = true;
  return {
    pool: shared.pool,
    release() {
      if (!held) return;
      held = false;
      shared.holders -= 1;
      if (shared.holders > 0) return;
      shared.closing = setTimeout(() => {
        pools.delete(key);
        void shared.pool.destroy();
      }, UNUSED_MS);
      shared.closing.unref();
    },
  };
}
