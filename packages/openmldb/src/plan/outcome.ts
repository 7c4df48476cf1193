/** What an operation has come to, from the cluster as it is at the end. Pure. */
import type { Change, ClusterSnapshot } from '../model.ts';
import { leaderOf, partitionKey, partitionName } from '../model.ts';
import { planRecover } from './recover.ts';

/** What must be so besides that each partition is where it was to be. */
export type Goal =
  | { kind: 'spread' }
  /** These tablets hold nothing. */
  | { kind: 'empty'; endpoints: string[] }
  /** This tablet leads nothing, but partitions with one replica that were left to it. */
  | { kind: 'leads-nothing'; endpoint: string; butSingle: boolean }
  /** Every partition is whole. */
  | { kind: 'whole' };

export interface Shortcoming {
  /** `db.table` */
  table: string;
  what: 'left' | 'degraded' | 'lost';
  text: string;
}

export function shortcomings(cluster: ClusterSnapshot, changes: readonly Change[], goal: Goal): Shortcoming[] {
  const found = new Map<string, Shortcoming>();
  const add = (table: string, what: Shortcoming['what'], name: string, text: string): void => {
    if (!found.has(name)) found.set(name, { table, what, text });
  };
  const wanted = new Map(changes.map((change) => [partitionKey(change.tid, change.pid), change]));
  for (const { db, name, tid, partitions } of cluster.tables)
    for (const partition of partitions) {
      const table = `${db}.${name}`;
      const own = partitionName({ db, table: name, pid: partition.pid });
      const leader = leaderOf(partition)?.endpoint;
      const endpoints = partition.replicas.map(({ endpoint }) => endpoint);
      const change = goal.kind === 'whole' ? undefined : wanted.get(partitionKey(tid, partition.pid));
      if (change && (leader !== change.goal.leader || !sameSet(endpoints, change.goal.replicas)))
        add(table, 'left', own, `${own} is led from ${leader ?? 'nowhere'} and lies on ${endpoints.join(', ')}`);
      if (goal.kind === 'empty')
        for (const endpoint of endpoints)
          if (goal.endpoints.includes(endpoint)) add(table, 'left', own, `${own} lies on ${endpoint} still`);
      if (goal.kind === 'leads-nothing' && leader === goal.endpoint && !(goal.butSingle && endpoints.length === 1))
        add(table, 'left', own, `${own} is led from ${goal.endpoint} still`);
    }
  if (goal.kind === 'whole') {
    const { changes: left, degraded, lost } = planRecover(cluster);
    const tableOf = (name: string): string => name.slice(0, name.lastIndexOf('/'));
    for (const { partition, why } of lost) add(tableOf(partition), 'lost', partition, `${partition}: ${why}`);
    for (const { partition, away } of degraded)
      add(tableOf(partition), 'degraded', partition, `${partition} lacks ${away.join(', ')}: away`);
    for (const change of left) add(`${change.db}.${change.table}`, 'left', partitionName(change), `${partitionName(change)} is not whole`);
  }
  return [...found.values()];
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((endpoint) => other.includes(endpoint));
}
