/** How a system package says what a task does and what a kind is. The engine runs these; nothing here knows BullMQ or Redis. */
import type { z } from 'zod';
import type { ErrorData } from './errors.ts';
import type { Clock, Random, Store } from './ports.ts';
import type {
  DoneRecord,
  Finding,
  GateNote,
  GuardRecord,
  JournalEntry,
  Json,
  Note,
  OperationHeader,
  OperationState,
  Plan,
  Role,
  StageSpec,
  StoredPlan,
  Tally,
  TaskRecord,
  TaskSpec,
} from './words.ts';

/** A named system in the configuration, or an address given in its place. */
export interface Target {
  /** The name it was asked for by; an address when it was given as one. */
  name: string;
  system: string;
  /** Base URL, without credentials. */
  address: string;
  /** Further settings of that system, checked by its own schema. */
  settings: { [key: string]: Json };
  /** Resolved secrets (`authorization`, `password`, …). Never logged, never stored. */
  secrets: { [key: string]: string };
}

/** How a system makes its client from a target. Clients are made per task and closed after it. */
export interface TargetSystem<C extends AsyncDisposable> {
  system: string;
  connect(target: Target, deps: { clock: Clock; random: Random; signal: AbortSignal; log: Log }): C;
}

export interface Log {
  debug(details: object, text: string): void;
  info(details: object, text: string): void;
  warn(details: object, text: string): void;
  error(details: object, text: string): void;
}

/** Ends an attempt because a gate is closed: the job is delayed, no attempt is used up, the reason is shown. */
export class GateClosed extends Error {
  readonly gate: GateNote['gate'];
  readonly retryMs: number;
  constructor(gate: GateNote['gate'], reason: string, retryMs: number) {
    super(reason);
    this.name = 'GateClosed';
    this.gate = gate;
    this.retryMs = retryMs;
  }
}

export interface SpoolMount {
  name: string;
  /** Absolute path on this machine. */
  path: string;
  quotaBytes?: number;
}

/** The write-ahead record of what a task changes outside. In an undo: the entries of the task that is undone. */
export interface Journal {
  /** Writes what is about to be changed, or gives what an earlier attempt wrote. `before` is kept from the first time. */
  intent(key: string, change: { what: string; before: Json; after: Json }): Promise<JournalEntry>;
  /** It was made, and read back (or, in an undo, taken back). */
  done(key: string): Promise<void>;
  /** Those of this task, or of another one of the operation. */
  entries(task?: string): Promise<JournalEntry[]>;
}

export interface Lease {
  /** Throws `LSH_LEASE_LOST`, or stops the attempt, when it may not act any more. Called right before every effect. */
  assertHeld(): Promise<void>;
  /** Token of the operation's lease on a target; only grows over all operations. For targets that can compare it. */
  token(target: string): number;
}

export interface GuardRequest {
  key: string;
  what: string;
  target: string;
  before: Json;
  after: Json;
  maxMs: number;
  close: { task: string; params: Json };
  /** Key of an open guard that this one takes the place of. */
  replaces?: string;
  /** Who has agreed to be handed it. */
  heir?: string;
}

export interface Guards {
  /** Call before the target is touched. Opened again after a crash it keeps the `before` and the time of the first opening. */
  open(request: GuardRequest): Promise<GuardRecord>;
  find(key: string): Promise<GuardRecord | undefined>;
  /** Call after the target was read back. Closing a closed one does nothing. */
  close(key: string): Promise<void>;
  /** Leaves it to the heir named when it was opened. */
  handOver(key: string): Promise<void>;
  /**
   * What it guarded is settled for good by something that is no guard, named here ("the clients are at the new cluster"): it is not to be
   * closed any more. Call after that was read back.
   */
  replaced(key: string, by: string): Promise<void>;
}

/** How `confirm` asks. */
export interface Confirming {
  /** How long its being so is waited for. Default a minute. */
  deadlineMs?: number;
  /** Pause between two looks; absent: short ones first, up to two seconds. */
  everyMs?: number;
}

/** Another operation, as a task may see it. */
export interface OtherOperation {
  id: string;
  kind: string;
  params: Json;
  owner: string;
  createdAt: number;
  state: OperationState;
  live: boolean;
  /** Where its batches lie. */
  spools: string[];
  /** What its plan keeps. */
  planData: Json | undefined;
  guards: GuardRecord[];
  /** Every change outside that it began, oldest first. */
  journal(): Promise<JournalEntry[]>;
  /** What a task of it gave as its output. */
  resultOf(task: string): Promise<Json | undefined>;
}

/** One change outside that is set, not toggled. `T` is compared as JSON. */
export interface Effect<T extends Json> {
  /** Its name in the journal; unique in the task. */
  key: string;
  what: string;
  observe(): Promise<T>;
  wanted: T;
  act(): Promise<void>;
  /** How long its being so is waited for after the act. */
  deadlineMs?: number;
  /** Pause between two looks at it; absent: short ones first, up to two seconds. */
  everyMs?: number;
  /** Acts even where it already is so: for an undo, since a late write of what it undoes may still land. */
  always?: true;
}

/** All a handler sees of the engine. */
export interface TaskContext<P> {
  readonly params: P;
  readonly operation: {
    id: string;
    kind: string;
    params: Json;
    owner: string;
    /** When a person asked for the end of what is endless (`Bulk.endless`): what had come due by then is done. */
    finishAt?: number;
  };
  readonly task: { id: string; unit?: number };
  readonly worker: string;
  /** Number of this attempt; grows with every delivery. What an older one still writes must do no harm. */
  readonly generation: number;
  /** `data` of the operation's plan. */
  readonly plan: Json;
  /** Aborted on cancel, on loss of the job, on being superseded, and when the worker stops. */
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Pick<
    Store,
    'reserve' | 'releaseReservation' | 'reservations' | 'takePermit' | 'dropPermit' | 'permits' | 'agree' | 'setShared' | 'getShared'
  >;
  /** The spool this task was placed on. Throws when it was placed on none. */
  spool(): SpoolMount;
  progress(done: number, total: number | undefined, unit: string): void;
  /** Adds to the operation's counters when the attempt ends, however it ends. */
  count(counter: string, by: number): void;
  /** Adds to the report when the task ends well, once. */
  tally(row: string, column: string, by: number): void;
  note(note: Note): void;
  /** Shows a value beside the operation's progress, in the place of the one of that name: a table, who holds what. For pictures; small. */
  show(name: string, value: Json): Promise<void>;
  /** Adds a number, as of now, to a series that is drawn over time: a backlog. Every few seconds, not more often. */
  sample(series: string, value: number): Promise<void>;
  /** Shows a line in the operation's event log now. */
  event(type: string, text: string): Promise<void>;
  readonly checkpoint: { load<T extends Json>(): Promise<T | undefined>; save(value: Json): Promise<void> };
  /** What an earlier task of this operation (not of a bulk stage) gave as its output. */
  resultOf(task: string): Promise<Json | undefined>;
  /** The operation's report so far, row by column. */
  report(): Promise<Tally>;
  operationOf(id: string): Promise<OtherOperation | undefined>;
  /** The newest operations of a kind, newest first, this one left out: for what an earlier one has left to be done. */
  operationsOf(kind: string, limit: number): Promise<OtherOperation[]>;
  /** Spools that have live workers of all these roles. */
  liveSpools(roles: Role[]): Promise<string[]>;
  target<C extends AsyncDisposable>(name: string, system: TargetSystem<C>): C;
  emit(stages: StageSpec[]): void;
  readonly journal: Journal;
  readonly lease: Lease;
  readonly guard: Guards;
  /** observe → journal → lease → act → confirm, and the journal again. Twice is harmless; the confirmation is never skipped. Gives what was found first. */
  effect<T extends Json>(effect: Effect<T>): Promise<T>;
  /**
   * Asks until it is so (`true`); a sentence says what is so instead. `LSH_NOT_CONFIRMED` after the deadline, with what was waited for and
   * what was seen last. A number is the deadline in ms.
   */
  confirm(what: string, check: () => Promise<boolean | string>, how?: number | Confirming): Promise<void>;
}

/** What an undo sees beside the context: how the task it undoes ended, if it did. */
export interface Undone {
  record: DoneRecord | undefined;
}

/** What `run` may return. */
export interface TaskEnd {
  output?: Json;
  /** It has failed all the same: as if this had been thrown, but with its output kept. */
  error?: Error;
  followers?: 'run' | 'skip';
}

export interface Place {
  /** `openio/OPENIO/meta2-1` */
  name: string;
  /** So many tasks may have it at once. */
  atMost: number;
}

export interface RetryPolicy {
  /** Attempts that may fail before the task has failed. */
  attempts: number;
  /** Pause before the second one; doubled each time, with jitter. */
  firstPauseMs: number;
  maxPauseMs: number;
}

/** Written as a method, as `run` is, so that definitions of all params go into one list. */
type Undo<P> = { undo(context: TaskContext<P>, undone: Undone): Promise<void> }['undo'];

export interface TaskDefinition<P = unknown> {
  name: string;
  role: Role;
  /** For a task placed on a spool: the first part of its queue's name. */
  queue?: string;
  params: z.ZodType<P>;
  retry: RetryPolicy;
  /** Longest time of one attempt. Default 6 hours. */
  deadlineMs?: number;
  /** Names of the targets it works on: their `maxTasks` bounds how many of these run at once. */
  targets?(params: P): string[];
  /**
   * Places it takes while it runs, over the whole fleet, whatever operation it belongs to: "one move at a time from this service". The
   * names begin with that of the system. Where all are taken it waits at a gate.
   */
  places?(params: P): Place[];
  /** Why an operation in which this has ended well cannot be taken back any more: nothing of it is undone then. Undefined where it can. */
  final?(params: P): string | undefined;
  run(context: TaskContext<P>): Promise<TaskEnd | undefined>;
  /**
   * Takes back what `run` did, or says why there is nothing to take back. It writes even where the outcome of `run` is unknown, since a
   * late effect may still land.
   */
  undo: Undo<P> | { none: string };
  /** Guards that `undo` may open: named in the plan of the way back, and a reason to ask a person before it. */
  undoGuards?(params: P): Pick<GuardRequest, 'key' | 'what' | 'maxMs'>[];
}

export function defineTask<P>(definition: TaskDefinition<P>): TaskDefinition<P> {
  return definition;
}

export interface PlanDraft extends Omit<Plan, 'fingerprint' | 'findings' | 'leases'> {
  fingerprint?: Json;
  findings?: Finding[];
  leases?: Plan['leases'];
}

/** What a finished operation comes to. */
export interface Verdict {
  ok: boolean;
  error?: ErrorData;
}

export interface KindDefinition<P = unknown> {
  /** `tsdb.migrate` */
  name: string;
  /** Sentence for people. */
  title: string;
  /** Whose workers plan it. */
  role: Role;
  params: z.ZodType<P>;
  /** Tasks out of attempts do not fail the operation: the report says what is missing. */
  tolerant: boolean;
  /** Runs in a worker. Reads targets, changes nothing. */
  plan(context: TaskContext<P>): Promise<PlanDraft>;
  /** Tasks of one unit of a bulk stage. Pure. */
  expand?(plan: StoredPlan, stage: StageSpec, index: number): TaskSpec[];
  /**
   * A stage that does units again whose spool is lost. `begun`: their first task had ended, and its numbers are in the report. Pure.
   */
  redo?(plan: StoredPlan, stage: StageSpec, units: number[], begun: boolean): StageSpec;
  /**
   * Of a kind with an endless stage: up to when everything is done, ms since the epoch; undefined where that cannot be said yet. `tasks` are
   * the live ones. Pure.
   */
  reached?(plan: StoredPlan, header: OperationHeader, tasks: readonly TaskRecord[]): number | undefined;
  /**
   * It only reads: a status that workers look up. It waits for no turn where only so many operations run at once, and its plan may take no
   * lease and open no guard. Its answer is the output of its tasks.
   */
  reads?: true;
  /** It opens guards: refused on a store that could lose the second in which one was opened. */
  guarded?: true;
  /** Longest time a change can take effect after it was sent, the target's own queue included. Default a minute. */
  actionMs?: number;
  /** Report columns, in order. */
  columns: string[];
  /** Judges the end from what was counted. Pure. */
  conclude(input: { header: OperationHeader; rows: Tally; totals: Record<string, number> }): Verdict;
}

export function defineKind<P>(definition: KindDefinition<P>): KindDefinition<P> {
  return definition;
}

/** What a system package gives to the programs that mount it. */
export interface SystemPackage {
  name: string;
  kinds: KindDefinition[];
  tasks: TaskDefinition[];
}
