/** Who holds what, before and after: replicas and leaders of each table by tablet. For people; pure. */
import type { Change, ClusterSnapshot, Placement } from '../model.ts';
import { partitionKey, placementOf } from '../model.ts';

export type Cell = {
  /** Replicas and, of these, leaders. */
  before: [replicas: number, leaders: number];
  after: [replicas: number, leaders: number];
};

export type Matrix = {
  tablets: { endpoint: string; healthy: boolean }[];
  /** `db.table` */
  tables: string[];
  /** By tablet, then by table. */
  cells: Cell[][];
  /** Tables that are left out because nothing of them changes and there are too many. */
  tablesLeftOut: number;
};

/** More columns than that nobody reads. */
const MOST_TABLES = 24;

export function matrixOf(snapshot: ClusterSnapshot, changes: readonly Change[]): Matrix {
  const goals = new Map(changes.map((change) => [partitionKey(change.tid, change.pid), change.goal]));
  const changed = new Set(changes.map(({ tid }) => tid));
  const shown = [...snapshot.tables].sort((a, b) => Number(changed.has(b.tid)) - Number(changed.has(a.tid))).slice(0, MOST_TABLES);
  const tablets = snapshot.tablets.map(({ endpoint, healthy }) => ({ endpoint, healthy }));
  const rowOf = new Map(tablets.map(({ endpoint }, at) => [endpoint, at]));
  const cells = tablets.map(() => shown.map((): Cell => ({ before: [0, 0], after: [0, 0] })));
  const add = (when: 'before' | 'after', column: number, { replicas, leader }: Placement): void => {
    for (const endpoint of replicas) {
      const cell = cells[rowOf.get(endpoint) ?? -1]?.[column];
      if (!cell) continue;
      cell[when][0] += 1;
      if (endpoint === leader) cell[when][1] += 1;
    }
  };
  shown.forEach(({ tid, partitions }, column) => {
    for (const partition of partitions) {
      const before = placementOf(partition);
      const goal = goals.get(partitionKey(tid, partition.pid));
      add('before', column, before);
      add('after', column, goal ? { ...goal, leader: goal.leader ?? before.leader } : before);
    }
  });
  return { tablets, tables: shown.map(({ db, name }) => `${db}.${name}`), cells, tablesLeftOut: snapshot.tables.length - shown.length };
}
