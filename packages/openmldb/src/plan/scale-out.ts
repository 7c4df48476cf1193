/**
 * Which replicas go where, so that in each database no healthy tablet has two replicas more than another; then who leads, so that the leaders
 * are as even as the replicas allow. Pure: same snapshot, same plan.
 *
 * The fewest moves: each takes a replica from the fullest tablet to the emptiest, and none goes further than that. Followers go first: a
 * leader has to be followed by somebody before it can go.
 */
import type { Change, ClusterSnapshot, Partition, Placement, Table } from '../model.ts';
import { INTERNAL_DATABASES, isSound, leaderOf, partitionName, placementOf } from '../model.ts';
import { changeOf, interleaved } from './changes.ts';
import type { Choice } from './even-out.ts';
import { evenOut } from './even-out.ts';

export interface ScaleOutPlan {
  changes: Change[];
  /** Partitions that are left as they are because something is wrong with them, by name. */
  leftAlone: string[];
}

interface Item {
  table: Table;
  partition: Partition;
  goal: Placement;
}

export function planScaleOut(cluster: ClusterSnapshot): ScaleOutPlan {
  const endpoints = cluster.tablets.filter(({ healthy }) => healthy).map(({ endpoint }) => endpoint);
  const healthy = new Set(endpoints);
  const indexOf = new Map(endpoints.map((endpoint, at) => [endpoint, at]));
  /** Replicas of all databases: decides between tablets that are even in one. */
  const total = endpoints.map(() => 0);
  for (const { partitions } of cluster.tables)
    for (const { replicas } of partitions)
      for (const { endpoint } of replicas) if (indexOf.has(endpoint)) total[indexOf.get(endpoint)!]! += 1;
  const changes: Change[] = [];
  const leftAlone: string[] = [];
  for (const [, tables] of byDatabase(cluster.tables)) {
    const items: Item[] = [];
    const fixed: Partition[] = [];
    for (const table of tables)
      for (const partition of table.partitions)
        if (isSound(partition, healthy)) items.push({ table, partition, goal: placementOf(partition) });
        else {
          fixed.push(partition);
          leftAlone.push(partitionName({ db: table.db, table: table.name, pid: partition.pid }));
        }
    evenReplicas(items, fixed, endpoints, indexOf, total);
    evenLeaders(items, fixed, endpoints, indexOf);
    for (const { table, partition, goal } of items) {
      const change = changeOf(table, partition, goal);
      if (change) changes.push(change);
    }
  }
  return { changes: interleaved(changes), leftAlone };
}

/** Databases of users, in the order of the snapshot. */
function byDatabase(tables: readonly Table[]): Map<string, Table[]> {
  const found = new Map<string, Table[]>();
  for (const table of tables) {
    if ((INTERNAL_DATABASES as readonly string[]).includes(table.db)) continue;
    found.set(table.db, [...(found.get(table.db) ?? []), table]);
  }
  return found;
}

/** What one tablet has that may move. */
class Shelf {
  readonly followers = new Set<Item>();
  readonly leaders = new Set<Item>();
  count = 0;

  put(item: Item, endpoint: string): void {
    (item.goal.leader === endpoint ? this.leaders : this.followers).add(item);
  }
  take(item: Item): void {
    this.followers.delete(item);
    this.leaders.delete(item);
  }
  /** The first that the other tablet does not have. */
  movableTo(endpoint: string): Item | undefined {
    for (const shelf of [this.followers, this.leaders]) for (const item of shelf) if (!item.goal.replicas.includes(endpoint)) return item;
    return undefined;
  }
}

function evenReplicas(
  items: readonly Item[],
  fixed: readonly Partition[],
  endpoints: readonly string[],
  indexOf: ReadonlyMap<string, number>,
  total: number[],
): void {
  const shelves = endpoints.map(() => new Shelf());
  const shelfOf = (endpoint: string): Shelf | undefined => shelves[indexOf.get(endpoint) ?? -1];
  for (const { replicas } of fixed)
    for (const { endpoint } of replicas) {
      const shelf = shelfOf(endpoint);
      if (shelf) shelf.count += 1;
    }
  for (const item of items)
    for (const endpoint of item.goal.replicas) {
      const shelf = shelfOf(endpoint)!;
      shelf.count += 1;
      shelf.put(item, endpoint);
    }
  const stuck = new Set<number>();
  for (;;) {
    const out = extreme(shelves, total, stuck, 1);
    const into = extreme(shelves, total, new Set(), -1);
    if (out === undefined || into === undefined || shelves[out]!.count <= shelves[into]!.count + 1) return;
    const item = shelves[out]!.movableTo(endpoints[into]!);
    if (!item) {
      stuck.add(out);
      continue;
    }
    const from = endpoints[out]!;
    const to = endpoints[into]!;
    shelves[out]!.take(item);
    // Whoever is led by a replica that goes is led by one that stays; where there is none, by the same one at its new place.
    const led = item.goal.leader === from;
    const staying = item.goal.replicas.filter((endpoint) => endpoint !== from);
    const leader = led ? (staying[0] ?? to) : item.goal.leader;
    item.goal = { replicas: [...staying, to], leader };
    if (led && leader !== null) {
      shelfOf(leader)?.take(item);
      shelfOf(leader)?.put(item, leader);
    }
    if (leader !== to) shelves[into]!.put(item, to);
    shelves[out]!.count -= 1;
    shelves[into]!.count += 1;
    total[out]! -= 1;
    total[into]! += 1;
  }
}

/** The fullest (`sign` 1) or emptiest (-1) tablet in the database, then in all; of several, the first. */
function extreme(shelves: readonly Shelf[], total: readonly number[], without: ReadonlySet<number>, sign: 1 | -1): number | undefined {
  let best: number | undefined;
  for (let at = 0; at < shelves.length; at += 1) {
    if (without.has(at)) continue;
    if (best === undefined) best = at;
    else {
      const difference = shelves[at]!.count - shelves[best]!.count || total[at]! - total[best]!;
      if (difference * sign > 0) best = at;
    }
  }
  return best;
}

function evenLeaders(
  items: readonly Item[],
  fixed: readonly Partition[],
  endpoints: readonly string[],
  indexOf: ReadonlyMap<string, number>,
): void {
  const base = endpoints.map(() => 0);
  for (const partition of fixed) {
    const at = indexOf.get(leaderOf(partition)?.endpoint ?? '');
    if (at !== undefined) base[at]! += 1;
  }
  const choices = items.map(
    ({ goal }): Choice => ({
      at: indexOf.get(goal.leader!)!,
      places: goal.replicas.map((endpoint) => indexOf.get(endpoint)!),
    }),
  );
  evenOut(choices, base);
  items.forEach((item, at) => {
    item.goal.leader = endpoints[choices[at]!.at]!;
  });
}
