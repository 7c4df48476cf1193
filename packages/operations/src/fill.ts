/** Fills the current stage up to its concurrency, and goes on to later ones. */
import type { OperationHeader, StageSpec, StageState, TaskDefinition, TaskRecord, TaskSpec } from '@longshore/core';
import { awaitApproval } from './approvals.ts';
import type { DecideInput, Draft } from './draft.ts';
import { BadOutput } from './errors.ts';

/** Fills the current stage; goes on to later ones when it is through. */
export function fill(draft: Draft, input: DecideInput): 'busy' | 'through' | 'no-spool' {
  const { header } = draft;
  const plan = draft.plan;
  if (!plan) return 'busy';
  for (;;) {
    const spec = plan.stages[header.stage];
    const stage = header.stages[header.stage];
    if (!spec || !stage) return draft.ordinary().length === 0 ? 'through' : 'busy';
    const givenUp = header.revert?.stopped !== undefined;
    if (((header.ending && header.ending !== 'succeeded' && !spec.always) || givenUp) && stage.state === 'pending') {
      endStage(draft, stage, 'skipped');
      continue;
    }
    // A pause waits for the end of a guard, and the way there is what lies ahead.
    const pausing = header.intent === 'pause' && draft.openGuards().length === 0;
    if (stage.state === 'pending') {
      if (pausing || awaitApproval(draft) || mustKeepStill(draft, spec)) return 'busy';
      if (isUnknown(draft, input, spec, stage)) return 'busy';
      stage.state = 'running';
      stage.startedAt = input.now;
      if (spec.bulk?.endless) stage.endless = true;
      stage.total = stage.endless ? 0 : sizeOf(header, spec, stage);
      draft.event('stage', `${spec.title}: begins`);
    }
    if (header.revert && !givenUp && mustKeepStill(draft, spec)) return 'busy';
    const blocked = (header.ending !== undefined && !spec.always) || pausing || header.intent === 'cancel' || givenUp;
    let lacking = false;
    if (!blocked) lacking = spec.bulk ? !fillBulk(draft, input, spec, stage) : !fillTasks(draft, spec, stage, input);
    const live = [...draft.tasks.values()].filter((task) => task.stage === header.stage);
    if (live.some((task) => !task.upkeep)) {
      if (!blocked) keepUp(draft, input, spec, stage, false);
      return 'busy';
    }
    // Nothing is begun while it is paused, but what is still to come is not given up either.
    if (pausing) return 'busy';
    const exhausted = blocked || header.intent === 'drain' || stage.cursor >= sizeOf(header, spec, stage);
    if (!exhausted) {
      // Between two units of what is endless there may be long enough for it to be due.
      if (!lacking) keepUp(draft, input, spec, stage, false);
      return lacking ? 'no-spool' : 'busy';
    }
    if (live.length > 0) return 'busy';
    if (!keepUp(draft, input, spec, stage, true)) return 'busy';
    // One that was cut short is not done: tried again by hand, it goes on there.
    const cut = ((header.ending === 'failed' && !spec.always) || givenUp) && stage.done < sizeOf(header, spec, stage);
    endStage(draft, stage, stage.failed > 0 || cut ? 'failed' : 'done');
  }
}

/**
 * Nothing is taken back before what was done can take effect no more: it would come after its undo. And no guard is opened before those that
 * were closed have been looked at for the last time: a closing would end the new one.
 */
function mustKeepStill(draft: Draft, spec: StageSpec): boolean {
  const { revert, quietUntil = 0 } = draft.header;
  if (revert === undefined && spec.guard?.opens === undefined) return false;
  const closing = [...draft.tasks.values()].some(({ closes }) => closes !== undefined);
  const unsure = revert !== undefined || [...draft.guards.values()].some(({ state }) => state === 'closed');
  if (!closing && !(unsure && draft.now < quietUntil)) return false;
  if (draft.now < quietUntil) {
    draft.waitsFor = `what a stopped or lost attempt had sent may take effect until ${new Date(quietUntil).toISOString()}`;
    draft.wake(quietUntil);
  }
  return true;
}

/** A stage with a task that this version does not know is not begun: the operation fails, and ends what it has open. */
function isUnknown(draft: Draft, input: DecideInput, spec: StageSpec, stage: StageState): boolean {
  const unknown = (spec.tasks ?? []).find(({ task }) => !input.tasks.has(task));
  if (!unknown) return false;
  const problem = `it is of the sort ${unknown.task}, which is not known here`;
  draft.header.error ??= BadOutput({ task: unknown.id, problem }).data;
  draft.header.ending ??= 'failed';
  endStage(draft, stage, 'failed');
  draft.wake(draft.now);
  return true;
}

/** What the cursor runs up to; the stage's `total` is less where units went over to another stage. */
function sizeOf({ finish }: Pick<OperationHeader, 'finish'>, { bulk, tasks }: StageSpec, stage: StageState): number {
  if (bulk?.endless === undefined) return bulk ? (bulk.only?.length ?? bulk.count) : (stage.again ?? tasks ?? []).length;
  if (finish === undefined) return Number.POSITIVE_INFINITY;
  const { from, everyMs } = bulk.endless;
  return Math.max(stage.cursor, finish.at < from ? 0 : Math.floor((finish.at - from) / everyMs) + 1);
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
  while (units.size < room && stage.cursor < sizeOf(header, spec, stage)) {
    if (bulk.endless) {
      const dueAt = bulk.endless.from + stage.cursor * bulk.endless.everyMs;
      if (draft.now < dueAt) {
        draft.wake(dueAt);
        break;
      }
    }
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
    if (bulk.endless) stage.total += 1;
  }
  return true;
}

interface TaskIndex {
  byId: Map<string, TaskSpec>;
  followers: Map<string, TaskSpec[]>;
}

/** A stage may have a hundred thousand tasks; a plan does not change but by being replaced. */
const indexes: WeakMap<TaskSpec[], TaskIndex> = new WeakMap();

function indexOf(tasks: TaskSpec[]): TaskIndex {
  const known = indexes.get(tasks);
  if (known) return known;
  const made: TaskIndex = { byId: new Map(), followers: new Map() };
  for (const task of tasks) {
    made.byId.set(task.id, task);
    if (task.after !== undefined) made.followers.set(task.after, [...(made.followers.get(task.after) ?? []), task]);
  }
  indexes.set(tasks, made);
  return made;
}

function fillTasks(draft: Draft, spec: StageSpec, stage: StageState, input: DecideInput): boolean {
  const { header } = draft;
  if (header.intent === 'drain' && !spec.always) return true;
  const tasks = spec.tasks ?? [];
  const { byId, followers } = indexOf(tasks);
  const again = stage.again === undefined ? undefined : new Set(stage.again);
  const wanted = (id: string): boolean => again?.has(id) ?? true;
  const active = [...draft.tasks.values()].filter((task) => task.stage === header.stage && task.state === 'queued').length;
  let room = Math.min(spec.concurrency, Math.max(2, input.share)) - active;
  const place = (one: TaskSpec): void => {
    const definition = definitionOf(input, one.task);
    const [prefix, spool] = one.placement === 'spool' ? one.id.split('@') : [];
    if (one.placement === 'spool' && (prefix === undefined || spool === undefined)) throw new TypeError(`task ${one.id} names no spool`);
    if (spool !== undefined && !header.spools.includes(spool)) header.spools.push(spool);
    const task = record(one, definition, header.stage, spool);
    // What it waits for may have ended well before it was to be tried again.
    if (task.state === 'queued' || (one.after !== undefined && !wanted(one.after))) draft.queue(task);
    else draft.set(task);
    // Those that wait for it lie ready before it can end; they take no room of their own yet.
    for (const follower of followers.get(one.id) ?? []) if (wanted(follower.id)) place(follower);
  };
  while (stage.cursor < sizeOf(header, spec, stage) && room > 0) {
    const one = stage.again === undefined ? tasks[stage.cursor]! : byId.get(stage.again[stage.cursor]!)!;
    stage.cursor += 1;
    if (one.after !== undefined && wanted(one.after)) continue;
    place(one);
    room -= 1;
    draft.touched = true;
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
