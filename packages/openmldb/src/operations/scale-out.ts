/**
 * Spreads the partitions of each database over all healthy tablets, new ones included, and the leaders as evenly as the replicas allow.
 * Verified means: read at the end, every partition is where it was to go.
 */
import type { KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS, openmldbCluster } from '../client/index.ts';
import type { Change } from '../model.ts';
import { WholeClusterParams } from '../params.ts';
import { named } from '../plan/findings.ts';
import { planScaleOut } from '../plan/scale-out.ts';
import { snapshotOf } from '../tasks/look.ts';
import { COLUMNS, conclude, counted, framed } from './frame.ts';

export const scaleOut: KindDefinition<WholeClusterParams> = defineKind({
  name: 'openmldb.scale-out',
  title: 'OpenMLDB: spread partitions and leaders over all tablets',
  role: 'rebalancer',
  params: WholeClusterParams,
  tolerant: false,
  guarded: true,
  actionMs: ACTION_MS,
  columns: COLUMNS,

  async plan(context) {
    const { params } = context;
    await using cluster = context.target(params.cluster, openmldbCluster);
    const snapshot = await snapshotOf(cluster);
    const { changes, leftAlone } = planScaleOut(snapshot);
    const healthy = snapshot.tablets.filter((tablet) => tablet.healthy).length;
    return framed({
      role: 'rebalancer',
      cluster,
      name: params.cluster,
      bounds: params,
      snapshot,
      changes,
      goal: { kind: 'spread' },
      mayPromote: false,
      summary: [
        changes.length === 0
          ? `${counted(healthy, 'tablet')}: they are even already`
          : `${counted(healthy, 'tablet')}: ${counted(changes.length, 'partition')} change, ${counted(movesOf(changes), 'replica')} move, ${counted(leadersOf(changes), 'leader')} change`,
      ],
      findings:
        leftAlone.length === 0
          ? []
          : [
              {
                level: 'warning',
                text: `${counted(leftAlone.length, 'partition')} stay as they are, since not all of their replicas are alive (${named(leftAlone)}): recover them first`,
              },
            ],
      approval: `move ${counted(movesOf(changes), 'replica')} and change ${counted(leadersOf(changes), 'leader')} at ${params.cluster}`,
    });
  },

  conclude,
});

function movesOf(changes: readonly Change[]): number {
  return changes.reduce((sum, { before, goal }) => sum + goal.replicas.filter((one) => !before.replicas.includes(one)).length, 0);
}

function leadersOf(changes: readonly Change[]): number {
  return changes.filter(({ before, goal }) => before.leader !== goal.leader).length;
}
