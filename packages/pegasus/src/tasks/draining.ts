/** Looks again and again whether the table is drained, until a time. Reads only. */
import type { TaskContext } from '@longshore/core';
import type { PegasusCluster } from '../client/index.ts';
import { DenialGone, DuplicationGone, DuplicationStuck } from '../errors.ts';
import { DENY_WRITES, isByCounters } from '../model.ts';
import { behind, isDrained, type Notes, noteDrain } from '../plan/drain.ts';
import type { Move } from '../plan/migrate.ts';
import { readProgress } from '../reading/progress.ts';
import { denialOf } from './denial.ts';
import { duplicationOf } from './duplicate.ts';
import { showPartitions } from './shown.ts';

/** Pause between two looks inside the guard: clients wait. */
const LOOK_MS = 1_000;

export interface Drained {
  drained: boolean;
  notes: Notes;
  partitions: number;
  /** Since when every replica denies writes. */
  inForceAt: number;
}

/** The env reaches a replica with its config-sync: with the next at the latest, and one more for one that was missed. */
export function inForceAt(takenAt: number, configSyncMs: number): number {
  return takenAt + 2 * configSyncMs;
}

export async function drainUntil(
  context: TaskContext<unknown>,
  source: PegasusCluster,
  move: Move,
  takenAt: number,
  until: number,
  known: Notes = {},
): Promise<Drained> {
  const { table, cluster, proof, configSyncMs, dupSyncMs } = move;
  const force = inForceAt(takenAt, configSyncMs);
  let notes = known;
  let partitions = 0;
  for (;;) {
    const value = await denialOf(source, table);
    if (value !== DENY_WRITES) throw DenialGone({ table, value });
    const dup = await duplicationOf(source, { table, cluster });
    const seen = dup && (await readProgress(source, { table, dupid: dup.dupid, proof }, () => context.clock.now()));
    if (seen === undefined) throw DuplicationGone({ table, cluster });
    if (seen.failMode === 'FAIL_SKIP')
      throw DuplicationStuck({ table, dupid: dup?.dupid ?? 0, why: 'it skips what it cannot ship', partitions: [], minutes: 0 });
    partitions = seen.partitions.length;
    notes = noteDrain(notes, seen, { inForceAt: force, dupSyncMs, countersOnly: isByCounters(proof) });
    await showPartitions(context, seen, notes, force);
    const left = behind(notes, partitions);
    context.progress(
      partitions - left,
      partitions,
      context.clock.now() < force ? 'partitions drained, the denial is spreading' : 'partitions drained',
    );
    if (isDrained(notes, partitions)) return { drained: true, notes, partitions, inForceAt: force };
    const now = context.clock.now();
    if (now >= until) return { drained: false, notes, partitions, inForceAt: force };
    await context.clock.sleep(Math.min(LOOK_MS, until - now), context.signal);
  }
}
