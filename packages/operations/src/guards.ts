/**
 * Guards end, whatever happens: by their own tasks, else by the closing that was named when they were opened. Failure, cancel and time
 * running out close them before anything else is begun; one that cannot be closed makes the operation need attention, and is tried again
 * for ever, slowly. Where an attempt was lost, a guard that was closed is looked at once more when nothing of it can take effect any more.
 */
import type { GuardRecord, TaskRecord } from '@longshore/core';
import { ACTION_MS, ATTENTION_RETRY_MS } from '@longshore/core';
import type { DecideInput, Draft } from './draft.ts';
import { CLOSING, STALE_CHECK_MS } from './draft.ts';
import { GuardLeftOpen, GuardTimedOut, UndoFailed } from './errors.ts';
import { stop } from './expire.ts';

/** Inside a guard a worker that is silent for so long (several beats) has its task taken up by another: the clock runs. */
const SILENCE_MS = 10_000;
/** What a person has ended by hand is looked at within this time, or it is said that it was not. */
const LOOK_MS = 300_000;
/** A guard that is open for so long beyond its time is said to be, whatever is being tried. */
const GRACE_MS = 10_000;

/** `closing`: nothing else may begin; `waiting`: something is to be looked at once more before the operation may end. */
export function watchGuards(draft: Draft, input: DecideInput): 'quiet' | 'waiting' | 'closing' {
  const { header, now } = draft;
  const open = draft.openGuards();
  for (const guard of open) {
    const deadline = guard.openedAt + guard.maxMs;
    if (now < deadline) draft.wake(deadline);
    else if (header.ending === undefined && header.intent !== 'cancel' && header.revert === undefined)
      stop(draft, GuardTimedOut({ what: guard.what, maxMs: guard.maxMs }).data);
  }
  if (open.length > 0 || [...draft.tasks.values()].some(({ closes }) => closes !== undefined)) takeUpSilent(draft, input);
  const givenUp = header.revert?.stopped !== undefined;
  const stopping = givenUp || header.intent === 'cancel' || header.ending === 'failed' || header.ending === 'cancelled';
  const late = (guard: GuardRecord): boolean => now >= guard.openedAt + guard.maxMs;
  // A step back that has begun is brought to its end, and what guards it stays until then: at the longest for its time.
  const bringingToEnd = givenUp && draft.ordinary().some((task) => draft.atWork(task));
  const toClose = open.filter((guard) => (stopping && !bringingToEnd) || late(guard));
  if (header.revert) for (const guard of toClose) if (late(guard)) holdBack(draft, guard);
  for (const guard of toClose) {
    queueClosing(draft, input, guard, `close-${guard.key}`);
    tellOverdue(draft, guard);
  }
  if (toClose.length > 0) {
    // What still runs inside it is stopped, however the failure came about.
    if (stopping && !givenUp && header.intent !== 'cancel' && draft.ordinary().length > 0) {
      header.intent = 'cancel';
      draft.touched = true;
    }
    return 'closing';
  }
  // What found it replaced has not told so yet, and nothing is put away before it has: the operation may go on from there.
  if ([...draft.tasks.values()].some(({ closes }) => closes !== undefined && draft.guards.get(closes)?.state === 'replaced'))
    return 'closing';
  const [taken, unsure] = [lookAtTaken(draft, input), lookAgain(draft, input)];
  if (taken || unsure) return 'waiting';
  letGoOn(draft);
  return 'quiet';
}

/** A step back whose guard has run out of time acts no more: what it would do now, it would do while that is being closed, or after. */
function holdBack(draft: Draft, { what, maxMs }: GuardRecord): void {
  for (const task of draft.ordinary()) {
    if (task.state !== 'queued') continue;
    if (draft.atWork(task)) draft.lost(draft.now + STALE_CHECK_MS);
    // Its attempt is forgotten with it, and can write nothing any more.
    draft.forget(task.id);
    draft.set({ ...task, round: task.round + 1, state: 'waiting', notBefore: draft.now + ATTENTION_RETRY_MS });
    const cause = GuardTimedOut({ what, maxMs }).message;
    draft.attention(UndoFailed({ id: draft.header.id, task: task.undoes ?? task.id, cause }).data);
  }
}

/** When nothing is left to be closed or looked at, what was held back is tried again. */
function letGoOn(draft: Draft): void {
  const tasks = [...draft.tasks.values()];
  if (tasks.some(({ closes }) => closes !== undefined)) return;
  for (const task of tasks) if (task.undoes !== undefined && task.state === 'waiting') draft.queue(task);
}

/** Says that a guard is open beyond its time, though its closing may still be on its way. */
function tellOverdue(draft: Draft, guard: GuardRecord): void {
  const { header, now } = draft;
  const until = guard.openedAt + guard.maxMs + GRACE_MS;
  if (now < until) draft.wake(until);
  else if (!header.attention) {
    const { what, target, openedAt: sinceMs } = guard;
    draft.attention(GuardLeftOpen({ id: header.id, what, target, sinceMs, cause: 'no worker has closed it yet' }).data);
  }
}

/** What a worker that fell silent had in hand goes to another at once: the queue would notice after the lock has run out only. */
function takeUpSilent(draft: Draft, input: DecideInput): void {
  for (const task of [...draft.tasks.values()]) {
    const attempt = input.snapshot.attempts.get(task.id);
    if (task.state !== 'queued' || attempt?.round !== task.round || attempt.seenAt === 0) continue;
    if (input.snapshot.outcomes.get(task.id)?.round === task.round) continue;
    if (draft.header.intent === 'cancel' && task.closes === undefined) continue;
    const at = attempt.seenAt + SILENCE_MS;
    if (draft.now < at) draft.wake(at);
    else {
      draft.lost(draft.now + STALE_CHECK_MS);
      draft.event('worker', `${attempt.worker} is silent; ${task.id} goes to another worker, since a guard is open`);
      draft.queue({ ...task, round: task.round + 1 });
    }
  }
}

/** Closes what the plan has left open: nothing of it outlives the operation. True when something was. */
export function closeLeftOpen(draft: Draft, input: DecideInput): boolean {
  const open = draft.openGuards();
  for (const guard of open) queueClosing(draft, input, guard, `close-${guard.key}`);
  return open.length > 0;
}

/** True as long as a closed guard has not been seen to be closed after the last moment at which a lost attempt could act. */
function lookAgain(draft: Draft, input: DecideInput): boolean {
  const { quietUntil } = draft.header;
  if (quietUntil === undefined) return false;
  const unsure = [...draft.guards.values()].filter((guard) => guard.state === 'closed' && (guard.endedAt ?? 0) < quietUntil);
  if (unsure.length === 0) return false;
  // One that was closed before the attempt was lost or ended is looked at now, too: what had been sent may be in force already.
  const lostAt = quietUntil - (input.kind.actionMs ?? ACTION_MS) - STALE_CHECK_MS;
  if (draft.now < quietUntil) draft.wake(quietUntil);
  for (const guard of unsure)
    if (draft.now >= quietUntil || (guard.endedAt ?? 0) < lostAt) queueClosing(draft, input, guard, `look-${guard.key}`);
  return true;
}

/** True as long as something that a person has ended by hand has not been looked at since: they may have been mistaken, or a late effect has come. */
function lookAtTaken(draft: Draft, input: DecideInput): boolean {
  const { quietUntil = 0 } = draft.header;
  let waiting = false;
  for (const guard of draft.guards.values()) {
    if (guard.look === undefined || guard.look.found !== undefined) continue;
    const from = Math.max(quietUntil, guard.endedAt ?? 0);
    const until = from + LOOK_MS;
    if (draft.now >= until) {
      for (const task of draft.tasks.values()) if (task.closes === guard.key) draft.forget(task.id);
      looked(draft, guard, `no worker could look within ${LOOK_MS / 60_000} minutes`);
      continue;
    }
    waiting = true;
    draft.wake(draft.now < from ? from : until);
    if (draft.now >= from) queueClosing(draft, input, guard, `look-${guard.key}`);
  }
  return waiting;
}

/** What came of looking at a guard that a person had taken over. */
export function looked(draft: Draft, guard: GuardRecord, problem: string | undefined): void {
  const seen: GuardRecord = { ...guard, look: { found: problem ?? 'it has ended' } };
  draft.guards.set(guard.key, seen);
  draft.guardsPut.push(seen);
  draft.event('guard', `${guard.what}: taken over by ${guard.by ?? 'a person'}; ${problem ?? 'looked at since, it has ended'}`);
  if (problem !== undefined)
    draft.notes.push({
      level: 'warning',
      row: guard.target,
      text: `${guard.what}: taken over by ${guard.by ?? 'a person'}, and not seen to have ended: ${problem}`,
    });
}

function queueClosing(draft: Draft, input: DecideInput, guard: GuardRecord, id: string): void {
  if ([...draft.tasks.values()].some((task) => task.closes === guard.key)) return;
  const definition = input.tasks.get(guard.close.task);
  if (!definition) throw new TypeError(`the guard ${guard.key} is closed by ${guard.close.task}, which is not registered`);
  const task: TaskRecord = {
    id,
    task: guard.close.task,
    params: guard.close.params,
    placement: 'role',
    stage: CLOSING,
    role: definition.role,
    queue: definition.role,
    state: 'queued',
    round: draft.header.version + 1,
    failures: 0,
    closes: guard.key,
  };
  draft.event('guard', `${guard.what}: it is being closed`);
  draft.queue(task);
}
