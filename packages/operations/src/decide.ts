/**
 * What is to be done next with an operation: a pure function of what lies in the store. `advance` carries it out.
 *
 * Order of one decision: take in what ended, see what has run out of time, close what must be closed, look at what was asked (pause,
 * drain, cancel), fill the current stage up to its concurrency, go on to the next stage, conclude. Deciding twice on the same snapshot
 * gives the same decision.
 */

import type { Change, OperationHeader, TaskRecord } from '@longshore/core';
import { FINAL_STATES } from '@longshore/core';
import { awaitApproval } from './approvals.ts';
import { goOnFromThere } from './came-about.ts';
import type { DecideInput } from './draft.ts';
import { Draft } from './draft.ts';
import { NoSpool } from './errors.ts';
import { expire, expireBeforeStart } from './expire.ts';
import { fill } from './fill.ts';
import { closeLeftOpen, watchGuards } from './guards.ts';
import { addAgain, obey } from './obey.ts';
import { watchSpools } from './spool-watch.ts';
import { beginPlanning, heldBack, readyToStart } from './start.ts';
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
  /** Ask again at this time: a retry, an upkeep or a deadline is due. */
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
    expireBeforeStart(draft);
    if (FINAL_STATES.has(header.state)) for (const id of draft.tasks.keys()) draft.forget(id);
    else if (heldBack(draft)) {
      // A person resumes it, or its time runs out.
    } else if (header.state === 'submitted') beginPlanning(draft, input);
    else if (header.state === 'planned') wantsLeases = readyToStart(draft, input);
    else {
      // What needed attention was taken over, or given up, by a person.
      if (header.state === 'needs-attention' && !header.attention) draft.goOn();
      expire(draft);
      watchGuards(draft, input);
      obey(draft);
      // What was obeyed may have ended it, and then its guards come first.
      const guards = watchGuards(draft, input);
      if (guards === 'quiet') goOnFromThere(draft);
      if (LIVELY.has(header.state) && guards !== 'closing' && !waitsForItsTurn(header)) {
        const filled = awaitApproval(draft) ? 'busy' : fill(draft, input);
        lacksSpool = filled === 'no-spool';
        if (filled === 'through' && guards === 'waiting' && header.quietUntil !== undefined)
          draft.waitsFor = `what a stopped or lost attempt had sent may take effect until ${new Date(header.quietUntil).toISOString()}; its guards are looked at once more then`;
        const leftOpen = filled === 'through' && closeLeftOpen(draft, input);
        concluding = filled === 'through' && draft.tasks.size === 0 && !leftOpen && guards === 'quiet' && header.attention === undefined;
        watchSpools(draft, input);
        tellReached(draft, input);
      }
    }
    giveOrder(draft);
  }

  tellLack(draft, lacksSpool);

  const change: Change = { header };
  if (draft.put.size > 0) change.put = [...draft.put.values()];
  if (draft.drop.size > 0) change.drop = [...draft.drop];
  if (draft.done.length > 0) change.done = draft.done;
  if (draft.guardsPut.length > 0) change.guards = draft.guardsPut;
  if (draft.planChanged && draft.plan) change.plan = draft.plan;
  if (draft.tally.length > 0) change.tally = draft.tally;
  if (draft.notes.length > 0) change.notes = draft.notes;
  if (draft.events.length > 0) change.events = draft.events;
  const jobs = draft.jobs.filter((task) => draft.tasks.get(task.id) === task);
  const decision: Decision = { change, changed: draft.touched, jobs, concluding, wantsLeases, lacksSpool };
  if (draft.wakeAt !== undefined) decision.wakeAt = draft.wakeAt;
  return decision;
}

/** Tried again, or to be taken back: it begins when its turn comes, unless it is to end before that. */
function waitsForItsTurn({ queued, intent, ending, revert }: OperationHeader): boolean {
  return queued === true && intent === undefined && ending === undefined && !revert?.stopped;
}

/** States in which something of the plan may be begun. */
const LIVELY: ReadonlySet<string> = new Set(['running', 'needs-attention', 'reverting', 'awaiting-approval']);

/** How far what is endless has come. */
function tellReached(draft: Draft, { kind }: DecideInput): void {
  const { header, plan } = draft;
  const at = plan && kind.reached?.(plan, header, [...draft.tasks.values()]);
  if (at === undefined || at === header.reachedAt) return;
  header.reachedAt = at;
  draft.touched = true;
}

/** What the workers are told follows from what was asked and from what is open. */
function giveOrder(draft: Draft): void {
  const { header } = draft;
  const paused = header.intent === 'pause' && draft.openGuards().length === 0;
  const order = header.intent === 'cancel' ? 'cancel' : paused ? 'pause' : undefined;
  if (order === header.order) return;
  // Jobs that came while it was paused were taken off as unwanted.
  if (header.order === 'pause') addAgain(draft);
  draft.touched = true;
  if (order === undefined) delete header.order;
  else header.order = order;
}

/** Said once when it begins, and in `explain` as long as it lasts. */
function tellLack(draft: Draft, lacksSpool: boolean): void {
  const { header } = draft;
  // What it waits for before it begins is known, and said, when its leases or its turn are asked for.
  if (header.state === 'planned' || waitsForItsTurn(header)) return;
  const reason = lacksSpool ? NoSpool({ kind: header.kind }).data : undefined;
  const waitsFor = reason ? `${reason.message}. ${reason.fix}` : draft.waitsFor;
  if (waitsFor === header.waitsFor) return;
  draft.touched = true;
  if (waitsFor === undefined) delete header.waitsFor;
  else {
    header.waitsFor = waitsFor;
    draft.event('gate', waitsFor);
  }
}
