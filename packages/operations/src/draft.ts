/** The decision under construction: what `decide` and `take-in` write to. */

import type {
  Change,
  DoneRecord,
  ErrorData,
  GuardRecord,
  KindDefinition,
  OperationEvent,
  OperationHeader,
  OperationSnapshot,
  OperationState,
  RetryPolicy,
  Role,
  StageState,
  StoredPlan,
  Tally,
  TaskDefinition,
  TaskRecord,
} from '@longshore/core';
import { ACTION_MS, ATTEMPT_SILENCE_MS, assertTransition } from '@longshore/core';

/** The task that plans an operation; run by a worker of the kind's role. */
export const PLAN_TASK = 'operation.plan';

/** Where a task stands that is in no stage: the planning, and what closes a guard. */
export const PLANNING = -1;
export const CLOSING = -2;

/** A check of the lease that took longer than this says nothing of now: the process may have been asleep. So long one that is lost may act. */
export const STALE_CHECK_MS = 2_000;

export interface DecideInput {
  snapshot: OperationSnapshot;
  plan: StoredPlan | undefined;
  kind: KindDefinition;
  tasks: ReadonlyMap<string, TaskDefinition>;
  now: number;
  /** Units of bulk stages this operation may have live: its share of the fleet. */
  share: number;
  /** Spools with live workers of all these roles. */
  spools(roles: readonly Role[]): string[];
  /** In [0, 1), for the jitter of retries. */
  chance: number;
}

export class Draft {
  readonly header: OperationHeader;
  readonly tasks: Map<string, TaskRecord>;
  readonly put: Map<string, TaskRecord> = new Map();
  readonly drop: Set<string> = new Set();
  readonly done: DoneRecord[] = [];
  readonly tally: Tally[] = [];
  readonly notes: NonNullable<Change['notes']> = [];
  readonly events: Omit<OperationEvent, 'id'>[] = [];
  readonly jobs: TaskRecord[] = [];
  readonly guards: Map<string, GuardRecord>;
  readonly guardsPut: GuardRecord[] = [];
  readonly #input: DecideInput;
  readonly now: number;
  plan: StoredPlan | undefined;
  planChanged = false;
  touched = false;
  wakeAt: number | undefined;
  /** What keeps it from beginning anything new, in words. */
  waitsFor: string | undefined;

  constructor(input: DecideInput) {
    this.header = structuredClone(input.snapshot.header);
    this.#input = input;
    this.tasks = new Map(input.snapshot.tasks);
    this.guards = new Map(input.snapshot.guards);
    this.plan = input.plan;
    this.now = input.now;
  }

  event(type: string, text: string): void {
    this.events.push({ at: this.now, type, text });
    this.touched = true;
  }
  state(to: OperationState): void {
    if (this.header.state === to) return;
    assertTransition(this.header.state, to);
    this.header.state = to;
    this.event('state', to);
  }
  /** Tasks that are stopped, paused and waited for; closings are not. */
  ordinary(): TaskRecord[] {
    return [...this.tasks.values()].filter((task) => task.closes === undefined);
  }
  openGuards(): GuardRecord[] {
    return [...this.guards.values()].filter((guard) => guard.state === 'open');
  }
  /** Whether an attempt of this task may still be at work somewhere. */
  atWork(task: TaskRecord): boolean {
    const attempt = this.#input.snapshot.attempts.get(task.id);
    return attempt !== undefined && attempt.round === task.round && this.now - attempt.seenAt < ATTEMPT_SILENCE_MS;
  }
  /** An attempt was lost at `at`: what it had sent may take effect for a while. */
  lost(at: number): void {
    const until = at + (this.#input.kind.actionMs ?? ACTION_MS);
    if (until <= (this.header.quietUntil ?? 0)) return;
    this.header.quietUntil = until;
    this.touched = true;
  }
  /** Back to what it was on its way with: forth, or back. */
  goOn(): void {
    this.state(this.header.revert ? 'reverting' : 'running');
  }
  /** Something is left unsafe: said until it is mended. */
  attention(error: ErrorData): void {
    const since = this.header.attention?.since ?? this.now;
    this.header.attention = { since, error };
    this.touched = true;
    if (this.header.state !== 'needs-attention') {
      this.event('attention', `${error.message}. ${error.fix}`);
      this.state('needs-attention');
    }
  }
  /** What was unsafe is mended. */
  mended(): void {
    if (!this.header.attention) return;
    delete this.header.attention;
    this.touched = true;
    if (this.header.state === 'needs-attention') this.goOn();
  }
  queue(task: TaskRecord): void {
    const queued: TaskRecord = { ...task, state: 'queued' };
    this.set(queued);
    this.jobs.push(queued);
  }
  set(task: TaskRecord): void {
    this.tasks.set(task.id, task);
    this.put.set(task.id, task);
    this.touched = true;
  }
  forget(id: string): void {
    this.tasks.delete(id);
    this.put.delete(id);
    this.drop.add(id);
    this.touched = true;
  }
  /** Gives a task up that was never finished; a unit all of whose tasks are gone counts as skipped. */
  skip(task: TaskRecord): void {
    const attempt = this.#input.snapshot.attempts.get(task.id);
    if (attempt && attempt.seenAt > 0 && this.#input.snapshot.outcomes.get(task.id)?.generation !== attempt.generation)
      this.lost(this.now + STALE_CHECK_MS);
    this.forget(task.id);
    const stage = this.stageOf(task);
    if (task.unit === undefined) {
      if (task.upkeep) return;
      this.done.push({ id: task.id, task: task.task, stage: task.stage, result: 'skipped', endedAt: this.now });
      if (stage) stage.skipped += 1;
    } else if (stage && this.unitOf(task).length === 0) stage.skipped += 1;
  }
  /** Gives up whatever waits for a task, and what waits for that. Of a unit nothing is counted: that is for the task itself. */
  skipFollowers(of: TaskRecord): void {
    for (const follower of this.followersOf(of)) {
      this.skipFollowers(follower);
      if (follower.unit === undefined) this.skip(follower);
      else this.forget(follower.id);
    }
  }
  followersOf(of: TaskRecord): TaskRecord[] {
    return [...this.tasks.values()].filter((other) => other.after === of.id);
  }
  /** The live tasks of the unit that a task belongs to. */
  unitOf(task: TaskRecord): TaskRecord[] {
    return [...this.tasks.values()].filter((other) => task.unit !== undefined && other.unit === task.unit && other.stage === task.stage);
  }
  wake(at: number): void {
    this.wakeAt = this.wakeAt === undefined ? at : Math.min(this.wakeAt, at);
  }
  stageOf(task: TaskRecord): StageState | undefined {
    return this.header.stages[task.stage];
  }
}

/** Pause before the next try: doubled each time, with up to half of it as jitter, never below what the other side asked. */
export function retryPause(policy: RetryPolicy, failures: number, chance: number, askedMs = 0): number {
  const full = Math.min(policy.maxPauseMs, policy.firstPauseMs * 2 ** (failures - 1));
  return Math.max(askedMs, Math.round(full * (0.5 + chance / 2)));
}
