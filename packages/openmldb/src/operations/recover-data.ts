/**
 * Mends what a restart or a loss of tablets has left: loads leaders from their files, recovers followers, has followers take over where the leader's
 * tablet is away. Never makes a stale leader the truth.
 * Verified means: read at the end, every partition is whole. Where tablets are away it is finished with gaps, and says which.
 */
import type { Finding, KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS, openmldbCluster } from '../client/index.ts';
import { WholeClusterParams } from '../params.ts';
import { named } from '../plan/findings.ts';
import { planRecover, type RecoverPlan } from '../plan/recover.ts';
import { snapshotOf } from '../tasks/look.ts';
import { COLUMNS, conclude, counted, framed } from './frame.ts';

export const recoverData: KindDefinition<WholeClusterParams> = defineKind({
  name: 'openmldb.recover-data',
  title: 'OpenMLDB: recover partitions after tablets restarted or were lost',
  role: 'rebalancer',
  params: WholeClusterParams,
  tolerant: false,
  guarded: true,
  actionMs: ACTION_MS,
  columns: COLUMNS,

  async plan(context) {
    const { params } = context;
    await using cluster = context.target(params.cluster, openmldbCluster);
    const snapshot = await snapshotOf(cluster, 'all');
    const plan = planRecover(snapshot);
    const { changes, steps, healthy } = plan;
    const shown = changes.slice(0, 10).map(({ db, table, pid }) => {
      const name = `${db}.${table}/${pid}`;
      return `${name}: ${steps.get(name)?.join(', ') || 'wait until it is loaded'}`;
    });
    return framed({
      role: 'rebalancer',
      cluster,
      name: params.cluster,
      bounds: params,
      snapshot,
      changes,
      goal: { kind: 'whole' },
      mayPromote: true,
      summary: [
        `${counted(healthy, 'partition')} healthy, ${changes.length} to be mended, ${plan.degraded.length} that will lack replicas, ${plan.lost.length} that nothing can be done about`,
        ...shown,
        ...(changes.length > shown.length ? [`and ${changes.length - shown.length} more`] : []),
      ],
      findings: findingsOf(plan),
      approval: `mend ${counted(changes.length, 'partition')} of ${params.cluster}${plan.promoted.length === 0 ? '' : `, in ${plan.promoted.length} of which a follower takes over`}`,
    });
  },

  conclude,
});

function findingsOf({ promoted, degraded, lost }: RecoverPlan): Finding[] {
  const found: Finding[] = [];
  if (promoted.length > 0) {
    const names = promoted.map(({ partition, lost: from, to }) => `${partition} from ${from} to ${to}`);
    found.push({
      level: 'warning',
      text: `followers take over from leaders whose tablets are away; what only those had is given up: ${named(names)}`,
    });
  }
  if (degraded.length > 0)
    found.push({
      level: 'warning',
      text: `will lack replicas: ${named(degraded.map(({ partition, away }) => `${partition} (${away.join(', ')} away)`))}`,
    });
  if (lost.length > 0)
    found.push({
      level: 'warning',
      text: `nothing can be done about: ${named(lost.map(({ partition, why }) => `${partition} (${why})`))}`,
    });
  return found;
}
