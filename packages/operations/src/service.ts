/** What the API offers, apart from HTTP: every rule about who may ask what of an operation in which state stands here. */

import type {
  DoneRecord,
  Intent,
  OperationEvent,
  OperationHeader,
  OperationQuery,
  OperationSnapshot,
  Report,
  StoredPlan,
} from '@longshore/core';
import { FINAL_STATES } from '@longshore/core';
import type { Engine } from './advance.ts';
import { totalsOf } from './advance.ts';
import { canonicalJson } from './canonical.ts';
import { KeyReused, NoSuchOperation, PlanRefused, SpoolServed, WrongState } from './errors.ts';
import { explain } from './explain.ts';
import { forgetSpool } from './forget-spool.ts';
import type { TaskView } from './task-view.ts';
import { viewTasks } from './task-view.ts';

export interface Submission {
  kind: string;
  params: unknown;
  mode?: 'run' | 'plan';
  owner: string;
  reason?: string;
  idempotencyKey?: string;
}

export type Action = 'start' | 'pause' | 'resume' | 'drain' | 'cancel' | 'discard';

export interface OperationView {
  header: OperationHeader;
  /** Live tasks with who runs them, how far they are, and what they wait for. */
  tasks: TaskView[];
}

export interface Service {
  submit(submission: Submission): Promise<{ id: string; created: boolean }>;
  get(id: string): Promise<OperationView>;
  list(query: OperationQuery): Promise<{ operations: OperationHeader[]; next?: string }>;
  plan(id: string): Promise<StoredPlan>;
  done(id: string): Promise<DoneRecord[]>;
  act(id: string, action: Action, by: string): Promise<OperationHeader>;
  /** Gives a lost spool up, in every live operation; ids with the number of batches that are done again. */
  forgetSpool(spool: string, by: string): Promise<{ operation: string; batches: number }[]>;
  report(id: string): Promise<Report>;
  explain(id: string): Promise<string>;
  events(id: string, after: string | undefined, waitMs: number, signal?: AbortSignal): Promise<OperationEvent[]>;
}

const ACT_TRIES = 50;
const EVENTS_A_READ = 500;

export function createService({ store, transport, registry, clock, random }: Engine): Service {
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

  return {
    async submit({ kind, params, mode = 'run', owner, reason, idempotencyKey }) {
      const parsed = registry.parseParams(kind, params);
      const now = clock.now();
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
      };
      const made = await store.create(fresh, idempotencyKey);
      if (!made.created) {
        const before = await header(made.id);
        if (canonicalJson([before.kind, before.params]) !== canonicalJson([kind, parsed]))
          throw KeyReused({ key: idempotencyKey ?? '', id: made.id });
      }
      if (made.created) await store.addEvent(made.id, { at: now, type: 'state', text: `submitted by ${owner}` });
      await transport.ring(made.id);
      return made;
    },

    async get(id) {
      const found = await snapshot(id);
      return { header: found.header, tasks: viewTasks(found, clock.now()) };
    },
    list: (query) => store.list(query),

    async plan(id) {
      const plan = await store.plan(id);
      if (plan) return plan;
      const { state } = await header(id);
      throw WrongState({ id, state, action: 'show a plan: there is none yet' });
    },
    async done(id) {
      await header(id);
      return store.done(id);
    },

    async act(id, action, by) {
      for (let attempt = 0; attempt < ACT_TRIES; attempt += 1) {
        const found = await header(id);
        const next = apply(found, action, by);
        if (next === undefined) return found;
        if (action === 'start') {
          const obstacles = (await store.plan(id))?.findings.filter((finding) => finding.level === 'error') ?? [];
          if (obstacles.length > 0) throw PlanRefused({ findings: obstacles.map(({ text }) => text) });
        }
        next.updatedAt = clock.now();
        if (FINAL_STATES.has(next.state)) next.endedAt = next.updatedAt;
        const events = [{ at: next.updatedAt, type: 'intent', text: `${action} asked by ${by}` }];
        if (!(await store.commit(id, { header: next, events }))) continue;
        await transport.publish(id);
        await transport.ring(id);
        return next;
      }
      throw WrongState({ id, state: 'changing too fast', action });
    },

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
          .sort()
          .map((row) => ({ row, values: rows[row]! })),
        totals,
        counters: found.counters,
        notes,
        notesDropped,
        ...(found.error ? { error: found.error } : {}),
      };
    },

    async explain(id) {
      const found = await snapshot(id);
      const plan = await store.plan(id);
      const { rows } = await store.report(id);
      return explain({ header: found.header, tasks: viewTasks(found, clock.now()), plan, totals: totalsOf(rows), now: clock.now() });
    },

    events: (id, after, waitMs, signal) => store.events(id, after, EVENTS_A_READ, waitMs, signal),
  };
}

/** Columns that are shown though all their numbers are zero: their being zero is the good news. */
const REPORT_ALWAYS = new Set(['missing', 'extra', 'different']);

/** The header after the action, or undefined where it already is so. Throws where the state does not allow it. */
function apply(found: OperationHeader, action: Action, by: string): OperationHeader | undefined {
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
      if (state === 'running' || found.mode === 'run') return state === 'planned' || FINAL_STATES.has(state) ? refuse() : undefined;
      if (state !== 'planned') return refuse();
      next.mode = 'run';
      return next;
    case 'discard':
      if (state === 'discarded') return undefined;
      if (state !== 'planned') return refuse();
      next.state = 'discarded';
      return next;
    case 'pause':
      if (state === 'paused') return undefined;
      if (state !== 'running' || found.intent === 'cancel' || found.intent === 'drain') return refuse();
      return intend('pause');
    case 'resume':
      if (found.intent !== 'pause') return state === 'running' ? undefined : refuse();
      delete next.intent;
      return next;
    case 'drain':
      if (found.intent === 'cancel') return undefined;
      return FINAL_STATES.has(state) || state === 'planned' ? refuse() : intend('drain');
    case 'cancel':
      if (state === 'cancelled') return undefined;
      if (state === 'planned') {
        next.state = 'discarded';
        return next;
      }
      return FINAL_STATES.has(state) ? refuse() : intend('cancel');
  }
}
