/**
 * Brings one partition to where it is to be: who holds it, and who leads.
 *
 * Changes: its replicas and its leader, by ops of the nameserver; on recovery what tablets have in memory, and which replicas count as alive.
 * Twice is harmless: each step is decided from what is seen, a step that is done already is not taken, and an op in progress is waited for.
 * Where an op fails, is cancelled or does not end, the partition is put back to where it was before: no extra replica is left behind. A recovery
 * is neither put back nor undone: each of its steps is a gain, and what was before was broken.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask, LongshoreError } from '@longshore/core';
import { z } from 'zod';
import { openmldbCluster } from '../client/index.ts';
import { OpCancelled, OpFailed, OpStuck, PartitionGone } from '../errors.ts';
import type { Placement } from '../model.ts';
import { partitionName, placementOf } from '../model.ts';
import { ClusterName } from '../params.ts';
import { holdOffOnTheWayBack, wayBackGuard } from './failover.ts';
import { lookAt } from './look.ts';
import { type OwnRole, PATIENT, taskName } from './settings.ts';
import { letSettle, type StepsParams, settle } from './steps.ts';

export interface SettleParams extends StepsParams {
  goal: Placement;
  mayPromote: boolean;
}

const placement = z.object({ replicas: z.array(z.string()), leader: z.string().nullable() });
const PLACEMENT = 'placement';

export function settleTask(role: OwnRole): TaskDefinition<SettleParams> {
  return defineTask<SettleParams>({
    name: taskName(role, 'settle'),
    role,
    params: z.strictObject({
      cluster: ClusterName,
      db: z.string(),
      table: z.string(),
      tid: z.int(),
      pid: z.int(),
      goal: placement,
      mayPromote: z.boolean(),
      opDeadlineMs: z.int().positive(),
      unsettledMs: z.int().nonnegative(),
    }),
    retry: PATIENT,
    targets: ({ cluster }) => [cluster],
    deadlineMs: 86_400_000,

    async run(context) {
      const { params } = context;
      await using cluster = context.target(params.cluster, openmldbCluster);
      await letSettle(context);
      const view = await lookAt(cluster, params);
      if (!view) throw PartitionGone({ partition: partitionName(params) });
      const { before } = await context.journal.intent(PLACEMENT, {
        what: `settle ${partitionName(params)}`,
        before: placementOf(view.partition),
        after: params.goal,
      });
      try {
        const { steps, degraded } = await settle(context, cluster, params.goal, { mayPromote: params.mayPromote });
        await context.journal.done(PLACEMENT);
        context.tally(`${params.db}.${params.table}`, 'settled', 1);
        context.count('partitions', 1);
        if (degraded.length > 0)
          context.note({
            level: 'warning',
            row: `${params.db}.${params.table}`,
            text: `${partitionName(params)} lacks ${degraded.join(', ')}: away`,
          });
        return { output: { steps, degraded } };
      } catch (error) {
        if (!isOver(error) || params.mayPromote) throw error;
        const back = placement.parse(before);
        try {
          const { steps } = await settle(context, cluster, back, { mayPromote: false }, 'back: ');
          if (steps.length > 0) await context.event('note', `${partitionName(params)} is where it was before: ${steps.join(', ')}`);
          await context.journal.done(PLACEMENT);
        } catch (later) {
          context.signal.throwIfAborted();
          const why = later instanceof Error ? later.message : String(later);
          context.note({ level: 'error', text: `${partitionName(params)} could not be put back: ${why}` });
        }
        throw error;
      }
    },

    undoGuards: (params) => [wayBackGuard(params)],

    /** Puts it back to where the first attempt found it. What others have changed there since is looked at by the lease. */
    async undo(context) {
      const { params } = context;
      const entry = (await context.journal.entries()).find(({ key }) => key === PLACEMENT);
      if (!entry) return;
      if (params.mayPromote) return context.journal.done(PLACEMENT);
      await using cluster = context.target(params.cluster, openmldbCluster);
      await letSettle(context);
      const back = placement.parse(entry.before);
      if (!(await lookAt(cluster, params))) return context.journal.done(PLACEMENT);
      await holdOffOnTheWayBack(context, cluster, role);
      await settle(context, cluster, back, { mayPromote: false }, 'undo: ');
      await context.journal.done(PLACEMENT);
    },
  });
}

/** Trying the same again by itself would not help. */
function isOver(error: unknown): boolean {
  return error instanceof LongshoreError && (OpFailed.is(error) || OpCancelled.is(error) || OpStuck.is(error));
}
