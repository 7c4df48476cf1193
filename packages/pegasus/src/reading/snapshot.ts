/** Reads both clusters and the meta proxy for a planner. Changes nothing; what cannot be read is told, not thrown. */
import { type ErrorData, errorData, type TaskContext } from '@longshore/core';
import { connectZooKeeper, type ZooKeeper } from '@longshore/zookeeper';
import type { ServerNode } from '../client/index.ts';
import { type PegasusCluster, pegasusCluster } from '../client/index.ts';
import type { AppInfo, DuplicationEntry } from '../client/messages.ts';
import { zooKeeperTarget } from '../client/zookeeper.ts';

/** For one call to a ZooKeeper that a cluster names; a configured one has its own setting. */
const ZOOKEEPER_MS = 5_000;

/** A reading, or why there is none. */
export type Read<T> = { value: T } | { error: ErrorData };

export interface NodeVersions {
  node: string;
  /** By partition; none: it holds no replica of the table. */
  versions: { partition: number; version: string }[];
}

export interface SourceSnapshot {
  service: string;
  name: string;
  zookeeperHosts: string;
  /** As the server says it itself. */
  server: string;
  nodes: ServerNode[];
  table: AppInfo | undefined;
  /** Newer servers fill host_port fields. */
  hostPorts: boolean;
  partitionsWithoutPrimary: number[];
  versions: Read<NodeVersions[]>;
  duplications: DuplicationEntry[];
  /** Which accounts of a duplication the servers give. */
  offers: { page: boolean; metrics: boolean; counters: boolean };
  /** Why nothing can be duplicated, by a server's own words. */
  duplicationOff: string | undefined;
}

export interface TargetSnapshot {
  service: string;
  metas: string;
  name: string;
  nodes: ServerNode[];
  table: AppInfo | undefined;
}

export interface ProxySnapshot {
  hosts: string;
  path: string;
  /** Undefined: there is no such node. */
  text: string | undefined;
}

export interface Snapshot {
  source: SourceSnapshot;
  target: Read<TargetSnapshot>;
  /** Undefined: no root was given. */
  proxy: Read<ProxySnapshot> | undefined;
}

async function read<T>(how: () => Promise<T>): Promise<Read<T>> {
  try {
    return { value: await how() };
  } catch (error) {
    return { error: errorData(error) };
  }
}

export async function sourceSnapshot(source: PegasusCluster, tableName: string): Promise<SourceSnapshot> {
  const info = await source.info();
  const [server, nodes, table, config] = [
    await source.serverInfo(),
    await source.nodes(),
    await source.table(tableName),
    await source.config(tableName),
  ];
  const duplications = (await source.duplications(tableName)) ?? [];
  const alive = nodes.filter(({ status }) => status === 'NS_ALIVE').map(({ address }) => address);
  const holders = new Set((config?.partitions ?? []).flatMap(({ primary, secondaries }) => [primary, ...secondaries]));
  const appId = config?.appId;
  const versions = await read(async () => {
    if (appId === undefined) return [];
    const asked = alive.filter((address) => holders.has(address));
    return Promise.all(
      asked.map(async (node) => ({
        node,
        versions: [...((await source.node(node).dataVersions(appId)) ?? [])].map(([partition, version]) => ({ partition, version })),
      })),
    );
  });
  const primaries = (config?.partitions ?? []).flatMap((one) => (one.primary !== null && alive.includes(one.primary) ? [one.primary] : []));
  const { offers, duplicationOff } = await offersOf(source, [...new Set(primaries)], appId);
  return {
    service: source.service,
    name: info.name,
    zookeeperHosts: info.zookeeperHosts,
    server,
    nodes,
    table,
    hostPorts: config?.hostPorts ?? false,
    partitionsWithoutPrimary: (config?.partitions ?? []).filter((one) => one.primary === null).map(({ pid }) => pid.partition),
    versions,
    duplications,
    offers,
    duplicationOff,
  };
}

/** Servers that are asked in turn what they offer, until one answers. */
const ASKED = 3;

/** Throws when none of those that were asked answers: what is not known is no `no`. */
async function offersOf(
  source: PegasusCluster,
  primaries: readonly string[],
  appId: number | undefined,
): Promise<Pick<SourceSnapshot, 'offers' | 'duplicationOff'>> {
  let failure: unknown;
  for (const address of appId === undefined ? [] : primaries.slice(0, ASKED)) {
    const node = source.node(address);
    try {
      const page = await node.offersShipping(appId ?? 0);
      const metrics = (await node.metrics(appId ?? 0, ['dup_pending_mutations'])) !== undefined;
      const counters = (await node.counters('dup.pending_mutations_count')) !== undefined;
      return { offers: { page: page.offered, metrics, counters }, duplicationOff: page.off };
    } catch (error) {
      failure = error;
    }
  }
  if (failure !== undefined) throw failure;
  return { offers: { page: false, metrics: false, counters: false }, duplicationOff: undefined };
}

/** The ZooKeeper that was named, else the one the cluster says it uses. */
export function openZooKeeper(
  context: Pick<TaskContext<unknown>, 'target' | 'signal' | 'clock'>,
  node: string | undefined,
  clusterHosts: string,
): ZooKeeper {
  return node === undefined
    ? connectZooKeeper(clusterHosts, { signal: context.signal, callTimeoutMs: ZOOKEEPER_MS })
    : context.target(node, zooKeeperTarget);
}

export interface Wanted {
  table: string;
  source: string;
  meta: string;
  node?: string | undefined;
  root?: string | undefined;
}

export async function snapshotOf(context: TaskContext<unknown>, wanted: Wanted): Promise<Snapshot> {
  await using source = context.target(wanted.source, pegasusCluster);
  const ofSource = await sourceSnapshot(source, wanted.table);
  const target = await read(async (): Promise<TargetSnapshot> => {
    await using cluster = context.target(wanted.meta, pegasusCluster);
    const { name } = await cluster.info();
    return { service: cluster.service, metas: cluster.metas, name, nodes: await cluster.nodes(), table: await cluster.table(wanted.table) };
  });
  const { root, node, table } = wanted;
  if (root === undefined) return { source: ofSource, target, proxy: undefined };
  const proxy = await read(async (): Promise<ProxySnapshot> => {
    await using zk = openZooKeeper(context, node, ofSource.zookeeperHosts);
    const path = `${root}/${table}`;
    const stat = await zk.exists(path);
    const text = stat === undefined ? undefined : (await zk.get(path)).data.toString('utf8');
    return { hosts: zk.hosts, path, text };
  });
  return { source: ofSource, target, proxy };
}
