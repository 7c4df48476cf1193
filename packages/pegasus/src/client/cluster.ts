/** One Pegasus cluster: its tables, envs and duplications through its metas, and what its servers tell themselves. */
import type { Clock, Target, TargetSystem } from '@longshore/core';
import { parseMetas } from './address.ts';
import {
  type AppInfo,
  addDuplication,
  clusterInfo,
  type DuplicationEntry,
  type DupStatus,
  dropApp,
  listApps,
  listNodes,
  modifyDuplication,
  type NodeStatus,
  type PartitionConfiguration,
  queryConfig,
  queryDuplication,
  updateAppEnv,
} from './messages.ts';
import { Metas } from './metas.ts';
import { PegasusNode } from './node.ts';

export interface ClusterInfo {
  name: string;
  zookeeperHosts: string;
  /** Everything the meta tells, by its own keys. */
  all: Map<string, string>;
}

export interface ServerNode {
  /** `10.0.0.7:34801` */
  address: string;
  status: NodeStatus;
}

export interface TableConfig {
  appId: number;
  partitions: PartitionConfiguration[];
  /** The server fills the host_port fields, as those from 2.6 on do. */
  hostPorts: boolean;
}

/** What came of adding a duplication. A 2.4 or 2.5 server says ERR_OK with 0 for one it has not made. */
export interface AddedDuplication {
  err: string;
  dupid: number;
  hint: string;
}

export class PegasusCluster implements AsyncDisposable {
  /** The name it was asked for by. */
  readonly service: string;
  /** `host:port,host:port`, as it was given. */
  readonly metas: string;
  readonly #metas: Metas;
  readonly #nodes = new Map<string, PegasusNode>();
  readonly #deps: { clock: Clock; signal: AbortSignal };

  constructor(target: Target, deps: { clock: Clock; signal: AbortSignal }) {
    const addresses = parseMetas(target.address);
    this.service = target.name.replace(/^pegasus:\/\//i, '');
    this.metas = addresses.join(',');
    this.#deps = deps;
    this.#metas = new Metas(addresses, deps);
  }

  /** The meta that answered last as the leader. */
  get leader(): string {
    return this.#metas.leader;
  }

  async info(): Promise<ClusterInfo> {
    const { keys, values } = await this.#metas.read(clusterInfo, {}, { what: 'read the cluster' });
    const all = new Map(keys.map((key, at) => [key, values[at] ?? '']));
    return { name: all.get('cluster_name') ?? '', zookeeperHosts: all.get('zookeeper_hosts') ?? '', all };
  }

  /** As the leading meta says itself, `Pegasus Server 2.4.0 (…) Release`. */
  serverInfo(): Promise<string> {
    return this.node(this.leader).serverInfo();
  }

  async nodes(): Promise<ServerNode[]> {
    const { infos } = await this.#metas.read(listNodes, { status: 'NS_INVALID' }, { what: 'list the nodes' });
    return infos.flatMap(({ node, status }) => (node === null ? [] : [{ address: node, status }]));
  }

  /** The table of that name that lives; `undefined` where there is none. */
  async table(name: string): Promise<AppInfo | undefined> {
    const { infos } = await this.#metas.read(listApps, { status: 'AS_INVALID' }, { what: 'list the tables' });
    return infos.find(({ appName, status }) => appName === name && status !== 'AS_DROPPED');
  }

  /** `undefined` where there is no such table. */
  async config(name: string): Promise<TableConfig | undefined> {
    const answer = await this.#metas.read(
      queryConfig,
      { appName: name, partitionIndices: [] },
      { what: `read the partitions of ${name}`, accept: ['ERR_OBJECT_NOT_FOUND'] },
    );
    if (answer.err !== 'ERR_OK') return undefined;
    return {
      appId: answer.appId,
      partitions: answer.partitions,
      hostPorts: answer.partitions.some(({ hpPrimary }) => hpPrimary !== undefined),
    };
  }

  /** Empty where the table has none; `undefined` where there is no such table. */
  async duplications(table: string): Promise<DuplicationEntry[] | undefined> {
    const answer = await this.#metas.read(
      queryDuplication,
      { appName: table },
      { what: `list the duplications of ${table}`, accept: ['ERR_APP_NOT_EXIST'] },
    );
    return answer.err === 'ERR_OK' ? answer.entryList.filter(({ status }) => status !== 'DS_REMOVED') : undefined;
  }

  async addDuplication(table: string, remote: string): Promise<AddedDuplication> {
    const answer = await this.#metas.change(
      addDuplication,
      { appName: table, remoteClusterName: remote, isDuplicatingCheckpoint: true },
      { what: `duplicate ${table} to ${remote}`, accept: ['ERR_DUP_EXIST'] },
    );
    return { err: answer.err, dupid: answer.dupid, hint: answer.hint ?? '' };
  }

  /** Removing one that is gone already is no error. */
  async modifyDuplication(table: string, dupid: number, status: DupStatus): Promise<void> {
    await this.#metas.change(
      modifyDuplication,
      { appName: table, dupid, status },
      { what: `set the duplication ${dupid} of ${table} to ${status}`, accept: status === 'DS_REMOVED' ? ['ERR_OBJECT_NOT_FOUND'] : [] },
    );
  }

  async setEnv(table: string, key: string, value: string): Promise<void> {
    await this.#metas.change(
      updateAppEnv,
      { appName: table, op: 'APP_ENV_OP_SET', keys: [key], values: [value] },
      { what: `set ${key} of ${table} to ${value}` },
    );
  }

  async deleteEnv(table: string, key: string): Promise<void> {
    await this.#metas.change(updateAppEnv, { appName: table, op: 'APP_ENV_OP_DEL', keys: [key] }, { what: `delete ${key} of ${table}` });
  }

  /** Its data are kept for so long by the servers, and can be recalled until then. */
  async dropTable(table: string, reserveSeconds: number): Promise<void> {
    await this.#metas.change(
      dropApp,
      { appName: table, options: { successIfNotExist: true, reserveSeconds } },
      { what: `drop ${table}`, accept: ['ERR_APP_NOT_EXIST'] },
    );
  }

  /** One server, kept until the cluster is closed. */
  node(address: string): PegasusNode {
    const known = this.#nodes.get(address) ?? new PegasusNode(address, this.#deps);
    this.#nodes.set(address, known);
    return known;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#metas[Symbol.dispose]();
    for (const node of this.#nodes.values()) await node[Symbol.asyncDispose]();
  }
}

export const pegasusCluster: TargetSystem<PegasusCluster> = {
  system: 'pegasus',
  connect: (target, deps) => new PegasusCluster(target, deps),
};
