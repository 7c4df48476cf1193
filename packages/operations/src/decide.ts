/**
 * What is to be done next with an operation: a pure function of what lies in the store. `advance` carries it out.
 *
 * Order of one decision: take in what ended, look at what was asked (pause, drain, cancel), fill the current stage up to
 * its concurrency, go on to the next stage, conclude. Deciding twice on the same snapshot gives the same decision.
 */

import type { Change, StageSpec, StageState, TaskDefinition, TaskRecord, TaskSpec } from '@longshore/core';
import { ATTEMPT_SILENCE_MS, FINAL_STATES } from '@longshore/core';
import type { DecideInput } from './draft.ts';
import { Draft, PLAN_TASK } from './draft.ts';
import { NoSpool } from './errors.ts';
import { watchSpools } from './spool-watch.ts';
import { takeIn } from './take-in.ts';

export interface Decision {
  change: Change;
  /** Differs from what lies in the store. */
  changed: boolean;
  jobs: TaskRecord[];
  /** Nothing is left to run: judge it (`conclude`) and end it. */
  concluding: boolean;
  /** Wants its leases before anything runs. */
  wantsLeases: boolean;
  /** Ask again at this time: a retry or an upkeep is due. */
  wakeAt?: number;
  /** A bulk stage has units to place, but no spool is alive. */
  lacksSpool: boolean;
}

export function decide(input: DecideInput): Decision {
  const draft = new Draft(input);
  const { header } = draft;
  let wantsLeases = false;
  let concluding = false;
  let lacksSpool = false;

  if (FINAL_STATES.has(header.state)) {
    for (const id of draft.tasks.keys()) draft.forget(id);
  } else {
    takeIn(draft, input);
    if (header.state === 'submitted') beginPlanning(draft, input);
    else if (header.state === 'planned') {
      if (header.intent === 'cancel' || header.intent === 'drain') draft.state('discarded');
      else if (header.mode === 'run') wantsLeases = true;
    } else {
      obey(draft, input);
      if (header.state === 'running' || header.state === 'needs-attention') {
        const filled = fill(draft, input);
        lacksSpool = filled === 'no-spool';
        concluding = filled === 'through';
        watchSpools(draft, input);
      }
    }
  }

  tellLack(draft, lacksSpool);

  const change: Change = { header };
  if (draft.put.size > 0) change.put = [...draft.put.values()];
  if (draft.drop.size > 0) change.drop = [...draft.drop];
  if (draft.done.length > 0) change.done = draft.done;
  if (draft.planChanged && draft.plan) change.plan = draft.plan;
  if (draft.tally.length > 0) change.tally = draft.tally;
  if (draft.notes.length > 0) change.notes = draft.notes;
  if (draft.events.length > 0) change.events = draft.events;
  const jobs = draft.jobs.filter((task) => draft.tasks.get(task.id) === task);
  const decision: Decision = { change, changed: draft.touched, jobs, concluding, wantsLeases, lacksSpool };
  if (draft.wakeAt !== undefined) decision.wakeAt = draft.wakeAt;
  return decision;
}

function beginPlanning(draft: Draft, input: DecideInput): void {
  const { header } = draft;
  if (header.intent === 'cancel' || header.intent === 'drain') {
    for (const id of draft.tasks.keys()) draft.forget(id);
    draft.state('cancelled');
    return;
  }
  if (draft.tasks.has('plan')) return;
  draft.queue({
    id: 'plan',
    task: PLAN_TASK,
    params: header.params,
    placement: 'role',
    stage: -1,
    role: input.kind.role,
    queue: input.kind.role,
    state: 'queued',
    round: 1,
    failures: 0,
  });
}

/** Whether an attempt of this task may still be at work somewhere. */
function atWork(task: TaskRecord, input: DecideInput): boolean {
  const attempt = input.snapshot.attempts.get(task.id);
  if (!attempt || attempt.round !== task.round) return false;
  return input.now - attempt.seenAt < ATTEMPT_SILENCE_MS;
}

/** Pause, drain and cancel, as far as they can be obeyed now. */
function obey(draft: Draft, input: DecideInput): void {
  const { header } = draft;
  const running = [...draft.tasks.values()].filter((task) => atWork(task, input));
  if (header.intent === 'pause') {
    if (header.state === 'running' && running.length === 0) draft.state('paused');
    return;
  }
  if (header.state === 'paused') {
    draft.state('running');
    for (const task of draft.tasks.values()) if (task.state === 'queued') draft.jobs.push(task);
  }
  const stage = draft.plan?.stages[header.stage];
  const puttingAway = stage?.always === true;
  if (header.intent === 'cancel' && (header.ending === 'cancelled' || puttingAway)) {
    // What puts things away is not stopped: it ends, and the operation with it.
    header.ending ??= 'cancelled';
    delete header.intent;
    draft.touched = true;
    for (const task of draft.tasks.values()) if (task.state === 'queued') draft.jobs.push(task);
  } else if (header.intent === 'cancel') {
    for (const task of [...draft.tasks.values()]) if (!atWork(task, input)) draft.skip(task);
    if (draft.tasks.size === 0) {
      header.ending ??= 'cancelled';
      delete header.intent;
      draft.touched = true;
    } else draft.wake(input.now + ATTEMPT_SILENCE_MS);
  }
  if (header.intent === 'drain' && header.ending !== 'cancelled' && stage !== undefined && !puttingAway) {
    for (const task of [...draft.tasks.values()]) {
      const fresh = task.unit !== undefined && task.after === undefined && !atWork(task, input);
      if (fresh && draft.tasks.has(task.id)) for (const one of draft.unitOf(task)) draft.skip(one);
    }
    if (draft.tasks.size === 0 && header.ending === undefined) {
      header.ending = 'cancelled';
      draft.touched = true;
    }
  }
}

/** Fills the current stage; goes on to later ones when it is through. */
function fill(draft: Draft, input: DecideInput): 'busy' | 'through' | 'no-spool' {
  const { header } = draft;
  const plan = draft.plan;
  if (!plan) return 'busy';
  for (;;) {
    const spec = plan.stages[header.stage];
    const stage = header.stages[header.stage];
    if (!spec || !stage) return draft.tasks.size === 0 ? 'through' : 'busy';
    if (header.ending && header.ending !== 'succeeded' && !spec.always && stage.state === 'pending') {
      endStage(draft, stage, 'skipped');
      continue;
    }
    if (stage.state === 'pending') {
      stage.state = 'running';
      stage.startedAt = input.now;
      stage.total = sizeOf(spec);
      draft.event('stage', `${spec.title}: begins`);
    }
    const blocked = (header.ending !== undefined && !spec.always) || (header.intent !== undefined && header.intent !== 'drain');
    let lacking = false;
    if (!blocked) lacking = spec.bulk ? !fillBulk(draft, input, spec, stage) : !fillTasks(draft, spec, stage, input);
    const live = [...draft.tasks.values()].filter((task) => task.stage === header.stage);
    if (live.some((task) => !task.upkeep)) {
      if (!blocked) keepUp(draft, input, spec, stage, false);
      return 'busy';
    }
    // Nothing is begun while it is paused, but what is still to come is not given up either.
    if (header.intent === 'pause') return 'busy';
    const exhausted = blocked || header.intent === 'drain' || stage.cursor >= sizeOf(spec);
    if (!exhausted) return lacking ? 'no-spool' : 'busy';
    if (live.length > 0) return 'busy';
    if (!keepUp(draft, input, spec, stage, true)) return 'busy';
    endStage(draft, stage, stage.failed > 0 ? 'failed' : 'done');
  }
}

/** What the cursor runs up to; the stage's `total` is less where units went over to another stage. */
function sizeOf(spec: StageSpec): number {
  return spec.bulk ? (spec.bulk.only?.length ?? spec.bulk.count) : (spec.tasks?.length ?? 0);
}

function endStage(draft: Draft, stage: StageState, state: StageState['state']): void {
  stage.state = state;
  stage.endedAt = draft.now;
  // Whatever was never begun: what was planned is always done, failed or skipped.
  stage.skipped = Math.max(stage.skipped, stage.total - stage.done - stage.failed);
  draft.header.stage += 1;
  draft.touched = true;
}

function record(spec: TaskSpec, definition: TaskDefinition, stage: number, spool: string | undefined): TaskRecord {
  const queue = spec.placement === 'spool' && spool !== undefined ? `${definition.queue ?? definition.role}.${spool}` : definition.role;
  return { ...spec, stage, role: definition.role, queue, state: spec.after === undefined ? 'queued' : 'waiting', round: 1, failures: 0 };
}

function definitionOf(input: DecideInput, task: string): TaskDefinition {
  const found = input.tasks.get(task);
  if (!found) throw new TypeError(`the kind ${input.kind.name} plans a task ${task} that is not registered`);
  return found;
}

/** False when there is work to place and no spool to place it on. */
function fillBulk(draft: Draft, input: DecideInput, spec: StageSpec, stage: StageState): boolean {
  const { header } = draft;
  const bulk = spec.bulk!;
  if (header.intent === 'drain') return true;
  const units = new Set<number>();
  for (const task of draft.tasks.values()) if (task.stage === header.stage && task.unit !== undefined) units.add(task.unit);
  const room = Math.min(spec.concurrency, Math.max(2, input.share));
  while (units.size < room && stage.cursor < sizeOf(spec)) {
    const index = bulk.only ? bulk.only[stage.cursor]! : stage.cursor;
    const specs = input.kind.expand!(draft.plan!, spec, index);
    const needsSpool = specs.some((one) => one.placement === 'spool');
    const served = needsSpool ? input.spools([...new Set(specs.map((one) => definitionOf(input, one.task).role))]) : [];
    const spools = served.filter((one) => spec.spools?.includes(one) ?? true);
    const spool = spools[index % Math.max(1, spools.length)];
    if (needsSpool && spool === undefined) return false;
    if (spool !== undefined && !header.spools.includes(spool)) header.spools.push(spool);
    for (const one of specs) {
      const task: TaskRecord = { ...record(one, definitionOf(input, one.task), header.stage, spool), unit: index };
      if (task.state === 'queued') draft.queue(task);
      else draft.set(task);
    }
    units.add(index);
    stage.cursor += 1;
  }
  return true;
}

function fillTasks(draft: Draft, spec: StageSpec, stage: StageState, input: DecideInput): boolean {
  const { header } = draft;
  if (header.intent === 'drain' && !spec.always) return true;
  const active = [...draft.tasks.values()].filter((task) => task.stage === header.stage && task.state === 'queued').length;
  let room = spec.concurrency - active;
  const place = (one: TaskSpec): void => {
    const definition = definitionOf(input, one.task);
    const [prefix, spool] = one.placement === 'spool' ? one.id.split('@') : [];
    if (one.placement === 'spool' && (prefix === undefined || spool === undefined)) throw new TypeError(`task ${one.id} names no spool`);
    if (spool !== undefined && !header.spools.includes(spool)) header.spools.push(spool);
    const task = record(one, definition, header.stage, spool);
    if (task.state === 'queued') draft.queue(task);
    else draft.set(task);
    // Those that wait for it lie ready before it can end; they take no room of their own yet.
    for (const follower of spec.tasks!.filter(({ after }) => after === one.id)) place(follower);
  };
  while (stage.cursor < sizeOf(spec) && room > 0) {
    const one = spec.tasks![stage.cursor]!;
    stage.cursor += 1;
    if (one.after !== undefined) continue;
    place(one);
    room -= 1;
  }
  return true;
}

/** Runs the stage's upkeep when it is due, or for the last time. True when nothing of it is left to do. */
function keepUp(draft: Draft, input: DecideInput, spec: StageSpec, stage: StageState, last: boolean): boolean {
  const { upkeep } = spec;
  const { header } = draft;
  if (!upkeep || (header.ending === 'cancelled' && header.intent !== 'drain' && !spec.always)) return true;
  const ended = new Set(stage.upkeepEnded);
  const live = new Set([...draft.tasks.values()].filter((task) => task.upkeep).map((task) => task.queue));
  const due = last || (stage.upkeepAt ?? stage.startedAt! + upkeep.everyMs) <= input.now;
  let left = false;
  for (const spool of header.spools) {
    if (last && ended.has(spool)) continue;
    left = true;
    const definition = definitionOf(input, upkeep.task);
    const queue = `${definition.queue ?? definition.role}.${spool}`;
    if (!due || live.has(queue)) continue;
    stage.upkeepRuns = (stage.upkeepRuns ?? 0) + 1;
    const params = { ...(upkeep.params as object), spool, last };
    draft.queue({
      id: `${spec.name}-upkeep-${stage.upkeepRuns}`,
      task: upkeep.task,
      params,
      placement: 'spool',
      stage: header.stage,
      role: definition.role,
      queue,
      state: 'queued',
      round: 1,
      failures: 0,
      upkeep: true,
    });
  }
  if (!last && due) {
    stage.upkeepAt = input.now + upkeep.everyMs;
    draft.touched = true;
  }
  if (!last && stage.upkeepAt !== undefined) draft.wake(stage.upkeepAt);
  return !left;
}

/** Said once when it begins, and in `explain` as long as it lasts. */
function tellLack(draft: Draft, lacksSpool: boolean): void {
  const { header } = draft;
  if (lacksSpool === (header.waitsFor !== undefined)) return;
  draft.touched = true;
  if (!lacksSpool) {
    delete header.waitsFor;
    return;
  }
  const { message, fix } = NoSpool({ kind: header.kind }).data;
  header.waitsFor = `${message}. ${fix}`;
  draft.event('gate', header.waitsFor);
}
