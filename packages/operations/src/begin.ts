/** An operation that has just got its leases: what it may begin goes into the same commit as that it runs. */
import type { Change } from '@longshore/core';
import type { Decision } from './decide.ts';
import { decide } from './decide.ts';
import type { DecideInput } from './draft.ts';

/** Decides once more, on what the decision so far leaves behind, and adds what comes of it to that decision. */
export function begin(decision: Decision, input: DecideInput): void {
  const before = decision.change;
  const tasks = new Map(input.snapshot.tasks);
  for (const id of before.drop ?? []) tasks.delete(id);
  for (const task of before.put ?? []) tasks.set(task.id, task);
  // Every outcome has been taken in.
  const next = decide({ ...input, snapshot: { ...input.snapshot, header: before.header, tasks, outcomes: new Map() } });
  decision.change = joined(before, next.change);
  decision.changed ||= next.changed;
  decision.jobs = [...decision.jobs, ...next.jobs];
  decision.concluding = next.concluding;
  decision.lacksSpool = next.lacksSpool;
  decision.wantsLeases = next.wantsLeases;
  const wakeAt = Math.min(decision.wakeAt ?? Number.POSITIVE_INFINITY, next.wakeAt ?? Number.POSITIVE_INFINITY);
  if (Number.isFinite(wakeAt)) decision.wakeAt = wakeAt;
}

/** Two changes, one after the other, as one. */
function joined(first: Change, second: Change): Change {
  const anew = new Set([...(second.drop ?? []), ...(second.put ?? []).map(({ id }) => id)]);
  const change: Change = { ...first, ...second };
  const put = [...(first.put ?? []).filter(({ id }) => !anew.has(id)), ...(second.put ?? [])];
  if (put.length > 0) change.put = put;
  const drop = new Set([...(first.drop ?? []), ...(second.drop ?? [])]);
  if (drop.size > 0) change.drop = [...drop];
  for (const list of ['done', 'guards', 'tally', 'notes', 'events'] as const) append(change, list, first, second);
  return change;
}

function append<K extends 'done' | 'guards' | 'tally' | 'notes' | 'events'>(to: Change, list: K, first: Change, second: Change): void {
  const all = [...(first[list] ?? []), ...(second[list] ?? [])] as NonNullable<Change[K]>;
  if (all.length > 0) to[list] = all;
}
