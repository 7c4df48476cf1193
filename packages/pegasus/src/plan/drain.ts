/**
 * When a table is drained: all that was committed when the denial was in force is confirmed at the target. Pure. That nothing moves any
 * more proves nothing: a stuck duplication does not move either, and primaries of idle tables write empty mutations. So each partition's
 * last committed decree is noted once the denial is in force, and its confirmed decree must reach that.
 */
import type { DuplicationProgress, PartitionProgress } from '../model.ts';

/** What was noted of one partition; plain, so that it can be kept. `goal` null: not yet known. */
export type Note = { ballot: number; goal: number | null; drained: boolean };
export type Notes = { [partition: string]: Note };

export interface DrainRules {
  /** Since when the denial is in force: no client's write has been taken after this, ms. */
  inForceAt: number;
  /** An account of the meta is at most so old, ms. */
  dupSyncMs: number;
}

/** One more look. Before the denial is in force nothing is noted. */
export function noteDrain(notes: Notes, seen: DuplicationProgress, rules: DrainRules): Notes {
  if (seen.at < rules.inForceAt || seen.status !== 'DS_LOG') return notes;
  const next: Notes = {};
  for (const one of seen.partitions) {
    const known = notes[one.partition];
    // A new primary commits what its predecessor had prepared: what was noted of that one is not all.
    const fresh = known === undefined || known.ballot !== one.ballot ? { ballot: one.ballot, goal: null, drained: false } : known;
    next[one.partition] = one.primary === null ? { ...fresh, goal: null, drained: false } : judge(fresh, one, seen.at, rules);
  }
  return next;
}

function judge(note: Note, one: PartitionProgress, at: number, { inForceAt, dupSyncMs }: DrainRules): Note {
  if (note.drained) return note;
  // The primary's own account is of now: with nothing unconfirmed, all that it has ever committed is at the target.
  if (one.notConfirmed === 0) return { ...note, goal: note.goal ?? one.confirmed, drained: true };
  const goal = note.goal ?? goalOf(one, at >= inForceAt + dupSyncMs);
  return { ...note, goal, drained: goal !== null && one.confirmed >= goal };
}

/** A decree that no earlier write can lie beyond; null while there is none to be known. */
function goalOf(one: PartitionProgress, metaIsFresh: boolean): number | null {
  // The meta was asked after the primary, and what it has stored is never behind what the primary has been told: so this is not too small.
  if (one.notConfirmed !== null) return one.confirmed + one.notConfirmed;
  return one.committed !== null && metaIsFresh ? one.committed : null;
}

/** True when every partition is. */
export function isDrained(notes: Notes, partitions: number): boolean {
  const all = Object.values(notes);
  return all.length === partitions && all.every(({ drained }) => drained);
}

export function behind(notes: Notes, partitions: number): number {
  return partitions - Object.values(notes).filter(({ drained }) => drained).length;
}
