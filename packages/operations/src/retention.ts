/** Operations that are over are kept for a while, for the picture, the report and the way back; then they are forgotten. */
import { auditFleet } from './audit.ts';
import type { Engine } from './engine.ts';

const DAY_MS = 86_400_000;
const RETENTION = { days: 90, count: 10_000 };
/** Forgotten in one sweep at most; the next one goes on. */
const AT_A_TIME = 100;

export async function forgetExpired(engine: Engine): Promise<void> {
  const { store, clock, log, settings } = engine;
  const { days, count } = settings?.retention ?? RETENTION;
  const expired = await store.expired(clock.now() - days * DAY_MS, count, AT_A_TIME);
  for (const id of expired) {
    await store.remove(id);
    await auditFleet(engine, 'engine.retention', id, 'forgotten: its retention is over');
  }
  if (expired.length > 0) log.info({ operations: expired }, 'forgotten: their retention is over');
}
