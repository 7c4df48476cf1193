/** What the API offers, apart from HTTP: every rule about who may ask what of an operation in which state stands here. */

import type {
  ApprovalPolicy,
  Change,
  DeadLetter,
  DoneRecord,
  GuardRecord,
  Intent,
  JournalEntry,
  OperationEvent,
  OperationHeader,
  OperationQuery,
  OperationSnapshot,
  OperationState,
  Picture,
  Report,
  StoredPlan,
  TaskRecord,
} from '@longshore/core';
import { APPROVAL_LIFE_MS, FINAL_STATES } from '@longshore/core';
import { addJobs, totalsOf } from './advance.ts';
import { canonicalJson, withStages } from './canonical.ts';
import type { Engine } from './engine.ts';
import {
  ApprovalNotYours,
  EndTooEarly,
  KeyReused,
  NoneWaits,
  NoSuchLetter,
  NoSuchOperation,
  NoSuchSpool,
  NoSuchStage,
  NothingEndless,
  NothingToRetry,
  NothingToRevert,
  NoWayBack,
  PlanRefused,
  RevertStopped,
  SpoolServed,
  StoreNotDurable,
  WrongState,
} from './errors.ts';
import { explain } from './explain.ts';
import type { FleetDrain } from './fleet-drain.ts';
import { assertOpen, fleetDrain, setFleetDrain } from './fleet-drain.ts';
import { forgetSpool } from './forget-spool.ts';
import { takeAgain } from './leases.ts';
import { retryFailed, retryNow } from './retry.ts';
import type { RevertPlan } from './revert.ts';
import { revertPlan } from './revert.ts';
import { freshStage } from './stage-state.ts';
import type { TaskView } from './task-view.ts';
import { viewTasks } from './task-view.ts';

export interface Submission {
  kind: string;
  params: unknown;
  mode?: 'run' | 'plan';
  owner: string;
  reason?: string;
  idempotencyKey?: string;
  /** Which stages wait for a person. Default `none`. */
  approvals?: ApprovalPolicy;
  /** It fails when it has not ended so long after its submission. */
  deadlineMs?: number;
  /** It waits for a target that another operation has, in place of being refused. */
  patient?: boolean;
}

export interface ApprovalRequest {
  /** Default: every stage that waits now. */
  stages?: string[];
  by: string;
  reason: string;
  /** How long it is good for. Default a day. */
  lifeMs?: number;
}

export interface ActOptions {
  /** `start`: where the target has changed, plan anew and run that. */
  replan?: boolean;
  /** `drain`: what still runs then is cancelled. */
  withinMs?: number;
  /** `finish`: what is endless ends with what has come due by then, ms since the epoch; now by default. */
  at?: number;
}

export type Action = 'start' | 'finish' | 'pause' | 'resume' | 'drain' | 'cancel' | 'discard';

export interface OperationView {
  header: OperationHeader;
  /** Live tasks with who runs them, how far they are, and what they wait for. */
  tasks: TaskView[];
  /** Every guard it has opened. */
  guards: GuardRecord[];
}

export interface Service {
  submit(submission: Submission): Promise<{ id: string; created: boolean }>;
  get(id: string): Promise<OperationView>;
  /** Its state alone, for those who ask often. */
  state(id: string): Promise<OperationState>;
  list(query: OperationQuery): Promise<{ operations: OperationHeader[]; next?: string }>;
  plan(id: string): Promise<StoredPlan>;
  done(id: string): Promise<DoneRecord[]>;
  act(id: string, action: Action, by: string, options?: ActOptions): Promise<OperationHeader>;
  approve(id: string, approval: ApprovalRequest): Promise<OperationHeader>;
  /** What taking it back would do. */
  revertPlan(id: string): Promise<RevertPlan>;
  /** Takes back what it did, newest first. Refused when somebody has worked on its targets since. */
  revert(id: string, by: string): Promise<OperationHeader>;
  /** Goes on where it failed, or tries at once what waits for its next try. */
  retry(id: string, by: string): Promise<OperationHeader>;
  /** A person ends by hand what could not be closed, and answers for it. */
  takeOver(id: string, by: string, reason: string): Promise<OperationHeader>;
  /** Every change outside that was begun, oldest first. */
  journal(id: string): Promise<JournalEntry[]>;
  deadLetters(): Promise<DeadLetter[]>;
  /** Takes a dead letter off the list and has its operation try again. */
  requeue(letter: string, by: string): Promise<OperationHeader>;
  /** Nothing new is taken; what is there is brought to its end, and cancelled after `withinMs`. */
  drainFleet(withinMs: number, by: string): Promise<FleetDrain>;
  openFleet(): Promise<void>;
  fleetDrain(): Promise<FleetDrain | undefined>;
  /** Gives a lost spool up, in every live operation; ids with the number of batches that are done again. */
  forgetSpool(spool: string, by: string): Promise<{ operation: string; batches: number }[]>;
  report(id: string): Promise<Report>;
  /** What its tasks show beside their progress. */
  picture(id: string): Promise<Picture>;
  explain(id: string): Promise<string>;
  events(id: string, after: string | undefined, waitMs: number, signal?: AbortSignal): Promise<OperationEvent[]>;
}

const ACT_TRIES = 50;
/** Partition 2 comes before partition 10. */
const BY_NAME = new Intl.Collator('en', { numeric: true });
const EVENTS_A_READ = 500;

export function createService(engine: Engine): Service {
  const { store, transport, registry, clock, random, settings = {} } = engine;
  const snapshot = async (id: string): Promise<OperationSnapshot> => {
    const found = await store.load(id);
    if (!found) throw NoSuchOperation({ id });
    return found;
  };
  const header = async (id: string): Promise<OperationHeader> => {
    const found = await store.header(id);
    if (!found) throw NoSuchOperation({ id });
    return found;
  };

  /** Commits what `change` makes of the operation as it is now, until nobody was faster; then tells the workers and the schedulers. */
  const changeTo = async (
    id: string,
    action: string,
    change: (found: OperationSnapshot) => Promise<Change | undefined> | Change | undefined,
  ): Promise<OperationHeader> => {
    for (let attempt = 0; attempt < ACT_TRIES; attempt += 1) {
      const found = await snapshot(id);
      const made = await change(found);
      if (made === undefined) return found.header;
      made.header.updatedAt = clock.now();
      if (!(await store.commit(id, made))) continue;
      await transport.publish(id);
      await transport.ring(id);
      return made.header;
    }
    throw WrongState({ id, state: 'changing too fast', action });
  };
  /** Roles that queued tasks wait for and that nobody alive has. */
  const absentRoles = async ({ tasks }: OperationSnapshot): Promise<string[]> => {
    const alive = new Set<string>((await store.workers()).map(({ role }) => role));
    const wanted = [...tasks.values()].filter(({ state }) => state === 'queued').map(({ role }) => role);
    return [...new Set(wanted)].filter((role) => !alive.has(role));
  };
  const planOf = async (id: string): Promise<StoredPlan> => {
    const plan = await store.plan(id);
    if (plan) return plan;
    throw WrongState({ id, state: (await header(id)).state, action: 'show a plan: there is none yet' });
  };
  const revertPlanOf = async (id: string): Promise<RevertPlan> => {
    const plan = await store.plan(id);
    if (!plan) return header(id).then(() => ({ steps: [], stage: undefined }));
    return revertPlan(plan, await store.done(id), await store.journal(id), registry.tasks);
  };

  return {
    async submit({ kind, params, mode = 'run', owner, reason, idempotencyKey, approvals, deadlineMs, patient }) {
      const parsed = registry.parseParams(kind, params);
      const now = clock.now();
      await assertOpen(store);
      if (registry.kind(kind).guarded && settings.acceptLossyStore !== true) {
        const durability = await store.durability();
        if (durability !== 'always') throw StoreNotDurable({ kind, durability });
      }
      const fresh: OperationHeader = {
        id: `op_${random.id(8)}`,
        kind,
        params: parsed,
        mode,
        owner,
        ...(reason === undefined ? {} : { reason }),
        createdAt: now,
        updatedAt: now,
        state: 'submitted',
        version: 0,
        stage: 0,
        stages: [],
        counters: {},
        expect: {},
        spools: [],
        ...(approvals === undefined || approvals === 'none' ? {} : { approvalPolicy: approvals }),
        ...(deadlineMs === undefined ? {} : { deadlineAt: now + deadlineMs }),
        ...(patient ? { patient } : {}),
      };
      const made = await store.create(fresh, idempotencyKey);
      if (!made.created) {
        const before = await header(made.id);
        if (canonicalJson([before.kind, before.params]) !== canonicalJson([kind, parsed]))
          throw KeyReused({ key: idempotencyKey ?? '', id: made.id });
      }
      const told = made.created ? store.addEvent(made.id, { at: now, type: 'state', text: `submitted by ${owner}` }) : undefined;
      await Promise.all([told, transport.ring(made.id)]);
      return made;
    },

    state: async (id) => (await header(id)).state,

    async get(id) {
      const found = await snapshot(id);
      return { header: found.header, tasks: viewTasks(found, clock.now()), guards: [...found.guards.values()] };
    },
    list: (query) => store.list(query),

    plan: planOf,
    async done(id) {
      await header(id);
      return store.done(id);
    },

    act: (id, action, by, options = {}) =>
      changeTo(id, action, async ({ header: found, tasks }) => {
        const next = apply(found, action, by, clock.now(), options);
        if (next === undefined) return undefined;
        if (action === 'start') {
          await assertOpen(store);
          const obstacles = (await store.plan(id))?.findings.filter((finding) => finding.level === 'error') ?? [];
          if (obstacles.length > 0 && !options.replan) throw PlanRefused({ findings: obstacles.map(({ text }) => text) });
        }
        if (action === 'finish') assertEndsAt(next, await store.plan(id));
        const events = [{ at: clock.now(), type: 'intent', text: `${action} asked by ${by}` }];
        if (!FINAL_STATES.has(next.state)) return { header: next, events };
        next.endedAt = clock.now();
        delete next.intent;
        delete next.order;
        // A planning may be under way.
        return { header: next, drop: [...tasks.keys()], release: {}, events };
      }),

    approve: (id, { stages, by, reason, lifeMs = APPROVAL_LIFE_MS }) =>
      changeTo(id, 'be approved', async ({ header: found }) => {
        if (FINAL_STATES.has(found.state)) throw WrongState({ id, state: found.state, action: 'be approved' });
        // Whoever asked for what is to be agreed to does not agree to it.
        if (settings.fourEyes && by === (found.revert ?? { by: found.owner }).by) throw ApprovalNotYours({ id, by });
        const ahead = found.stages.filter(({ state }) => state === 'pending').map(({ name }) => name);
        const wanted = stages ?? found.awaits?.stages ?? [];
        if (wanted.length === 0) throw NoneWaits({ id, known: ahead });
        const unknown = wanted.find((stage) => !ahead.includes(stage));
        if (unknown !== undefined) throw NoSuchStage({ id, stage: unknown, known: ahead });
        const now = clock.now();
        const given = wanted.map((stage) => ({ stage, by, reason, at: now, expiresAt: now + lifeMs }));
        const next = { ...structuredClone(found), approvals: [...(found.approvals ?? []), ...given] };
        return { header: next, events: [{ at: now, type: 'approval', text: `${wanted.join(', ')} approved by ${by}: ${reason}` }] };
      }),

    revertPlan: revertPlanOf,
    async revert(id, by) {
      return changeTo(id, 'be taken back', async ({ header: found }) => {
        if (found.state === 'reverting' || found.state === 'reverted') return undefined;
        if (!REVERTABLE.has(found.state)) throw WrongState({ id, state: found.state, action: 'be taken back' });
        // Of this very moment: made earlier it would lack what ended since.
        const { steps, stage, final, approval } = await revertPlanOf(id);
        if (final !== undefined) throw NoWayBack({ id, why: final });
        if (!stage)
          throw NothingToRevert({ id, reasons: steps.flatMap(({ task, none }) => (none === undefined ? [] : [`${task}: ${none}`])) });
        const plan = await planOf(id);
        const leases = await takeAgain(engine, found, plan);
        const now = clock.now();
        const asks = approval ?? (found.approvalPolicy === 'every-stage' ? stage.title : undefined);
        const reverting = withStages(plan, [...plan.stages, asks === undefined ? stage : { ...stage, approval: asks }]);
        const next: OperationHeader = {
          ...structuredClone(found),
          state: 'reverting',
          leases,
          revert: { by, at: now, from: found.revert?.from ?? found.state },
        };
        next.planHash = reverting.hash;
        next.stages.push(freshStage(stage.name));
        next.stage = plan.stages.length;
        delete next.endedAt;
        delete next.intent;
        delete next.ending;
        if (next.error?.code === RevertStopped.code) delete next.error;
        if (settings.operationsAtOnce !== undefined) next.queued = true;
        return {
          header: next,
          plan: reverting,
          events: [
            { at: now, type: 'intent', text: `revert asked by ${by}` },
            { at: now, type: 'state', text: 'reverting' },
          ],
        };
      });
    },

    async retry(id, by) {
      let broughtForward: TaskRecord[] = [];
      const changed = await changeTo(id, 'be tried again', async (found) => {
        const now = clock.now();
        broughtForward = [];
        if (found.header.state === 'failed') {
          await assertOpen(store);
          const plan = await store.plan(id);
          const made = retryFailed(found, plan, await store.done(id), by, now);
          if ('why' in made) throw NothingToRetry({ id, why: made.why });
          made.change.header.leases = await takeAgain(engine, found.header, plan!);
          if (settings.operationsAtOnce !== undefined) made.change.header.queued = true;
          return made.change;
        }
        if (FINAL_STATES.has(found.header.state)) throw WrongState({ id, state: found.header.state, action: 'be tried again' });
        const change = retryNow(found, by, now);
        if (!change) throw NothingToRetry({ id, why: 'nothing waits for its next try' });
        broughtForward = change.put ?? [];
        return change;
      });
      // Their jobs of before are for a round that nobody wants any more.
      await addJobs(engine, id, broughtForward, clock.now());
      for (const letter of await store.deadLetters()) if (letter.operation === id) await store.exhume(letter.id);
      return changed;
    },

    takeOver: (id, by, reason) =>
      changeTo(id, 'be taken over', async (found) => {
        const open = [...found.guards.values()].filter(({ state }) => state === 'open');
        if (found.header.state !== 'needs-attention' || open.length === 0)
          throw WrongState({ id, state: found.header.state, action: 'be taken over: no guard of it is left open' });
        const now = clock.now();
        const next = structuredClone(found.header);
        delete next.attention;
        next.state = next.revert ? 'reverting' : 'running';
        if (next.revert) next.revert = { ...next.revert, stopped: next.revert.stopped ?? { by, at: now } };
        else next.ending ??= 'failed';
        return {
          header: next,
          drop: [...found.tasks.values()].filter(({ closes }) => closes !== undefined).map((task) => task.id),
          guards: open.map((guard) => ({ ...guard, state: 'handed-over' as const, endedAt: now, by, look: {} })),
          notes: open.map(({ what, target }) => ({
            level: 'warning' as const,
            row: target,
            text: `${what}: taken over by ${by} (${reason})`,
          })),
          events: [{ at: now, type: 'guard', text: `taken over by ${by} (${reason}): ${open.map(({ what }) => what).join('; ')}` }],
        };
      }),

    async journal(id) {
      await header(id);
      return store.journal(id);
    },
    deadLetters: () => store.deadLetters(),
    async requeue(letter, by) {
      const found = await store.exhume(letter);
      if (!found) throw NoSuchLetter({ id: letter });
      try {
        return await this.retry(found.operation, by);
      } catch (error) {
        // It stays on the list as long as it could be tried again at another time.
        if (![NoSuchOperation, NothingToRetry, WrongState].some((entry) => entry.is(error))) await store.bury(found);
        throw error;
      }
    },

    async drainFleet(withinMs, by) {
      const since = clock.now();
      const drain = { by, since, until: since + withinMs };
      await setFleetDrain(store, drain);
      return drain;
    },
    openFleet: () => setFleetDrain(store, undefined),
    fleetDrain: () => fleetDrain(store),

    async forgetSpool(spool, by) {
      if ((await store.workers()).some((worker) => worker.spools.includes(spool))) throw SpoolServed({ spool });
      const forgotten: { operation: string; batches: number }[] = [];
      for (const id of await store.live()) {
        for (let attempt = 0; attempt < ACT_TRIES; attempt += 1) {
          const found = await snapshot(id);
          const given = forgetSpool(found, await store.plan(id), registry.kind(found.header.kind), spool, by, clock.now());
          if (!given) break;
          if (!(await store.commit(id, given.change))) continue;
          forgotten.push({ operation: id, batches: given.units });
          await transport.ring(id);
          break;
        }
      }
      if (forgotten.length === 0 && !(await store.spools()).some(({ name }) => name === spool)) throw NoSuchSpool({ spool });
      for (const { holder } of await store.reservations(spool)) await store.releaseReservation(spool, holder);
      await store.dropSpool(spool);
      return forgotten;
    },

    async report(id) {
      const found = await header(id);
      const { rows, notes, notesDropped } = await store.report(id);
      const kind = registry.kind(found.kind);
      const totals = totalsOf(rows);
      return {
        operation: id,
        kind: found.kind,
        state: found.state,
        columns: kind.columns.filter((column) => column in totals || REPORT_ALWAYS.has(column)),
        rows: Object.keys(rows)
          .sort(BY_NAME.compare)
          .map((row) => ({ row, values: rows[row]! })),
        totals,
        counters: found.counters,
        notes,
        notesDropped,
        ...(found.error ? { error: found.error } : {}),
      };
    },

    async picture(id) {
      await header(id);
      return store.picture(id);
    },

    async explain(id) {
      const found = await snapshot(id);
      const plan = await store.plan(id);
      const { rows } = await store.report(id);
      return explain({
        header: found.header,
        tasks: viewTasks(found, clock.now()),
        guards: [...found.guards.values()],
        plan,
        totals: totalsOf(rows),
        absent: await absentRoles(found),
        now: clock.now(),
      });
    },

    events: (id, after, waitMs, signal) => store.events(id, after, EVENTS_A_READ, waitMs, signal),
  };
}

/** Columns that are shown though all their numbers are zero: their being zero is the good news. */
const REPORT_ALWAYS = new Set(['missing', 'extra', 'different']);

const REVERTABLE: ReadonlySet<OperationHeader['state']> = new Set(['succeeded', 'failed', 'cancelled']);

/** Throws where nothing of it goes on until a person asks for its end, or more than would come due by then has been begun. */
function assertEndsAt({ id, stages, finish }: OperationHeader, plan: StoredPlan | undefined): void {
  const over: ReadonlySet<string> = new Set(['done', 'failed', 'skipped']);
  const open = (plan?.stages ?? []).flatMap(({ bulk }, at) =>
    bulk?.endless !== undefined && !over.has(stages[at]?.state ?? 'pending') ? [{ ...bulk.endless, cursor: stages[at]?.cursor ?? 0 }] : [],
  );
  if (open.length === 0) throw NothingEndless({ id });
  for (const { from, everyMs, cursor } of open) {
    const earliestMs = from + (cursor - 1) * everyMs;
    if (cursor > 0 && finish!.at < earliestMs) throw EndTooEarly({ id, atMs: finish!.at, earliestMs });
  }
}

/** It goes on, or is about to, and nobody is waited for. */
function isUnderWay({ state, mode, intent }: OperationHeader): boolean {
  if (state === 'paused') return intent === undefined;
  return state === 'running' || state === 'reverting' || state === 'submitted' || (state === 'planned' && mode === 'run');
}

/** The header after the action, or undefined where it already is so. Throws where the state does not allow it. */
function apply(
  found: OperationHeader,
  action: Action,
  by: string,
  now: number,
  { replan = false, withinMs, at = now }: ActOptions,
): OperationHeader | undefined {
  const { id, state } = found;
  const refuse = (): never => {
    throw WrongState({ id, state, action });
  };
  const next = structuredClone(found);
  const intend = (intent: Intent): OperationHeader | undefined => {
    if (found.intent === intent) return undefined;
    next.intent = intent;
    next.intentBy = by;
    return next;
  };
  switch (action) {
    case 'start':
      if (FINAL_STATES.has(state) || state === 'paused') return refuse();
      if (found.mode === 'run' || state === 'running') {
        if (state !== 'planned' || !replan || found.recheck?.replan) return undefined;
        next.recheck = { replan };
        return next;
      }
      if (state !== 'planned') return refuse();
      next.mode = 'run';
      next.recheck = { replan };
      delete next.error;
      return next;
    case 'discard':
      if (state === 'discarded') return undefined;
      if (state !== 'planned') return refuse();
      next.state = 'discarded';
      return next;
    case 'pause':
      if (state === 'paused') return undefined;
      if (
        FINAL_STATES.has(state) ||
        state === 'needs-attention' ||
        (state === 'planned' && found.mode === 'plan') ||
        found.revert?.stopped ||
        found.intent === 'cancel' ||
        found.intent === 'drain' ||
        (found.ending !== undefined && !found.revert)
      )
        return refuse();
      return intend('pause');
    case 'resume':
      if (found.intent !== 'pause') return isUnderWay(found) ? undefined : refuse();
      delete next.intent;
      return next;
    case 'finish':
      if (found.finish !== undefined) return undefined;
      if (FINAL_STATES.has(state) || found.ending !== undefined || found.revert || found.intent === 'cancel') return refuse();
      next.finish = { by, at };
      return next;
    case 'drain':
      if (found.intent === 'cancel') return undefined;
      if (FINAL_STATES.has(state) || (state === 'planned' && found.mode === 'plan') || found.revert) return refuse();
      if (withinMs === undefined) {
        if (found.intent !== 'drain') delete next.drainUntil;
        return intend('drain');
      }
      next.intent = 'drain';
      next.intentBy = by;
      next.drainUntil = now + withinMs;
      return next;
    case 'cancel':
      if (state === 'cancelled' || state === 'discarded') return undefined;
      if (state === 'planned') {
        next.state = 'discarded';
        return next;
      }
      if (FINAL_STATES.has(state)) return refuse();
      if (found.revert) {
        // A step back that has begun is brought to its end: cut off, nobody would know how far it came.
        if (found.revert.stopped) return undefined;
        next.revert = { ...found.revert, stopped: { by, at: now } };
        return next;
      }
      next.order = 'cancel';
      return intend('cancel');
  }
}
