/**
 * Where the replicas of leaving tablets go: to the emptiest of those that stay, empty ones included. Pure: same snapshot, same plan.
 *
 * Everything that could stop it half way is looked at before anything is moved, for all leaving tablets together.
 */
import type { Change, ClusterSnapshot, Partition, Placement, Table } from '../model.ts';
import { partitionName, placementOf } from '../model.ts';
import { changeOf, countBy, interleaved, leastOf } from './changes.ts';

export type ScaleInObstacle =
  | { why: 'not-serving'; endpoint: string }
  | { why: 'named-twice'; endpoint: string }
  | { why: 'too-few-left'; db: string; table: string; replicas: number; left: number }
  | { why: 'no-leader'; partition: string }
  | { why: 'away'; partition: string; endpoint: string };

export interface ScaleInPlan {
  changes: Change[];
  /** Where there is one, nothing may be done. */
  obstacles: ScaleInObstacle[];
  /** Replicas that have to be recovered before their partition can be moved: `db.table/0 at host:port`. */
  recovered: string[];
}

interface Item {
  table: Table;
  partition: Partition;
  goal: Placement;
  /** Endpoints that were given to it here. */
  given: string[];
}

export function planScaleIn(cluster: ClusterSnapshot, leaving: readonly string[]): ScaleInPlan {
  const obstacles: ScaleInObstacle[] = [];
  const recovered: string[] = [];
  const healthy = new Set(cluster.tablets.filter((tablet) => tablet.healthy).map(({ endpoint }) => endpoint));
  leaving.forEach((endpoint, at) => {
    if (leaving.indexOf(endpoint) < at) obstacles.push({ why: 'named-twice', endpoint });
    else if (!healthy.has(endpoint)) obstacles.push({ why: 'not-serving', endpoint });
  });
  const targets = [...healthy].filter((endpoint) => !leaving.includes(endpoint));
  for (const { db, name: table, partitions } of cluster.tables) {
    const replicas = Math.max(0, ...partitions.map((partition) => partition.replicas.length));
    // Also of tables that have nothing on a leaving tablet: with fewer tablets than replicas nobody could make a table like that again.
    if (replicas > targets.length) obstacles.push({ why: 'too-few-left', db, table, replicas, left: targets.length });
  }
  if (obstacles.length > 0) return { changes: [], obstacles, recovered };

  const load = countBy(
    cluster.tables.flatMap(({ partitions }) => partitions.flatMap(({ replicas }) => replicas.map(({ endpoint }) => endpoint))),
  );
  const items: Item[] = [];
  for (const table of cluster.tables)
    for (const partition of table.partitions) {
      if (!partition.replicas.some(({ endpoint }) => leaving.includes(endpoint))) continue;
      const name = partitionName({ db: table.db, table: table.name, pid: partition.pid });
      const leader = partition.replicas.find(({ leader: leads, alive, endpoint }) => leads && alive && healthy.has(endpoint));
      if (!leader) {
        obstacles.push({ why: 'no-leader', partition: name });
        continue;
      }
      for (const { endpoint, alive } of partition.replicas) {
        if (alive && healthy.has(endpoint)) continue;
        if (healthy.has(endpoint)) recovered.push(`${name} at ${endpoint}`);
        else if (partition.replicas.length > 1 && leaving.includes(leader.endpoint))
          obstacles.push({ why: 'away', partition: name, endpoint });
      }
      items.push({ table, partition, goal: placementOf(partition), given: [] });
    }
  if (obstacles.length > 0) return { changes: [], obstacles, recovered };
  for (const item of items)
    for (const endpoint of item.partition.replicas.map((replica) => replica.endpoint).filter((one) => leaving.includes(one)))
      give(item, endpoint, targets, load);
  level(items, targets, load);
  chooseLeaders(items, cluster, leaving);
  const changes = items.flatMap(({ table, partition, goal }) => changeOf(table, partition, goal) ?? []);
  return { changes: interleaved(changes), obstacles, recovered };
}

function give(item: Item, from: string, targets: readonly string[], load: Map<string, number>): void {
  const free = targets.filter((endpoint) => !item.goal.replicas.includes(endpoint));
  // There is one: a partition has no more replicas than there are targets, and one of them is on a leaving tablet.
  const to = leastOf(free, (endpoint) => load.get(endpoint) ?? 0)!;
  item.goal.replicas = [...item.goal.replicas.filter((endpoint) => endpoint !== from), to];
  item.given.push(to);
  load.set(to, (load.get(to) ?? 0) + 1);
}

/** Moves on what was given before others filled up, until no such replica could go where there are two less. */
function level(items: readonly Item[], targets: readonly string[], load: Map<string, number>): void {
  const of = (endpoint: string): number => load.get(endpoint) ?? 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (const item of items)
      for (const [at, from] of item.given.entries()) {
        const to = leastOf(
          targets.filter((endpoint) => !item.goal.replicas.includes(endpoint)),
          of,
        );
        if (to === undefined || of(to) > of(from) - 2) continue;
        item.given[at] = to;
        item.goal.replicas = item.goal.replicas.map((endpoint) => (endpoint === from ? to : endpoint));
        load.set(from, of(from) - 1);
        load.set(to, of(to) + 1);
        changed = true;
      }
  }
}

/** A partition whose leader goes is led by a follower that stays, where one does. */
function chooseLeaders(items: readonly Item[], { tables }: ClusterSnapshot, leaving: readonly string[]): void {
  const leads = countBy(tables.flatMap(({ partitions }) => partitions.flatMap((partition) => placementOf(partition).leader ?? [])));
  for (const { partition, goal } of items) {
    if (goal.leader === null || !leaving.includes(goal.leader)) continue;
    const staying = partition.replicas.map(({ endpoint }) => endpoint).filter((endpoint) => goal.replicas.includes(endpoint));
    goal.leader = leastOf(staying.length > 0 ? staying : goal.replicas, (endpoint) => leads.get(endpoint) ?? 0) ?? null;
    if (goal.leader !== null) leads.set(goal.leader, (leads.get(goal.leader) ?? 0) + 1);
  }
}
