/**
 * Reads at the end whether the cluster is as it was to be, and puts it into the report.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { openmldbCluster } from '../client/index.ts';
import { ClusterName } from '../params.ts';
import { changesOf } from '../plan/data.ts';
import type { Goal } from '../plan/outcome.ts';
import { shortcomings } from '../plan/outcome.ts';
import { snapshotOf } from './look.ts';
import { type OwnRole, PATIENT, taskName } from './settings.ts';

export interface MeasureParams {
  cluster: string;
  goal: Goal;
}

const goal: z.ZodType<Goal> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('spread') }),
  z.strictObject({ kind: z.literal('empty'), endpoints: z.array(z.string()) }),
  z.strictObject({ kind: z.literal('leads-nothing'), endpoint: z.string(), butSingle: z.boolean() }),
  z.strictObject({ kind: z.literal('whole') }),
]);

export function measureTask(role: OwnRole): TaskDefinition<MeasureParams> {
  return defineTask<MeasureParams>({
    name: taskName(role, 'measure'),
    role,
    params: z.strictObject({ cluster: ClusterName, goal }),
    retry: PATIENT,

    async run(context) {
      const { params } = context;
      await using cluster = context.target(params.cluster, openmldbCluster);
      const changes = changesOf(context.plan);
      const seen = await snapshotOf(
        cluster,
        params.goal.kind === 'whole' ? 'all' : params.goal.kind === 'empty' ? params.goal.endpoints : [],
      );
      for (const { db, table } of changes) context.tally(`${db}.${table}`, 'planned', 1);
      for (const { table, what, text } of shortcomings(seen, changes, params.goal)) {
        context.tally(table, what, 1);
        context.note({ level: what === 'lost' ? 'error' : 'warning', row: table, text });
      }
      if (params.goal.kind === 'empty')
        for (const [endpoint, held] of seen.held)
          if (held.size > 0) {
            context.tally('on leaving tablets', 'left', held.size);
            context.note({
              level: 'warning',
              text: `${endpoint} has ${held.size} partitions in memory still: ${[...held.keys()].slice(0, 5).join(', ')}`,
            });
          }
      return undefined;
    },

    undo: { none: 'it only reads' },
  });
}
