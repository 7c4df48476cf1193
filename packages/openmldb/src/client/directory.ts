/** What ZooKeeper says of a cluster: who leads, and where a name is to be found. */
import type { ZooKeeper } from '@longshore/zookeeper';
import { ZooKeeperNoNode } from '@longshore/zookeeper';
import { ClusterAddress, NoCluster, NoNameserver } from './errors.ts';

const SCHEME = 'openmldb://';

export interface ClusterPlace {
  /** `zk1:2181,zk2:2181/openmldb`, as the ZooKeeper client takes it: everything lies under the root path. */
  ensemble: string;
  hosts: string;
  root: string;
}

/** Reads `openmldb://zk1:2181,zk2:2181/root`. Throws `LSH_OPENMLDB_ADDRESS`. */
export function parseCluster(address: string): ClusterPlace {
  const rest = address.startsWith(SCHEME) ? address.slice(SCHEME.length) : address;
  const slash = rest.indexOf('/');
  const hosts = slash < 0 ? rest : rest.slice(0, slash);
  const root = slash < 0 ? '' : rest.slice(slash).replace(/\/+$/, '');
  if (hosts === '') throw ClusterAddress({ address, why: 'it names no ZooKeeper server' });
  if (root === '') throw ClusterAddress({ address, why: 'it has no root path' });
  return { ensemble: `${hosts}${root}`, hosts, root };
}

/** The same for the same cluster, in whichever order its servers are given. */
export function clusterIdentity({ hosts, root }: ClusterPlace): string {
  return `${[...new Set(hosts.split(','))].sort().join(',')}${root}`;
}

export interface Leader {
  /** What it registered as: an endpoint, or a server's name. */
  name: string;
  /** `host:port` to call. */
  address: string;
}

export class Directory {
  readonly #zookeeper: ZooKeeper;
  readonly #place: ClusterPlace;

  constructor(zookeeper: ZooKeeper, place: ClusterPlace) {
    this.#zookeeper = zookeeper;
    this.#place = place;
  }

  /** Whoever made the first node: names end in a number that only grows. */
  async leader(): Promise<Leader> {
    const node = `${this.#place.root}/leader`;
    for (const child of await this.#children('/leader')) {
      const name = await this.#text(`/leader/${child}`);
      // Gone between the two readings: its session ended.
      if (name !== undefined) return { name, address: await this.address(name) };
    }
    throw NoNameserver({ hosts: this.#place.hosts, node });
  }

  /** Where servers have names, the address of one; else it is its own. */
  async address(name: string): Promise<string> {
    return (await this.#text(`/map/names/${name}`)) ?? name;
  }

  async #children(path: string): Promise<string[]> {
    try {
      return await this.#zookeeper.getChildren(path);
    } catch (error) {
      if (ZooKeeperNoNode.is(error)) throw NoCluster({ hosts: this.#place.hosts, node: `${this.#place.root}${path}` }, { cause: error });
      throw error;
    }
  }

  async #text(path: string): Promise<string | undefined> {
    try {
      return (await this.#zookeeper.get(path)).data.toString();
    } catch (error) {
      if (ZooKeeperNoNode.is(error)) return undefined;
      throw error;
    }
  }
}
