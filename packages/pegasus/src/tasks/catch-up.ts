/**
 * Waits until little is left to be shipped, several looks in a row, and everything that waits is seen to move.
 *
 * Changes: nothing. Twice is harmless: what it remembers between looks is kept, so that a second attempt goes on.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { pegasusCluster } from '../client/index.ts';
import { DuplicationGone, DuplicationStuck } from '../errors.ts';
import { type BacklogWatch, freshWatch, look, outlook, type Seen } from '../plan/backlog.ts';
import { readProgress } from '../reading/progress.ts';
import { readRows } from '../reading/rows.ts';
import { duplicationOf } from './duplicate.ts';
import { PATIENT, RoundParams } from './settings.ts';
import { showPartitions } from './shown.ts';

/** A primary tells of what it has shipped with the next sync, and the meta stores it some seconds later. */
const SYNCS_TO_TELL = 3;
/** A rate is that of the last so many looks. */
const LOOKS_KEPT = 7;

export const catchUp: TaskDefinition<RoundParams> = defineTask({
  name: 'pegasus.catch-up',
  role: 'migrator',
  params: RoundParams,
  retry: PATIENT,
  deadlineMs: 7 * 86_400_000,
  targets: ({ source }) => [source],

  async run(context) {
    const { table, from, cluster, proof, threshold, rounds, pollMs, dupSyncMs, stuckMs } = context.params;
    await using source = context.target(context.params.source, pegasusCluster);
    const rules = {
      threshold,
      rounds,
      stuckMs,
      tellsWithinMs: Math.max(SYNCS_TO_TELL * dupSyncMs, rounds * pollMs),
      byNode: proof === 'counters',
    };
    let watch = await context.checkpoint.load<BacklogWatch>();
    const startedAt = context.clock.now();
    let first: number | undefined;
    let looks: Seen[] = [];
    for (;;) {
      const dup = await duplicationOf(source, { table, cluster });
      const seen = dup && (await readProgress(source, { table, dupid: dup.dupid, proof }, () => context.clock.now()));
      if (seen === undefined) throw DuplicationGone({ table, cluster });
      if (seen.status !== 'DS_LOG')
        throw DuplicationStuck({ table, dupid: dup?.dupid ?? 0, why: `it is ${seen.status} now`, partitions: [], minutes: 0 });
      if (seen.failMode === 'FAIL_SKIP')
        throw DuplicationStuck({
          table,
          dupid: dup?.dupid ?? 0,
          why: 'its fail mode was set to FAIL_SKIP, so that it skips what it cannot ship',
          partitions: [],
          minutes: 0,
        });
      const step = look(watch ?? freshWatch(seen.at), seen, rules);
      watch = step.watch;
      await context.checkpoint.save(watch);
      const { verdict } = step;
      first ??= verdict.pending;
      await showPartitions(context, seen);
      looks = [...looks, { at: seen.at, pending: verdict.pending }].slice(-LOOKS_KEPT);
      context.progress(Math.max(0, first - verdict.pending), Math.max(first, 1), `mutations shipped, ${outlook(looks, threshold)}`);
      if (verdict.is === 'stuck')
        throw DuplicationStuck({
          table,
          dupid: dup?.dupid ?? 0,
          why: 'mutations wait and none is shipped',
          partitions: verdict.partitions,
          minutes: Math.round(stuckMs / 60_000),
        });
      if (verdict.is === 'caught-up')
        return {
          output: {
            pending: verdict.pending,
            tookMs: context.clock.now() - startedAt,
            partitions: seen.partitions.length,
            // Now, since nothing is asked that is not needed while clients wait.
            rows: JSON.parse(JSON.stringify(await readRows(source, table, from))),
          },
        };
      await context.clock.sleep(pollMs, context.signal);
    }
  },

  undo: { none: 'it only reads' },
});
