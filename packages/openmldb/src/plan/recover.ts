/** What is wrong with the partitions of a cluster, and what can be mended. Pure: same snapshot, same plan. */
import type { Change, ClusterSnapshot, Held, Partition, Table } from '../model.ts';
import { partitionKey, placementOf } from '../model.ts';
import { interleaved } from './changes.ts';
import type { Step } from './next-step.ts';
import { stepName, stepsTo } from './next-step.ts';
import type { PartitionView } from './view.ts';
import { nameOf } from './view.ts';

export interface RecoverPlan {
  changes: Change[];
  /** What each change takes, by partition. */
  steps: Map<string, string[]>;
  /** Followers that take the place of a leader whose tablet is away. */
  promoted: { partition: string; lost: string; to: string }[];
  /** Partitions that will lack replicas, since their tablets are away. */
  degraded: { partition: string; away: string[] }[];
  /** Partitions nothing can be done about, each with why. */
  lost: { partition: string; why: string }[];
  healthy: number;
}

export function planRecover(cluster: ClusterSnapshot): RecoverPlan {
  const plan: RecoverPlan = { changes: [], steps: new Map(), promoted: [], degraded: [], lost: [], healthy: 0 };
  const healthy = new Set(cluster.tablets.filter((tablet) => tablet.healthy).map(({ endpoint }) => endpoint));
  for (const table of cluster.tables)
    for (const partition of table.partitions) {
      const view = viewOf(cluster, healthy, table, partition);
      const before = placementOf(partition);
      const goal = { replicas: before.replicas, leader: null };
      const { steps, end } = stepsTo(view, goal, { mayPromote: true });
      const name = nameOf(view);
      if ('stuck' in end) plan.lost.push({ partition: name, why: end.stuck });
      else if ('done' in end && end.degraded.length > 0) plan.degraded.push({ partition: name, away: end.degraded });
      const waits = 'wait' in end;
      if (steps.length === 0 && !waits) {
        if ('done' in end && end.degraded.length === 0) plan.healthy += 1;
        continue;
      }
      plan.changes.push({ db: table.db, table: table.name, tid: table.tid, pid: partition.pid, before, goal });
      plan.steps.set(name, steps.map(stepName));
      const lost = before.leader;
      const promotion = steps.find((step): step is Extract<Step, { do: 'change-leader' }> => step.do === 'change-leader');
      if (promotion && lost !== null && !healthy.has(lost)) plan.promoted.push({ partition: name, lost, to: promotion.to });
    }
  plan.changes = interleaved(plan.changes);
  return plan;
}

/** A partition of a snapshot as it is looked at by itself. */
export function viewOf(cluster: ClusterSnapshot, healthy: ReadonlySet<string>, table: Table, partition: Partition): PartitionView {
  const key = partitionKey(table.tid, partition.pid);
  const held = new Map<string, Held>();
  for (const { endpoint } of partition.replicas) {
    const loaded = cluster.held.get(endpoint);
    if (loaded) held.set(endpoint, loaded.get(key) ?? 'absent');
  }
  return { db: table.db, table: table.name, tid: table.tid, partition, healthy, held };
}
