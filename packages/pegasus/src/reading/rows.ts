/** Reads what the servers of a cluster estimate of a table's rows. Changes nothing, and is never a reason to fail. */
import { errorData } from '@longshore/core';
import type { PegasusCluster, PegasusNode } from '../client/index.ts';
import type { RowsRead } from '../plan/rows.ts';
import { NODES_AT_ONCE, primariesOf } from './primaries.ts';

/** Servers after 2.5, and those before. */
const METRIC = 'rdb_estimated_keys';
const COUNTER = 'rdb.estimate_num_keys';

/** `cluster`: its name, for people. */
export async function readRows(source: PegasusCluster, table: string, cluster: string): Promise<RowsRead> {
  try {
    const config = await source.config(table);
    if (config === undefined) return { why: `there is no table ${table} at ${cluster}` };
    const rows: { [partition: string]: number | null } = {};
    for (const { pid } of config.partitions) rows[pid.partition] = null;
    let offered = false;
    const queue = [...primariesOf(config)];
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [address, own] = next;
        // A node that does not answer tells nothing of its partitions.
        const found = await estimatesOf(source.node(address), config.appId).catch(() => new Map<number, number>());
        for (const [partition, value] of found ?? []) {
          offered = true;
          if (own.has(partition)) rows[partition] = value;
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(NODES_AT_ONCE, queue.length) }, work));
    return offered ? { cluster, rows } : { why: `the servers of ${cluster} offer no estimate` };
  } catch (error) {
    return { why: `${cluster} could not be asked: ${errorData(error).message}` };
  }
}

/** By partition, of all replicas of the table on this node; `undefined` where it offers nothing of the kind. */
async function estimatesOf(node: PegasusNode, appId: number): Promise<Map<number, number> | undefined> {
  const metrics = await node.metrics(appId, [METRIC]);
  const told = [...(metrics ?? [])].flatMap(([partition, values]): [number, number][] => {
    const value = values.get(METRIC);
    return value === undefined ? [] : [[partition, value]];
  });
  if (told.length > 0) return new Map(told);
  // The name ends with the numbers of table and partition; by a part of it, `@2` would be table 20 too.
  const ending = new RegExp(`\\*${COUNTER.replace('.', '\\.')}@${appId}\\.(\\d+)$`);
  const counters = await node.counters(`${COUNTER}@${appId}.`);
  return (
    counters &&
    new Map(
      counters.flatMap(({ name, value }): [number, number][] => {
        const partition = ending.exec(name)?.[1];
        return partition === undefined ? [] : [[Number(partition), value]];
      }),
    )
  );
}
