/** How a system package says what a task does and what a kind is. The engine runs these; nothing here knows BullMQ or Redis. */
import type { z } from 'zod';
import type { ErrorData } from './errors.ts';
import type { Clock, Random, Store } from './ports.ts';
import type {
  Finding,
  GateNote,
  Json,
  Note,
  OperationHeader,
  OperationState,
  Plan,
  Role,
  StageSpec,
  StoredPlan,
  Tally,
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

/** All a handler sees of the engine. */
export interface TaskContext<P> {
  readonly params: P;
  readonly operation: { id: string; kind: string; params: Json };
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
    'reserve' | 'releaseReservation' | 'reservations' | 'takePermit' | 'dropPermit' | 'permits' | 'setShared' | 'getShared'
  >;
  /** The spool this task was placed on. Throws when it was placed on none. */
  spool(): SpoolMount;
  progress(done: number, total: number | undefined, unit: string): void;
  /** Adds to the operation's counters when the attempt ends, however it ends. */
  count(counter: string, by: number): void;
  /** Adds to the report when the task ends well, once. */
  tally(row: string, column: string, by: number): void;
  note(note: Note): void;
  /** Shows a line in the operation's event log now. */
  event(type: string, text: string): Promise<void>;
  readonly checkpoint: { load<T extends Json>(): Promise<T | undefined>; save(value: Json): Promise<void> };
  /** What an earlier task of this operation (not of a bulk stage) gave as its output. */
  resultOf(task: string): Promise<Json | undefined>;
  /** The operation's report so far, row by column. */
  report(): Promise<Tally>;
  /** Another operation: where its batches lie and what its plan keeps. */
  operationOf(id: string): Promise<{ live: boolean; state: OperationState; spools: string[]; planData: Json | undefined } | undefined>;
  /** Spools that have live workers of all these roles. */
  liveSpools(roles: Role[]): Promise<string[]>;
  target<C extends AsyncDisposable>(name: string, system: TargetSystem<C>): C;
  emit(stages: StageSpec[]): void;
}

/** What `run` may return. */
export interface TaskEnd {
  output?: Json;
  followers?: 'run' | 'skip';
}

export interface RetryPolicy {
  /** Attempts that may fail before the task has failed. */
  attempts: number;
  /** Pause before the second one; doubled each time, with jitter. */
  firstPauseMs: number;
  maxPauseMs: number;
}

export interface TaskDefinition<P = unknown> {
  name: string;
  role: Role;
  /** For a task placed on a spool: the first part of its queue's name. */
  queue?: string;
  params: z.ZodType<P>;
  retry: RetryPolicy;
  run(context: TaskContext<P>): Promise<TaskEnd | undefined>;
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
