/**
 * Before a tablet is upgraded every partition it leads gets another leader; afterwards it gets them back. A partition with one replica only
 * gets an extra one meanwhile. Pure: same snapshot, same plan.
 */
import type { Change, ClusterSnapshot, Partition, Placement, Table } from '../model.ts';
import { leaderOf, partitionName, placementOf } from '../model.ts';
import type { StatLine } from '../stat-file.ts';
import { changeOf, countBy, interleaved, leastOf } from './changes.ts';

export type UpgradeObstacle =
  | { why: 'unknown-tablet'; endpoint: string; known: string[] }
  | { why: 'nowhere'; partition: string }
  | { why: 'no-leader'; partition: string }
  | { why: 'no-partition'; partition: string };

export interface PreUpgradePlan {
  changes: Change[];
  /** One for each change. */
  lines: StatLine[];
  /** Partitions with one replica that stay where they are, as was asked for. */
  skipped: string[];
  obstacles: UpgradeObstacle[];
}

export function planPreUpgrade(cluster: ClusterSnapshot, endpoint: string, allowSingleReplica: boolean): PreUpgradePlan {
  const plan: PreUpgradePlan = { changes: [], lines: [], skipped: [], obstacles: unknownTablet(cluster, endpoint) };
  if (plan.obstacles.length > 0) return plan;
  const healthy = cluster.tablets.filter((tablet) => tablet.healthy).map((tablet) => tablet.endpoint);
  const load = countBy(everyPartition(cluster).flatMap(({ partition }) => partition.replicas.map((replica) => replica.endpoint)));
  const leads = countBy(everyPartition(cluster).flatMap(({ partition }) => leaderOf(partition)?.endpoint ?? []));
  const bump = (counts: Map<string, number>, at: string): void => void counts.set(at, (counts.get(at) ?? 0) + 1);
  const found: { change: Change; line: StatLine }[] = [];
  for (const { table, partition } of everyPartition(cluster)) {
    if (leaderOf(partition)?.endpoint !== endpoint) continue;
    const name = partitionName({ db: table.db, table: table.name, pid: partition.pid });
    const before = placementOf(partition);
    if (partition.replicas.length === 1 && allowSingleReplica) {
      plan.skipped.push(name);
      continue;
    }
    const leader = nextLeader(partition, endpoint, healthy, leads);
    const extra = leader === undefined ? newHolder(before, healthy, load) : undefined;
    const next = leader ?? extra;
    if (next === undefined) {
      plan.obstacles.push({ why: 'nowhere', partition: name });
      continue;
    }
    bump(leads, next);
    if (extra !== undefined) bump(load, extra);
    const goal: Placement = { replicas: extra === undefined ? before.replicas : [...before.replicas, extra], leader: next };
    const change = changeOf(table, partition, goal);
    const line = { endpoint, db: table.db, table: table.name, tid: table.tid, pid: partition.pid, extra: extra ?? '' };
    if (change) found.push({ change, line });
  }
  plan.lines = found.map(({ line }) => line);
  plan.changes = interleaved(found.map(({ change }) => change));
  return plan;
}

/** A follower on a healthy tablet: alive, where there is one; else one that is recovered first. */
function nextLeader(
  partition: Partition,
  endpoint: string,
  healthy: readonly string[],
  leads: ReadonlyMap<string, number>,
): string | undefined {
  const others = partition.replicas.filter((replica) => replica.endpoint !== endpoint && healthy.includes(replica.endpoint));
  return leastOf(
    others,
    ({ alive }) => (alive ? 0 : 1),
    (replica) => leads.get(replica.endpoint) ?? 0,
  )?.endpoint;
}

function newHolder({ replicas }: Placement, healthy: readonly string[], load: ReadonlyMap<string, number>): string | undefined {
  return leastOf(
    healthy.filter((endpoint) => !replicas.includes(endpoint)),
    (endpoint) => load.get(endpoint) ?? 0,
  );
}

export interface PostUpgradePlan {
  changes: Change[];
  /** Already as they were: nothing is to be done. */
  settled: string[];
  /** Tables or partitions that were dropped meanwhile. */
  gone: string[];
  obstacles: UpgradeObstacle[];
}

/** `lines`: those of this endpoint. */
export function planPostUpgrade(cluster: ClusterSnapshot, endpoint: string, lines: readonly StatLine[]): PostUpgradePlan {
  const plan: PostUpgradePlan = { changes: [], settled: [], gone: [], obstacles: unknownTablet(cluster, endpoint) };
  if (plan.obstacles.length > 0) return plan;
  const wanted = new Map<string, StatLine[]>();
  // A repeated run may have left several lines of one partition: what any of them added is to go.
  for (const line of lines) {
    const key = partitionName(line);
    wanted.set(key, [...(wanted.get(key) ?? []), line]);
  }
  for (const [name, own] of wanted) {
    const { db, table: tableName, tid, pid } = own[0]!;
    const table = cluster.tables.find((one) => one.db === db && one.name === tableName && one.tid === tid);
    const partition = table?.partitions.find((one) => one.pid === pid);
    if (!table || !partition) {
      plan.gone.push(name);
      continue;
    }
    const before = placementOf(partition);
    if (!before.replicas.includes(endpoint)) {
      plan.obstacles.push({ why: 'no-partition', partition: name });
      continue;
    }
    const extras = own.map(({ extra }) => extra);
    const goal: Placement = { replicas: before.replicas.filter((one) => one === endpoint || !extras.includes(one)), leader: endpoint };
    const change = changeOf(table, partition, goal);
    if (change) plan.changes.push(change);
    else plan.settled.push(name);
  }
  plan.changes = interleaved(plan.changes);
  return plan;
}

function unknownTablet({ tablets }: ClusterSnapshot, endpoint: string): UpgradeObstacle[] {
  const known = tablets.map((tablet) => tablet.endpoint);
  return known.includes(endpoint) ? [] : [{ why: 'unknown-tablet', endpoint, known }];
}

function everyPartition({ tables }: ClusterSnapshot): { table: Table; partition: Partition }[] {
  return tables.flatMap((table) => table.partitions.map((partition) => ({ table, partition })));
}
