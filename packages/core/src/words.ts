/**
 * Longshore's words as types; ARCHITECTURE.md explains each.
 *
 * An **operation** has a **plan**; a plan has **stages** that run one after another; a stage has **tasks** that run in
 * parallel up to its `concurrency`. A task is run by one worker at a time; each delivery of it to a worker is an
 * **attempt** with a **generation**, a number that only grows. A **batch** is one pair of dump and restore tasks.
 */
import type { ErrorData } from './errors.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export const ROLES = ['dumper', 'restorer', 'migrator', 'rebalancer'] as const;
export type Role = (typeof ROLES)[number];

/**
 * The life of an operation:
 *
 *   submitted ─► planned ─► running ◄─► paused (also before it begins: then resume goes back to where it stood)
 *                   │        │  ▲ └──► awaiting-approval ─► running
 *                   │        │  └──── retried by hand ◄── failed
 *                   │        ├─► succeeded  ─► (reverting ─► reverted)
 *                   │        ├─► failed     ─► (reverting ─► reverted)
 *                   │        ├─► cancelled  ─► (reverting ─► reverted)
 *                   │        └─► needs-attention: something is left unsafe; goes on by itself once that is mended
 *                   └─► discarded
 */
export type OperationState =
  | 'submitted'
  | 'planned'
  | 'discarded'
  | 'awaiting-approval'
  | 'running'
  | 'paused'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'reverting'
  | 'reverted'
  | 'needs-attention';

/** States that nothing leaves by itself: no task runs, no sweep is needed. */
export const FINAL_STATES: ReadonlySet<OperationState> = new Set(['discarded', 'succeeded', 'failed', 'cancelled', 'reverted']);

const NEXT: Record<OperationState, readonly OperationState[]> = {
  submitted: ['planned', 'paused', 'discarded', 'running', 'failed', 'cancelled'],
  planned: ['running', 'paused', 'discarded', 'failed', 'cancelled'],
  discarded: [],
  'awaiting-approval': ['running', 'paused', 'reverting', 'cancelled', 'failed', 'needs-attention'],
  running: ['paused', 'awaiting-approval', 'succeeded', 'failed', 'cancelled', 'needs-attention'],
  paused: ['submitted', 'planned', 'running', 'reverting', 'cancelled', 'failed', 'needs-attention'],
  succeeded: ['reverting'],
  failed: ['reverting', 'running'],
  cancelled: ['reverting'],
  // `failed`: a person has stopped it, or somebody else has changed the target meanwhile.
  reverting: ['reverted', 'paused', 'awaiting-approval', 'needs-attention', 'failed'],
  reverted: [],
  'needs-attention': ['running', 'reverting', 'failed', 'cancelled', 'succeeded', 'reverted'],
};

/** Throws by name on a transition that the diagram does not have. Staying is always allowed. */
export function assertTransition(from: OperationState, to: OperationState): void {
  if (from !== to && !NEXT[from].includes(to)) throw new TypeError(`an operation cannot go from ${from} to ${to}`);
}

/**
 * What a person asked of a live operation; stored, so that it survives every process.
 * `drain`: nothing new is begun, what is ready is finished, then cancelled. `cancel`: running tasks are stopped.
 */
export type Intent = 'pause' | 'drain' | 'cancel';

/** What the workers of an operation are told: `pause`, take up nothing new; `cancel`, stop what runs too. Closings are exempt. */
export type Order = 'pause' | 'cancel';

/** Which stages wait for a person: none, those a kind marks as dangerous, or every one. */
export const APPROVAL_POLICIES = ['none', 'cutover', 'every-stage'] as const;
export type ApprovalPolicy = (typeof APPROVAL_POLICIES)[number];

/** A person's word that a stage may begin. */
export interface Approval {
  /** Name of the stage. */
  stage: string;
  by: string;
  reason: string;
  at: number;
  /** Not valid for a stage that begins later than this (ms since the epoch). */
  expiresAt: number;
  /** The stage, or the guard it lies in, was begun on the strength of it. */
  used?: true;
}

/** A task as a plan names it. */
export interface TaskSpec {
  /** Unique in its operation. */
  id: string;
  /** The name of a registered task, such as `tsdb.dump`. */
  task: string;
  params: Json;
  /** The task of the same stage that must have ended well before this one is begun. */
  after?: string;
  /** Where it runs: any worker of its role, or one that has this operation's spool for it. */
  placement: 'role' | 'spool';
  /** It takes back what this task of the operation did. Written by the engine only. */
  undoes?: string;
}

/**
 * Tasks made on demand, so that an operation of any size is small in the store: `count` units, each expanded by the
 * kind's pure `expand(plan, stage, index)` when its turn comes. `only` restricts the run to these units.
 */
export interface Bulk {
  count: number;
  params: Json;
  only?: number[];
  /**
   * Without an end: unit `i` is not begun before `from + i * everyMs` (ms since the epoch). It goes on until a person asks to `finish`; what
   * had come due by then is done, and the operation goes on with its next stage. `count` is 0.
   */
  endless?: { from: number; everyMs: number };
}

export interface StageSpec {
  name: string;
  /** Sentence for people: "dump and restore, window by window". */
  title: string;
  /** How many of its tasks (of its units, when bulk) may be live at once. */
  concurrency: number;
  tasks?: TaskSpec[];
  bulk?: Bulk;
  /** Units are placed on these spools only; absent: on any that is served. */
  spools?: string[];
  /** A task of it that is out of attempts does not fail the operation (of units the kind says so). */
  tolerant?: boolean;
  /** Runs also after failure and cancel: puts things away. */
  always?: boolean;
  /** A dangerous step, in words a person is asked to agree to: "deny writes to table `t`". Asked for under the policy `cutover`. */
  approval?: string;
  /**
   * Guards that its tasks open, and those that have ended when it is through. What lies between is inside the guard: approvals for all
   * of it are asked for before it opens.
   */
  guard?: { opens?: string[]; ends?: string[] };
  /** The task that emitted it. Written by the engine only. */
  emittedBy?: string;
  /** A task that is run again and again beside the stage, one per spool in use, and once more when its other tasks are through. */
  upkeep?: { task: string; params: Json; everyMs: number };
}

/** Something a plan wants a person to know. An `error` refuses the run. */
export interface Finding {
  level: 'info' | 'warning' | 'error';
  text: string;
  error?: ErrorData;
}

export interface Plan {
  /** One line each, for people. */
  summary: string[];
  findings: Finding[];
  stages: StageSpec[];
  /** What must still be so when the plan runs. Compared as JSON. */
  fingerprint: Json;
  /** What the operation takes exclusively while it runs. */
  leases: LeaseRequest[];
  /** Units of work the whole plan has, for progress: `{points: …}` or `{batches: …}`; absent keys are unknown. */
  expect: Record<string, number>;
  /** The kind's own data: what `expand` and the tasks need. */
  data: Json;
}

/** A stored plan; `hash` is over its canonical JSON. */
export interface StoredPlan extends Plan {
  hash: string;
  madeAt: number;
}

/** Exclusive right to a target, or to a part of it: two scopes conflict when one is a prefix of the other. */
export interface LeaseRequest {
  target: string;
  scope: string;
}

/** A live task: written by the scheduler only. `round` rises each time it is decided anew (first run, retry). */
export interface TaskRecord extends TaskSpec {
  stage: number;
  /** Unit of a bulk stage. */
  unit?: number;
  role: Role;
  queue: string;
  /** `waiting`: for the task named in `after`. `queued`: a job of this round exists or is about to. */
  state: 'waiting' | 'queued';
  round: number;
  /** Failures so far. */
  failures: number;
  /** Not before this time (ms since the epoch); a retry's pause. */
  notBefore?: number;
  lastError?: ErrorData;
  upkeep?: true;
  /** It closes this guard; it runs whatever was asked of the operation. */
  closes?: string;
}

/** What a worker said of the attempt it runs: written by workers only. */
export interface AttemptRecord {
  round: number;
  generation: number;
  worker: string;
  startedAt: number;
  /** Last sign of life, ms since the epoch. */
  seenAt: number;
  progress?: Progress;
  /** A closed gate the task waits for. */
  gate?: GateNote;
}

export interface Progress {
  done: number;
  total?: number;
  unit: string;
}

/** A closed gate, in words, with since when. */
export interface GateNote {
  gate: 'space' | 'sink' | 'source' | 'settle' | 'target';
  reason: string;
  since: number;
}

/** Whole numbers added into the report under a row and a column; taken in exactly once per task. */
export type Tally = Record<string, Record<string, number>>;

/** A line of the report that a number cannot say. */
export interface Note {
  level: 'info' | 'warning' | 'error';
  row?: string;
  text: string;
}

/** How one attempt of a task ended. */
export interface Outcome {
  round: number;
  generation: number;
  result: 'ok' | 'failed' | 'cancelled';
  output?: Json;
  error?: ErrorData;
  /** `skip`: the tasks waiting for this one are not needed. */
  followers?: 'run' | 'skip';
  tally?: Tally;
  notes?: Note[];
  /** Added into the operation's counters: `{points: 1440, retries: 2}`. Counted also when the attempt failed. */
  count?: Record<string, number>;
  /** Stages to be put directly after the current one. */
  emit?: StageSpec[];
  /** Deliveries of this round that were lost with their worker before this one: one of them may still wake and act. */
  deaths?: number;
  /** When it sent a change to a target of which it never learned what came of it: that may still take effect. */
  unsettledAt?: number;
  startedAt: number;
  endedAt: number;
}

/**
 * The write-ahead record of one change outside: written as `intent` before it is made, as `done` after it was read back. `before` is
 * what was found the first time, whatever came since. An `intent` that nobody ended is an unknown outcome: it is read, not guessed.
 */
export interface JournalEntry {
  /** The task that makes the change, and its name for it. */
  task: string;
  key: string;
  /** "deny writes to table `t`" */
  what: string;
  before: Json;
  after: Json;
  state: 'intent' | 'done' | 'undone';
  /** Attempt that wrote the present state. */
  generation: number;
  at: number;
  endedAt?: number;
}

/** A state of the target that must not outlive the operation. Written by the worker that opens or ends it. */
export interface GuardRecord {
  /** Unique in its operation. */
  key: string;
  /** What is so while it is open: "writes to table `t` are denied". */
  what: string;
  target: string;
  /** What was found and what was set: the `before` of the first opening stays. */
  before: Json;
  after: Json;
  openedAt: number;
  /** It is closed at the latest this long after it was opened. */
  maxMs: number;
  /** The task that closes it when the operation cannot; its params. */
  close: { task: string; params: Json };
  /** Who has agreed to take it over, before it was opened. */
  heir?: string;
  state: 'open' | 'closed' | 'replaced' | 'handed-over';
  /** When it ended, or was last seen to be closed still. */
  endedAt?: number;
  /** Who took it over, or what has taken its place. */
  by?: string;
  /** A person has ended it by hand: it is looked at once more. `found`: what came of that, once it was. */
  look?: { found?: string };
}

/** What the tasks of an operation show of it beside progress: for pictures. */
export interface Picture {
  /** The last value of each name: a table of rows by shard, who holds what. */
  exhibits: { [name: string]: Json };
  /** Numbers over time, oldest first, as `[ms since the epoch, value]`: a backlog. */
  series: { [name: string]: [at: number, value: number][] };
}

/** A job that no worker can be trusted with again, until a person says so. */
export interface DeadLetter {
  /** `operation/task/round` */
  id: string;
  operation: string;
  task: string;
  round: number;
  queue: string;
  reason: string;
  at: number;
}

/** A task that has ended, kept for the picture and for revert (not for units of bulk stages). */
export interface DoneRecord {
  id: string;
  task: string;
  stage: number;
  result: 'ok' | 'failed' | 'cancelled' | 'skipped';
  startedAt?: number;
  endedAt: number;
  output?: Json;
  error?: ErrorData;
}

export interface StageState {
  name: string;
  state: 'pending' | 'running' | 'done' | 'failed' | 'skipped';
  /** Next unit of a bulk stage (an index into `only` when that is given). */
  cursor: number;
  /** It goes on until a person asks to `finish`; its total is what has come due so far. */
  endless?: true;
  total: number;
  done: number;
  failed: number;
  skipped: number;
  startedAt?: number;
  /** When the last of its tasks so far ended, upkeep apart: what comes after that is putting away. */
  workEndedAt?: number;
  endedAt?: number;
  /** Next time its upkeep is due. */
  upkeepAt?: number;
  upkeepRuns?: number;
  /** Ids of the tasks that are to be run again, by hand; present: only these. */
  again?: string[];
  /** Spools whose last upkeep has ended. */
  upkeepEnded?: string[];
}

/** The small record at the heart of an operation. Changed only by compare-and-set on `version`. */
export interface OperationHeader {
  id: string;
  kind: string;
  params: Json;
  /** `plan`: stop when planned. */
  mode: 'run' | 'plan';
  owner: string;
  reason?: string;
  createdAt: number;
  updatedAt: number;
  startedAt?: number;
  endedAt?: number;
  state: OperationState;
  intent?: Intent;
  intentBy?: string;
  /** What is endless ends with what had come due by then. */
  finish?: { by: string; at: number };
  /** A drain that has not ended by then becomes a cancel. */
  drainUntil?: number;
  order?: Order;
  approvalPolicy?: ApprovalPolicy;
  approvals?: Approval[];
  /** Stages that wait for a person, and since when. */
  awaits?: {
    stages: string[];
    since: number;
    /** It had been approved, but the approval ran out before its stage began. */
    expired?: ErrorData;
  };
  /** It fails when it has not ended by then (ms since the epoch). */
  deadlineAt?: number;
  /** It waits for a target that another operation has, in place of being refused. */
  patient?: true;
  /** Its plan is made again before it starts and compared; with `replan`, taken in place of the old one where they differ. */
  recheck?: { replan: boolean };
  /** It is being taken back. `stopped`: no further step is; what is left stays done. */
  revert?: { by: string; at: number; from: OperationState; stopped?: { by: string; at: number } };
  /** Tried again, or to be taken back, where the fleet runs only so many operations at once: it waits for its turn. */
  queued?: true;
  /** What is left unsafe, since when, and what mends it. */
  attention?: { since: number; error: ErrorData };
  /** An attempt that was lost with its worker may still act until then; nobody else gets the target before. */
  quietUntil?: number;
  version: number;
  stage: number;
  stages: StageState[];
  counters: Record<string, number>;
  expect: Record<string, number>;
  planHash?: string;
  /** When its plan was made, or last found to hold still, ms. */
  plannedAt?: number;
  /** Why it failed, or what is missing when it finished with gaps. */
  error?: ErrorData;
  /** Spools its batches were put into. */
  spools: string[];
  /** A failure is being cleaned up after; the state this ends in. */
  ending?: 'failed' | 'cancelled' | 'succeeded';
  /** While it was being ended, what was to close a guard found it replaced: what it was for has come about, and it goes on with what is left. */
  cameAbout?: true;
  leases?: { target: string; scope: string; token: number }[];
  /** Of what is endless: everything up to then is done (ms since the epoch). What lies between that and now is its lag. */
  reachedAt?: number;
  /** What keeps it from beginning anything new, in words. */
  waitsFor?: string;
  /** Spools it has live tasks on, but that no worker serves: since when, ms. */
  spoolsAway?: Record<string, number>;
}

/** Nothing goes on by itself: it is over, or a plan that nobody has started. No sweep looks at it, and it takes no share of the fleet. */
export function isAtRest({ state, mode, intent }: Pick<OperationHeader, 'state' | 'mode' | 'intent'>): boolean {
  return FINAL_STATES.has(state) || (state === 'planned' && mode === 'plan' && intent === undefined);
}

/** A person has paused it before it began: nothing of it runs, and it holds nothing. */
export function isHeldBack({ state, startedAt }: Pick<OperationHeader, 'state' | 'startedAt'>): boolean {
  return state === 'paused' && startedAt === undefined;
}

/** How far what is endless is behind, ms; once its end was asked for, behind that. Undefined of what ends by itself, or has not begun. */
export function lagMs({ reachedAt, finish }: Pick<OperationHeader, 'reachedAt' | 'finish'>, now: number): number | undefined {
  return reachedAt === undefined ? undefined : Math.max(0, Math.min(now, finish?.at ?? now) - reachedAt);
}

/** An entry of an operation's event log. `id` orders events and resumes a stream. */
export interface OperationEvent {
  id: string;
  at: number;
  /** `state`, `stage`, `task-failed`, `task-retried`, `gate`, `note`, … */
  type: string;
  text: string;
  data?: Json;
}

/** A report: rows (a metric each, for time series) by columns of whole numbers, and notes. */
export interface Report {
  operation: string;
  kind: string;
  state: OperationState;
  columns: string[];
  rows: { row: string; values: Record<string, number> }[];
  totals: Record<string, number>;
  counters: Record<string, number>;
  notes: Note[];
  notesDropped: number;
  error?: ErrorData;
}
