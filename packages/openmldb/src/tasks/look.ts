/** Reads one partition, or a whole cluster, for those who decide. Changes nothing. */
import type { OpenmldbClient, TabletInfo } from '../client/index.ts';
import { tableOf, Unanswered } from '../client/index.ts';
import type { ClusterSnapshot, Held, Loaded } from '../model.ts';
import { INTERNAL_DATABASES, isUnfinished, partitionKey } from '../model.ts';
import type { PartitionView } from '../plan/view.ts';

export interface WhichPartition {
  db: string;
  table: string;
  tid: number;
  pid: number;
}

/** Undefined where there is no such partition any more. */
export async function lookAt(cluster: OpenmldbClient, { db, table, tid, pid }: WhichPartition): Promise<PartitionView | undefined> {
  const tablets = await cluster.tablets();
  const info = (await cluster.tables({ db, table })).find((one) => one.tid === tid);
  const partition = info && tableOf(info).partitions.find((one) => one.pid === pid);
  if (!partition) return undefined;
  const healthy = new Set(tablets.filter((tablet) => tablet.healthy).map(({ endpoint }) => endpoint));
  const held = new Map<string, Held>();
  // The leader first: a follower that is asked later and has as much lacks nothing.
  for (const { endpoint } of [...partition.replicas].sort((a, b) => Number(b.leader) - Number(a.leader)))
    if (healthy.has(endpoint)) held.set(endpoint, (await cluster.held(endpoint, { tid, pid })).get(partitionKey(tid, pid)) ?? 'absent');
  return { db, table, tid, partition, healthy, held };
}

/**
 * `withHeld`: which tablets are asked what they have in memory. Of `all`, one that does not answer has no entry: what lies elsewhere can be mended
 * without it. One that was named has to answer.
 */
export async function snapshotOf(cluster: OpenmldbClient, withHeld: 'all' | readonly string[] = []): Promise<ClusterSnapshot> {
  const tablets = await cluster.tablets();
  const tables = [];
  for (const db of [...INTERNAL_DATABASES, ...(await cluster.databases())]) tables.push(...(await cluster.tables({ db })));
  const asked = tablets.filter(({ endpoint, healthy }) => healthy && (withHeld === 'all' || withHeld.includes(endpoint)));
  return {
    tablets: tablets.map(({ endpoint, healthy }) => ({ endpoint, healthy })),
    tables: tables.map(tableOf),
    held: await heldBy(cluster, asked, withHeld === 'all'),
    autoFailover: await cluster.autoFailover(),
    ops: (await cluster.ops()).filter(isUnfinished),
  };
}

/** Tablets asked at a time. */
const AT_ONCE = 8;

async function heldBy(
  cluster: OpenmldbClient,
  asked: readonly TabletInfo[],
  someMayBeSilent: boolean,
): Promise<Map<string, Map<string, Loaded>>> {
  const held = new Map<string, Map<string, Loaded>>();
  const ask = async ({ endpoint }: TabletInfo): Promise<void> => {
    try {
      held.set(endpoint, await cluster.held(endpoint));
    } catch (error) {
      if (!someMayBeSilent || !Unanswered.is(error)) throw error;
    }
  };
  for (let at = 0; at < asked.length; at += AT_ONCE) await Promise.all(asked.slice(at, at + AT_ONCE).map(ask));
  return held;
}
