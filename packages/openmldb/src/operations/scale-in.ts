/**
 * Empties tablets, so that they can be taken away. They are neither stopped nor unregistered.
 * Verified means: read at the end, no partition lies on them, by the nameserver and by the tablets themselves.
 */
import type { KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS, openmldbCluster } from '../client/index.ts';
import { ScaleInParams } from '../params.ts';
import { named, scaleInFinding } from '../plan/findings.ts';
import { planScaleIn } from '../plan/scale-in.ts';
import { snapshotOf } from '../tasks/look.ts';
import { COLUMNS, conclude, counted, framed } from './frame.ts';

export const scaleIn: KindDefinition<ScaleInParams> = defineKind({
  name: 'openmldb.scale-in',
  title: 'OpenMLDB: empty tablets, to take them away',
  role: 'migrator',
  params: ScaleInParams,
  tolerant: false,
  guarded: true,
  actionMs: ACTION_MS,
  columns: COLUMNS,

  async plan(context) {
    const { params } = context;
    const { endpoints } = params;
    await using cluster = context.target(params.cluster, openmldbCluster);
    const snapshot = await snapshotOf(cluster);
    const { changes, obstacles, recovered } = planScaleIn(snapshot, endpoints);
    const left = snapshot.tablets.filter(({ endpoint, healthy }) => healthy && !endpoints.includes(endpoint)).length;
    const findings = obstacles.map((found) => scaleInFinding(cluster.cluster, snapshot, found));
    if (recovered.length > 0)
      findings.push({
        level: 'info',
        text: `${counted(recovered.length, 'replica')} that are not alive are recovered first: ${named(recovered)}`,
      });
    return framed({
      role: 'migrator',
      cluster,
      name: params.cluster,
      bounds: params,
      snapshot,
      changes,
      goal: { kind: 'empty', endpoints },
      mayPromote: false,
      summary: [
        changes.length === 0
          ? `${endpoints.join(', ')}: nothing to move`
          : `${endpoints.join(', ')}: ${counted(changes.length, 'partition')} go to ${counted(left, 'other tablet')}`,
      ],
      findings,
      approval: `empty ${endpoints.join(', ')} of ${params.cluster}`,
    });
  },

  conclude,
});
