/**
 * Takes an operation as far as it can go now. Runs after every ring and from the sweep; any number of schedulers may run it at once,
 * since the commit is a compare-and-set and adding a job twice adds it once.
 *
 * Order: read → decide → **commit** → add jobs. Killed in between, the sweep adds the jobs again from what was committed.
 */

import type { ErrorData, OperationHeader, Store, StoredPlan, Tally, TaskRecord } from '@longshore/core';
import { ACTION_MS, FINAL_STATES, isHeldBack, LIVE_UNITS } from '@longshore/core';
import { auditDecision } from './audit.ts';
import { begin } from './begin.ts';
import type { Decision } from './decide.ts';
import { decide } from './decide.ts';
import type { DecideInput } from './draft.ts';
import type { Engine } from './engine.ts';
import { RevertStopped } from './errors.ts';
import { endDrain } from './fleet-drain.ts';
import { behind, keepLeases, takeLeases, whoIsAhead } from './leases.ts';
import { forgetExpired } from './retention.ts';
import { usableSpools } from './spools.ts';

/** Commits lost to a faster scheduler before the work is left to that one's ring. */
const COMMIT_TRIES = 20;
/** A sweep adds again the job of a task that nobody has been seen at for this long. */
const SWEEP_SILENCE_MS = 10_000;
/** Live tasks of one operation for each place of the fleet's workers, and in any case: more would only be read again and again. */
const AHEAD_PER_PLACE = 4;
const LEAST_AHEAD = 32;

export async function advance(engine: Engine, id: string, options: { sweep?: boolean } = {}): Promise<void> {
  await advanceAndCount(engine, id, options);
}

/** The same. Gives how many tasks of the operation lie ready beyond what the workers have room for. */
export async function advanceAndCount(engine: Engine, id: string, options: { sweep?: boolean } = {}): Promise<number> {
  const { store, transport, registry, clock, random } = engine;
  let mayHaveTaken = false;
  for (let attempt = 0; attempt < COMMIT_TRIES; attempt += 1) {
    const [snapshot, fleet] = await Promise.all([store.load(id), fleetNow(engine)]);
    if (!snapshot) return 0;
    const plan = await planOf(engine, snapshot.header);
    const kind = registry.kind(snapshot.header.kind);
    const now = clock.now();
    const input = { snapshot, plan, kind, tasks: registry.tasks, now, share: fleet.share, spools: fleet.spools, chance: random.next() };
    const decision = decide(input);
    let { header } = decision.change;

    const toRun = decision.change.plan ?? plan;
    if (decision.wantsLeases && toRun) {
      mayHaveTaken = true;
      const answer = await takeLeases(engine, header, toRun);
      if ('refused' in answer) {
        header.error = answer.refused;
        // A plan that a person has looked at is kept: they start it again when the other has ended.
        if (header.recheck) {
          delete header.recheck;
          header.mode = 'plan';
          decision.changed = true;
          decision.change.events = [...(decision.change.events ?? []), { at: now, type: 'plan', text: answer.refused.message }];
        } else finish(decision, 'failed', now);
      } else if ('waits' in answer) {
        wait(decision, answer.waits, now, answer.until);
      } else if (header.recheck === undefined) {
        header.state = 'running';
        header.startedAt ??= now;
        delete header.waitsFor;
        tell(decision, now, 'running');
        decision.changed = true;
        begin(decision, { ...input, plan: toRun });
        header = decision.change.header;
      } else decision.changed = true;
    }
    if (header.queued && !FINAL_STATES.has(header.state)) {
      const ahead = await whoIsAhead(engine, header);
      if (ahead === undefined) {
        delete header.queued;
        decision.changed = true;
        begin(decision, { ...input, plan: toRun });
        header = decision.change.header;
      } else wait(decision, behind(ahead), now, undefined);
    }
    if (options.sweep && toRun && header.leases !== undefined && header.endedAt === undefined && snapshot.header.startedAt !== undefined) {
      mayHaveTaken = true;
      const kept = await keepLeases(engine, header, toRun);
      if (kept !== 'held') decision.changed = true;
      if (typeof kept === 'object') giveUp(decision, kept.lost, [...snapshot.tasks.keys()], now);
    }
    if (decision.concluding) await conclude(engine, decision, toRun, now);
    const { state } = header;
    if (header.endedAt === undefined && (state === 'failed' || state === 'cancelled' || state === 'discarded'))
      finish(decision, state, now);
    if (snapshot.header.endedAt === undefined && header.endedAt !== undefined && (await hasUnknown(store, header)))
      header.quietUntil = Math.max(header.quietUntil ?? 0, now + (kind.actionMs ?? ACTION_MS));

    const isOver = header.endedAt !== undefined;
    // It waits for a person again, and keeps nobody else from the target. Leases may have been taken for it that no header speaks of.
    const stepsAside = isHeldBack(header) && (mayHaveTaken || !isHeldBack(snapshot.header));
    const letsGo = stepsAside || (!isOver && header.leases === undefined && snapshot.header.leases !== undefined);
    if (isOver || letsGo) decision.change.release = isOver && header.quietUntil !== undefined ? { quietUntil: header.quietUntil } : {};
    // It ended, or was paused, while they were asked for here, and got them again.
    if ((isOver || stepsAside) && mayHaveTaken) decision.changed = true;
    if (decision.changed) {
      header.updatedAt = now;
      if (!(await store.commit(id, decision.change))) continue;
      await auditDecision(engine, id, decision.change);
      if (decision.change.plan) knownPlans(store).set(id, decision.change.plan);
      if (header.order !== snapshot.header.order) await transport.publish(id);
    }
    if (isOver) knownPlans(store).delete(id);
    if (isOver || letsGo) await letOthersBegin(engine);
    await addJobs(engine, id, decision.jobs, now);
    if (options.sweep) await addJobs(engine, id, silentTasks(input.snapshot, decision, now), now);
    if (decision.wantsLeases && decision.changed && header.endedAt === undefined && header.leases !== undefined) continue;
    if (decision.wakeAt !== undefined && !options.sweep) await transport.ring(id, Math.max(0, decision.wakeAt - now));
    return ready(snapshot.tasks, decision.change) - fleet.places;
  }
  await transport.ring(id, 50);
  return 0;
}

/**
 * One `advance` of every live operation: finds what a lost ring, a lost job or a lost Redis second left lying. It also ends a drain of the
 * fleet that has run out of time, and forgets operations whose time is over.
 */
export async function sweep(engine: Engine): Promise<void> {
  await endDrain(engine);
  await forgetExpired(engine);
  for (const id of await engine.store.live()) {
    try {
      await advance(engine, id, { sweep: true });
    } catch (error) {
      engine.log.error({ operation: id, err: error }, 'the sweep could not advance an operation');
    }
  }
}

/** Read once a process and store; one with other stages has another hash. */
const plansOf: WeakMap<Store, Map<string, StoredPlan>> = new WeakMap();

function knownPlans(store: Store): Map<string, StoredPlan> {
  const known = plansOf.get(store) ?? new Map<string, StoredPlan>();
  plansOf.set(store, known);
  return known;
}

async function planOf(engine: Engine, header: OperationHeader): Promise<StoredPlan | undefined> {
  if (header.planHash === undefined) return undefined;
  const plans = knownPlans(engine.store);
  const known = plans.get(header.id);
  // A plan that is looked at again before it starts is the same but for its age.
  if (known && known.hash === header.planHash && header.state !== 'planned') return known;
  const plan = await engine.store.plan(header.id);
  if (plan) plans.set(header.id, plan);
  return plan;
}

async function fleetNow(engine: Engine): Promise<{ places: number; share: number; spools: DecideInput['spools'] }> {
  const [live, workers] = await Promise.all([engine.store.live(), engine.store.workers()]);
  const places = workers.reduce((sum, { role, concurrency }) => (role === 'scheduler' || role === 'api' ? sum : sum + concurrency), 0);
  const ahead = Math.max(LEAST_AHEAD, AHEAD_PER_PLACE * places);
  const share = Math.max(2, Math.min(ahead, Math.floor(LIVE_UNITS / Math.max(1, live.length))));
  return { places, share, spools: (roles) => usableSpools(workers, roles) };
}

/** A change that was begun and never read back may still take effect: nobody else gets the target meanwhile. */
async function hasUnknown(store: Store, { id, leases = [] }: OperationHeader): Promise<boolean> {
  return leases.length > 0 && (await store.journal(id)).some(({ state }) => state === 'intent');
}

/** Operations that wait for their turn are asked again when one ends. */
async function letOthersBegin({ store, transport, settings }: Engine): Promise<void> {
  if (settings?.operationsAtOnce === undefined) return;
  for (const other of (await store.live()).slice(0, LIVE_UNITS)) await transport.ring(other);
}

/** Says what it waits for before it may begin. */
function wait(decision: Decision, reason: string, now: number, until: number | undefined): void {
  const { header } = decision.change;
  if (until !== undefined) decision.wakeAt = Math.min(until, decision.wakeAt ?? until);
  if (header.waitsFor === reason) return;
  header.waitsFor = reason;
  decision.change.events = [...(decision.change.events ?? []), { at: now, type: 'gate', text: reason }];
  decision.changed = true;
}

function tell(decision: Decision, at: number, state: OperationHeader['state']): void {
  decision.change.events = [...(decision.change.events ?? []), { at, type: 'state', text: state }];
}

function finish(decision: Decision, state: 'succeeded' | 'failed' | 'cancelled' | 'discarded' | 'reverted', now: number): void {
  const { header } = decision.change;
  if (header.state !== state) tell(decision, now, state);
  header.state = state;
  header.endedAt = now;
  delete header.ending;
  delete header.intent;
  delete header.order;
  delete header.awaits;
  delete header.waitsFor;
  delete header.queued;
  decision.changed = true;
}

/** Somebody else has worked on its target: nothing of it is done or taken back any more. */
function giveUp(decision: Decision, error: ErrorData, tasks: string[], now: number): void {
  const { header } = decision.change;
  header.error = error;
  if (header.revert === undefined) {
    header.ending ??= 'failed';
    header.intent = 'cancel';
    return;
  }
  const stage = header.stages[header.stage];
  if (stage) header.stages[header.stage] = { ...stage, state: 'failed', endedAt: now, skipped: stage.total - stage.done - stage.failed };
  decision.change.drop = [...(decision.change.drop ?? []), ...tasks];
  delete decision.change.put;
  decision.jobs = [];
  decision.concluding = false;
  delete header.attention;
  finish(decision, 'failed', now);
}

/** All stages are through: what the kind counts as verified decides how it ends. */
async function conclude(engine: Engine, decision: Decision, plan: StoredPlan | undefined, now: number): Promise<void> {
  const { header } = decision.change;
  if (header.revert) {
    const stage = header.stages.at(-1);
    if (stage?.state === 'done') return finish(decision, 'reverted', now);
    const { stopped } = header.revert;
    const left = (plan?.stages.at(-1)?.tasks?.length ?? 0) - (stage?.done ?? 0);
    if (stopped && stopped.by !== 'longshore') header.error = RevertStopped({ id: header.id, by: stopped.by, left }).data;
    return finish(decision, 'failed', now);
  }
  if (header.ending === 'failed' || header.ending === 'cancelled') return finish(decision, header.ending, now);
  const { rows } = await engine.store.report(header.id);
  // What this very decision takes in is not in the store yet.
  for (const tally of decision.change.tally ?? []) addTally(rows, tally);
  const verdict = engine.registry.kind(header.kind).conclude({ header, rows, totals: totalsOf(rows) });
  if (verdict.error) header.error = verdict.error;
  finish(decision, verdict.ok ? 'succeeded' : 'failed', now);
}

function addTally(rows: Tally, tally: Tally): void {
  for (const [row, columns] of Object.entries(tally)) {
    // Rows have the names of metrics, and a metric may have any: `__proto__` must be one like the others.
    const into: Record<string, number> = Object.hasOwn(rows, row) ? rows[row]! : Object.create(null);
    rows[row] = into;
    for (const [column, by] of Object.entries(columns)) into[column] = (into[column] ?? 0) + by;
  }
}

export function totalsOf(rows: Tally): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const columns of Object.values(rows))
    for (const [column, by] of Object.entries(columns)) totals[column] = (totals[column] ?? 0) + by;
  return totals;
}

export function jobId(operation: string, task: string, round: number): string {
  return `${operation}.${task}.${round}`;
}

export async function addJobs(engine: Engine, operation: string, tasks: TaskRecord[], now: number): Promise<void> {
  const byQueue = Map.groupBy(tasks, (task) => task.queue);
  for (const [queue, group] of byQueue) {
    await engine.transport.add(
      queue,
      group.map((task) => ({
        id: jobId(operation, task.id, task.round),
        data: { v: 1 as const, operation, task: task.id, round: task.round },
        delayMs: Math.max(0, (task.notBefore ?? 0) - now),
      })),
    );
  }
}

function ready(tasks: ReadonlyMap<string, TaskRecord>, { put = [], drop = [] }: Decision['change']): number {
  const now = new Map(tasks);
  for (const id of drop) now.delete(id);
  for (const task of put) now.set(task.id, task);
  return now.values().reduce((count, { state }) => (state === 'queued' ? count + 1 : count), 0);
}

/** Queued tasks that nobody has been seen at: their job may be lost. Adding a job that is still there does nothing. */
function silentTasks(
  snapshot: {
    tasks: Map<string, TaskRecord>;
    attempts: Map<string, { round: number; seenAt: number }>;
    outcomes: Map<string, { round: number }>;
    header: OperationHeader;
  },
  decision: Decision,
  now: number,
): TaskRecord[] {
  const paused = decision.change.header.order === 'pause';
  const dropped = new Set(decision.change.drop);
  return [...snapshot.tasks.values()].filter((task) => {
    if (paused && task.closes === undefined) return false;
    const attempt = snapshot.attempts.get(task.id);
    const silent = !attempt || attempt.round !== task.round || now - attempt.seenAt > SWEEP_SILENCE_MS;
    const ended = snapshot.outcomes.get(task.id)?.round === task.round;
    return task.state === 'queued' && silent && !ended && !dropped.has(task.id);
  });
}
