/**
 * When a table is drained: all that was committed when the denial was in force is confirmed at the target. Pure. That nothing moves any
 * more proves nothing: a stuck duplication does not move either, and primaries of idle tables write empty mutations. So each partition's
 * last committed decree is noted once the denial is in force, and its confirmed decree must reach that.
 */
import type { DuplicationProgress, PartitionProgress } from '../model.ts';

/**
 * What was noted of one partition; plain, so that it can be kept. `goal` null: not yet known. `heard`: what the meta told of it when everything
 * sent before the denial had arrived; `zeroSince`, where there are only counters: since when nothing was seen to wait.
 */
export type Note = { ballot: number; goal: number | null; drained: boolean; heard?: number; zeroSince?: number };
export type Notes = { [partition: string]: Note };

export interface DrainRules {
  /** Since when the denial is in force: no client's write has been taken after this, ms. */
  inForceAt: number;
  /** How often a primary tells the meta how far it is, ms. */
  dupSyncMs: number;
  /** No decrees are told, only how much waits: the operator has accepted that this is no proof. */
  countersOnly?: boolean;
}

/**
 * A counter that has shown 0 for so many syncs shows what is so. It is set with each sync and set to 0 by being read, so that a single 0 says
 * nothing; both are done at the same pace, so that of three looks one at least shows what was set.
 */
const SYNCS_AT_ZERO = 4;

/** How long counters must show 0 while writes are denied, ms. */
export function zeroForMs(dupSyncMs: number): number {
  return SYNCS_AT_ZERO * dupSyncMs;
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

function judge(note: Note, one: PartitionProgress, at: number, { inForceAt, dupSyncMs, countersOnly }: DrainRules): Note {
  if (note.drained) return note;
  if (countersOnly) {
    const { zeroSince = at, ...rest } = note;
    return one.notShipped === 0 ? { ...rest, zeroSince, drained: at - zeroSince >= zeroForMs(dupSyncMs) } : rest;
  }
  // The primary's own account is of now: with nothing unconfirmed, all that it has ever committed is at the target.
  if (one.notConfirmed === 0) return { ...note, goal: note.goal ?? one.confirmed, drained: true };
  if (one.notConfirmed === null && note.goal === null) return hear(note, one, at >= inForceAt + dupSyncMs);
  // The meta was asked after the primary, and what it has stored is never behind what the primary has been told: so this is not too small.
  const goal = note.goal ?? one.confirmed + (one.notConfirmed ?? 0);
  return { ...note, goal, drained: one.confirmed >= goal };
}

/**
 * The account of the meta is as old as the last sync that reached it, and any number may have been lost: that it shows nothing to wait proves
 * nothing. But it must move: a primary that has written nothing for long writes an empty mutation. What it says when it has moved, after all
 * that was sent before the denial was in force has arrived, is of after that, and no client's write can lie beyond.
 */
function hear(note: Note, one: PartitionProgress, settled: boolean): Note {
  if (!settled || one.committed === null) return note;
  if (note.heard === undefined) return { ...note, heard: one.committed };
  if (one.committed <= note.heard) return note;
  return { ...note, goal: one.committed, drained: one.confirmed >= one.committed };
}

/** True when every partition is. */
export function isDrained(notes: Notes, partitions: number): boolean {
  const all = Object.values(notes);
  return all.length === partitions && all.every(({ drained }) => drained);
}

export function behind(notes: Notes, partitions: number): number {
  return partitions - Object.values(notes).filter(({ drained }) => drained).length;
}
