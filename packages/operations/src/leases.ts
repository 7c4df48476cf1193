/** An operation takes what it needs exclusively before anything runs; and it waits for its turn where only so many may run. */
import type { ErrorData, OperationHeader, Store, StoredPlan } from '@longshore/core';
import { isAtRest, isHeldBack } from '@longshore/core';
import type { Engine } from './engine.ts';
import { LeaseHeld, TargetChanged } from './errors.ts';

type Turn = { refused: ErrorData } | { waits: string; until?: number } | { taken: true };

/** Operations that are over and still hold a lease: as many are cleared away at a time. */
const STALE_HOLDERS = 100;

/** Writes tokens into the header; asks for a new look at the target where somebody has worked on it since the plan was made. */
export async function takeLeases(engine: Engine, header: OperationHeader, plan: StoredPlan): Promise<Turn> {
  const ahead = await whoIsAhead(engine, header);
  if (ahead !== undefined) return { waits: behind(ahead) };
  const got = await acquire(engine.store, header.id, plan, engine.clock.now());
  if ('heldBy' in got) {
    if (got.freeAt !== undefined)
      return {
        waits: `what ${got.heldBy} had sent to ${got.target} may take effect until ${new Date(got.freeAt).toISOString()}`,
        until: got.freeAt,
      };
    if (header.patient) return { waits: `${got.heldBy} has ${got.target}` };
    return { refused: LeaseHeld({ target: got.target, scope: got.scope, by: got.heldBy }).data };
  }
  const held = header.leases !== undefined;
  header.leases = plan.leases.map((lease, at) => ({ ...lease, token: got.tokens[at]! }));
  if (!held && got.last) {
    const { target, scope } = got.last;
    // Of several that had parts of it only the newest is known; another may have gone on for longer.
    const parts = plan.leases.length > 1 || plan.leases.some((lease) => lease.target === target && lease.scope.length < scope.length);
    if (parts || (await workedUntil(engine.store, got.last)) >= (header.plannedAt ?? 0)) header.recheck ??= { replan: false };
  }
  return { taken: true };
}

/** When the last one who had it may last have changed the target. Tokens are never below the time at which they were given. */
async function workedUntil(store: Store, { operation, token }: { operation: string; token: number }): Promise<number> {
  const holder = await store.header(operation);
  return Math.max(token, holder?.endedAt ?? 0, holder?.quietUntil ?? 0);
}

/** Clears away what operations that are over, or held back, have left, whatever a scheduler killed at the wrong moment did not do. */
export async function acquire(store: Store, id: string, plan: StoredPlan, now: number): ReturnType<Store['acquireLeases']> {
  let got = await store.acquireLeases(id, plan.leases, now);
  for (let left = STALE_HOLDERS; 'heldBy' in got && got.freeAt === undefined && left > 0; left -= 1) {
    const holder = await store.header(got.heldBy);
    if (holder && !isAtRest(holder) && !isHeldBack(holder)) break;
    await store.releaseLeases(got.heldBy, holder?.quietUntil);
    got = await store.acquireLeases(id, plan.leases, now);
  }
  return got;
}

/** For an operation that was over and goes on: refused when somebody has worked on the same since. Gives what the header is to hold. */
export async function takeAgain(
  engine: Engine,
  header: OperationHeader,
  plan: StoredPlan,
): Promise<NonNullable<OperationHeader['leases']>> {
  const got = await acquire(engine.store, header.id, plan, engine.clock.now());
  if ('heldBy' in got) throw LeaseHeld({ target: got.target, scope: got.scope, by: got.heldBy });
  const mine = Math.max(0, ...(header.leases ?? []).map(({ token }) => token));
  if (got.last && got.last.token > mine) {
    await engine.store.releaseLeases(header.id, header.quietUntil);
    const { operation: by, target, scope, token } = got.last;
    throw TargetChanged({ id: header.id, by, target, scope, atMs: token });
  }
  return plan.leases.map((lease, at) => ({ ...lease, token: got.tokens[at]! }));
}

/**
 * Sees to it that a live operation holds what it says it holds: a scheduler that slept since the operation was last over may have given it
 * away. Nothing acts without it meanwhile. `changed`: it was written anew into the header; `lost`: somebody else has worked there since.
 */
export async function keepLeases(
  engine: Engine,
  header: OperationHeader,
  plan: StoredPlan,
): Promise<'held' | 'changed' | { lost: ErrorData }> {
  const got = await acquire(engine.store, header.id, plan, engine.clock.now());
  // Whoever has it now comes to an end, and the next sweep asks again.
  if ('heldBy' in got) return 'held';
  const before = header.leases ?? [];
  if (got.tokens.every((token, at) => token === before[at]?.token)) return 'held';
  header.leases = plan.leases.map((lease, at) => ({ ...lease, token: got.tokens[at]! }));
  const mine = Math.max(0, ...before.map(({ token }) => token));
  if (!got.last || got.last.token <= mine) return 'changed';
  const { operation: by, target, scope, token } = got.last;
  return { lost: TargetChanged({ id: header.id, by, target, scope, atMs: token }).data };
}

/** In words. */
export const behind = (ahead: string): string => `as many operations run as this fleet allows; ${ahead} comes first`;

/**
 * The operation whose turn comes before, where the fleet runs only so many at once. What is tried again or taken back holds its leases
 * already and comes before what has not begun, or each would wait for the other.
 */
export async function whoIsAhead({ store, settings, registry }: Engine, header: OperationHeader): Promise<string | undefined> {
  const atOnce = settings?.operationsAtOnce;
  const waits = ({ kind }: OperationHeader): boolean => !registry.kinds.get(kind)?.reads;
  if (atOnce === undefined || (header.startedAt !== undefined && !header.queued) || !waits(header)) return undefined;
  let ahead = 0;
  let last: string | undefined;
  for (const id of await store.live()) {
    if (id === header.id) continue;
    const other = await store.header(id);
    if (other !== undefined && !waits(other)) continue;
    if (other === undefined || !comesBefore(other, header)) continue;
    ahead += 1;
    last = id;
  }
  return ahead >= atOnce ? last : undefined;
}

function comesBefore(other: OperationHeader, header: OperationHeader): boolean {
  if (other.startedAt !== undefined && other.endedAt === undefined && !other.queued) return true;
  if (other.queued !== header.queued) return other.queued === true;
  if (!other.queued && (other.mode !== 'run' || other.state === 'paused')) return false;
  return other.createdAt < header.createdAt || (other.createdAt === header.createdAt && other.id < header.id);
}
