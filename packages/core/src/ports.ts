/** What the engine needs of the world. Each port has an in-memory form (`./memory`) and a real one; both pass one contract suite. */
import type { AuditEntry, TokenRecord } from './access.ts';
import type {
  AttemptRecord,
  DeadLetter,
  DoneRecord,
  GateNote,
  GuardRecord,
  JournalEntry,
  LeaseRequest,
  Note,
  OperationEvent,
  OperationHeader,
  OperationState,
  Order,
  Outcome,
  Picture,
  Progress,
  Role,
  StoredPlan,
  Tally,
  TaskRecord,
} from './words.ts';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when that is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** In [0, 1). */
  next(): number;
  /** Lower-case letters and digits, `length` of them. */
  id(length: number): string;
}

/** An operation as it lies in the store: the header and what is live. */
export interface OperationSnapshot {
  header: OperationHeader;
  tasks: Map<string, TaskRecord>;
  attempts: Map<string, AttemptRecord>;
  outcomes: Map<string, Outcome>;
  /** Every guard it ever opened, by key. */
  guards: Map<string, GuardRecord>;
}

/** One compare-and-set on an operation. All of it happens, or none. */
export interface Change {
  header: OperationHeader;
  put?: TaskRecord[];
  /** Tasks that are over: their record, attempt, outcome, checkpoint and gate go. Before `put`: an id in both is a new task. */
  drop?: string[];
  /** Records kept until retention ends; keyed by id, written over. */
  done?: DoneRecord[];
  /** Only to say that a person has taken one over, or that a closed one was seen to be closed still. */
  guards?: GuardRecord[];
  plan?: StoredPlan;
  /** Its leases are given back in the same step: nobody gets them before `quietUntil`. */
  release?: { quietUntil?: number };
  tally?: Tally[];
  notes?: Note[];
  events?: Omit<OperationEvent, 'id'>[];
}

export type Claim =
  | {
      claim: 'yours';
      generation: number;
      task: TaskRecord;
      header: OperationHeader;
      /** Earlier deliveries of this round that neither ended nor gave the task back: lost with their worker. */
      deaths: number;
      /** What attempts that gave it back had counted. */
      carried: Record<string, number>;
    }
  /** This round already has an outcome: ring and end. */
  | { claim: 'ended' }
  /** The record wants another round, or nothing of this task any more. */
  | { claim: 'unwanted' };

export type Beat = { state: 'go'; order?: Order } | { state: 'superseded' };

/** A lease, with what was given of the same thing to others since. */
export interface LeaseGrant {
  tokens: number[];
  /** The newest lease of another operation that conflicts with one of these, over all time kept. */
  last?: { operation: string; target: string; scope: string; token: number };
}

export interface LeaseRefusal {
  heldBy: string;
  target: string;
  scope: string;
  /** Its holder has ended, but something of it may still act until then. */
  freeAt?: number;
}

export type Opened =
  | { opened: GuardRecord }
  /** The operation is being stopped or paused, or the lease is not held: nothing may be opened. */
  | { refused: 'superseded' | 'ordered' | 'lease' };

/** What an accepted write of the store survives. */
export type Durability = 'always' | 'everysec' | 'no' | 'unknown';

export interface OperationQuery {
  states?: OperationState[];
  /** A kind, or with a dot at its end the beginning of several: `tsdb.`. */
  kind?: string;
  owner?: string;
  /** Part of the id, kind, owner, reason or params, in any case. */
  text?: string;
  /** `next` of the page before. */
  after?: string;
  limit: number;
}

export interface SpoolUse {
  bytes: number;
  inodes: number;
  holders: number;
}

/** What a worker process says of itself every few seconds; forgotten when it stops saying so. */
export interface Presence {
  worker: string;
  role: Role | 'api' | 'scheduler';
  host: string;
  pid: number;
  startedAt: number;
  seenAt: number;
  /** Names of the tasks it can run. */
  tasks: string[];
  concurrency: number;
  busy: number;
  spools: string[];
  /** Times one of its consumers had gone deaf and was replaced. */
  restarts?: number;
  /** Of the disk of each spool, when it was last asked. */
  room?: Record<string, { bytesFree: number; bytesTotal: number; inodesFree: number }>;
  /** What a task of a queue took it lately, on average. */
  secondsPerTask?: Record<string, number>;
}

export interface SpoolRecord {
  name: string;
  path: string;
  host: string;
  /** Total bytes Longshore may use there; absent: what the disk has. */
  quotaBytes?: number;
}

/**
 * The truth about operations. `version` in the header is checked by `commit`; `round` and `generation` by the calls of workers.
 * Workers never write a header or a task record, the scheduler never writes an attempt or an outcome: they cannot overwrite each other.
 */
export interface Store {
  /** False when the id is taken. With `idempotencyKey`, the id of the operation first created under it. */
  create(header: OperationHeader, idempotencyKey?: string): Promise<{ id: string; created: boolean }>;
  load(id: string): Promise<OperationSnapshot | undefined>;
  header(id: string): Promise<OperationHeader | undefined>;
  plan(id: string): Promise<StoredPlan | undefined>;
  /** Of one task when it is given. */
  done(id: string, task?: string): Promise<DoneRecord[]>;
  report(id: string): Promise<{ rows: Tally; notes: Note[]; notesDropped: number }>;
  /** `change.header.version` must be the version read; it is stored as that plus one. False when somebody was faster. */
  commit(id: string, change: Change): Promise<boolean>;
  list(query: OperationQuery): Promise<{ operations: OperationHeader[]; next?: string }>;
  /** Ids of operations that are not at rest (`isAtRest`), oldest first. */
  live(): Promise<string[]>;
  remove(id: string): Promise<void>;

  /** Takes the task for a worker under a new generation. */
  claim(id: string, task: string, round: number, worker: string, now: number): Promise<Claim>;
  /** Sign of life of an attempt; tells it what is wanted now. */
  beat(id: string, task: string, generation: number, now: number, progress?: Progress): Promise<Beat>;
  /**
   * Gives a task back that has not ended: it waits for a gate, or its worker stops. The generation is spent; the round stays wanted.
   * `carry` replaces what was carried before, and is given to the next attempt of the round.
   */
  shut(id: string, task: string, generation: number, gate: GateNote | undefined, carry: Record<string, number>): Promise<boolean>;
  /** Writes the outcome; false when the generation is not the last one, or the task is gone. */
  finish(id: string, task: string, outcome: Outcome): Promise<boolean>;
  /** Small state of a task that outlives its attempts. Writing checks the generation. */
  saveCheckpoint(id: string, task: string, generation: number, value: string): Promise<boolean>;
  loadCheckpoint(id: string, task: string): Promise<string | undefined>;
  /** Puts an exhibit (JSON) in the place of the one of that name, from the last generation only. */
  show(id: string, task: string, generation: number, name: string, json: string): Promise<boolean>;
  /** Adds a number to a series, of which `SAMPLES_KEPT` are kept; from the last generation only. */
  sample(id: string, task: string, generation: number, series: string, at: number, value: number): Promise<boolean>;
  picture(id: string): Promise<Picture>;

  /**
   * Writes a journal entry, from the last generation of `task` only (an undo writes the entries of the task it undoes). An `intent`
   * that is there already, or was ended, stays as it is, unless it is meant to be made `again`. Gives what is there now; undefined when
   * superseded.
   */
  writeJournal(id: string, task: string, generation: number, entry: JournalEntry, again?: boolean): Promise<JournalEntry | undefined>;
  /** Oldest first. */
  journal(id: string): Promise<JournalEntry[]>;
  /**
   * Records a guard before the target is touched, from the last generation only, while the operation holds a lease on its target and
   * no order stops it. One that is open already stays as it is. `replaces` ends another in the same step.
   */
  openGuard(id: string, task: string, generation: number, guard: GuardRecord, replaces?: GuardRecord): Promise<Opened>;
  /** Records how a guard has ended, from the last generation only. */
  endGuard(id: string, task: string, generation: number, guard: GuardRecord): Promise<boolean>;
  /** Whether this attempt may act now: it is the last one, it is not being cancelled, and these leases are held with these tokens. */
  mayAct(id: string, task: string, generation: number, leases: { target: string; scope: string; token: number }[]): Promise<boolean>;

  /** Does nothing when the operation is gone. */
  addEvent(id: string, event: Omit<OperationEvent, 'id'>): Promise<void>;
  /** Events after `after` (exclusive; undefined: from the start of what is kept), waiting up to `waitMs` for the first. */
  events(id: string, after: string | undefined, limit: number, waitMs: number, signal?: AbortSignal): Promise<OperationEvent[]>;

  /**
   * All or none; the operation's own leases are no conflict. Tokens only grow, over every lease ever given: max(last + 1, the store's own
   * time). `now`: what quiet times are compared with.
   */
  acquireLeases(id: string, wanted: LeaseRequest[], now: number): Promise<LeaseGrant | LeaseRefusal>;
  /** With `quietUntil` nobody gets them before that time. */
  releaseLeases(id: string, quietUntil?: number): Promise<void>;

  bury(letter: DeadLetter): Promise<void>;
  /** Oldest first. */
  deadLetters(): Promise<DeadLetter[]>;
  /** Takes one off the list; undefined when it is not there. */
  exhume(id: string): Promise<DeadLetter | undefined>;

  /** Operations at rest to be forgotten: last changed before `before`, or beyond the newest `keep`; oldest first, at most `limit`. */
  expired(before: number, keep: number, limit: number): Promise<string[]>;
  /** What a write that was answered survives. */
  durability(): Promise<Durability>;

  /** Reserves room in a spool for a holder (replacing what it held), if what all hold then fits in `capacity`. Whole numbers; others are rounded. */
  reserve(
    spool: string,
    holder: string,
    want: { bytes: number; inodes: number },
    capacity: { bytes: number; inodes: number },
  ): Promise<{ ok: boolean; others: SpoolUse }>;
  releaseReservation(spool: string, holder: string): Promise<void>;
  reservations(spool: string): Promise<{ holder: string; bytes: number; inodes: number }[]>;

  /** A place among at most `limit` holders; a place not renewed for `ttlMs` is free again. */
  takePermit(name: string, holder: string, limit: number, now: number, ttlMs: number): Promise<boolean>;
  dropPermit(name: string, holder: string): Promise<void>;
  /** Places that are taken and have not run out. */
  permits(name: string, now: number): Promise<{ holder: string; untilMs: number }[]>;
  /**
   * Of each fact the value that was given first stands, for as long as the operation is kept; gives what stands of those named. All attempts
   * of all its tasks agree on it, in whatever order they come.
   */
  agree(id: string, facts: ReadonlyMap<string, string>): Promise<Map<string, string>>;
  /** Small shared numbers, such as the width of the sink gate. */
  setShared(key: string, value: string): Promise<void>;
  getShared(key: string): Promise<string | undefined>;

  announce(presence: Presence, ttlMs: number): Promise<void>;
  leave(worker: string): Promise<void>;
  workers(): Promise<Presence[]>;
  putSpool(spool: SpoolRecord): Promise<void>;
  dropSpool(name: string): Promise<void>;
  spools(): Promise<SpoolRecord[]>;

  /** False, and nothing changes, when there is a token of that name. */
  addToken(token: TokenRecord): Promise<boolean>;
  token(name: string): Promise<TokenRecord | undefined>;
  /** By name. */
  tokens(): Promise<TokenRecord[]>;
  /** False when there is none of that name. */
  revokeToken(name: string): Promise<boolean>;

  /** Appends to the audit log, of which nothing is ever dropped. */
  audit(entry: Omit<AuditEntry, 'id'>): Promise<void>;
  /** Entries behind the place `after` (`milliseconds-number`, or only the milliseconds), oldest first. */
  auditEntries(after: string | undefined, limit: number): Promise<AuditEntry[]>;

  close(): Promise<void>;
}

/** A job is only a pointer: what is to be done stands in the store. */
export interface TaskJob {
  /** Payload version; a worker leaves a newer one to a newer worker. */
  v: 1;
  operation: string;
  task: string;
  round: number;
}

export interface Delivery<T> {
  data: T;
  /** Times this job was taken from a worker that had gone silent. */
  stalls: number;
  /** Aborted when the job's lock is lost or the host stops. */
  signal: AbortSignal;
}

export type Handled = 'done' | { delayMs: number };

export interface Consumer {
  /** Times it was replaced because it took no jobs although there were some. */
  readonly restarts?: number;
  /** Takes nothing new, aborts at the deadline what still runs then, and resolves when that has ended. */
  stop(deadlineMs: number): Promise<void>;
}

/** The transport: at least once, never the truth. Adding a job whose id is already there does nothing. */
export interface Transport {
  add(queue: string, jobs: { id: string; data: TaskJob; delayMs?: number }[]): Promise<void>;
  /**
   * Asks for one `advance` of the operation. Rings during an advance give exactly one more. A delayed ring neither replaces nor
   * delays one that is due earlier; of several delayed ones at least the first asked for is kept.
   */
  ring(operation: string, delayMs?: number): Promise<void>;
  consume(queue: string, concurrency: number, handle: (delivery: Delivery<TaskJob>) => Promise<Handled>): Consumer;
  consumeRings(concurrency: number, advance: (operation: string) => Promise<void>): Consumer;
  /** Calls `sweep` about every `everyMs`, on one process of the fleet at a time. */
  consumeSweeps(everyMs: number, sweep: () => Promise<void>): Consumer;
  /** Tells every process that an operation's intent has changed. May be missed. */
  publish(operation: string): Promise<void>;
  subscribe(listener: (operation: string) => void): () => void;
  /** Jobs waiting, delayed and active in a queue. */
  depth(queue: string): Promise<{ waiting: number; active: number; delayed: number }>;
  close(): Promise<void>;
}
