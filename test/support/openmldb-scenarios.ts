/** Clusters for tests of OpenMLDB operations, and what must hold of one afterwards. */
import type { Holding, OpenmldbStandIn, RecordedCluster } from '@longshore/sandbox';
import { holdingOf } from '@longshore/sandbox';

type Placements = Record<string, string[]>;

/**
 * `{ 'db1.t/0': ['t1:1', 't2:1'] }`: who holds what, the leader first. Every table gets a number of its own, and offsets that a double could
 * not hold.
 */
export function clusterWith(tablets: string[], placements: Placements, autoFailover = true): RecordedCluster {
  const recorded: RecordedCluster = {
    tablets: Object.fromEntries(tablets.map((endpoint) => [endpoint, { state: 'kHealthy', loaded: {} }])),
    dbs: {},
    auto_failover: autoFailover,
  };
  const tids = new Map<string, number>();
  for (const [name, endpoints] of Object.entries(placements)) {
    const [, db, table, pid] = /^([^.]+)\.([^/]+)\/(\d+)$/.exec(name) as unknown as [string, string, string, string];
    const tid = tids.get(`${db}.${table}`) ?? 40 + tids.size;
    tids.set(`${db}.${table}`, tid);
    const offset = 9_007_199_254_740_993n + BigInt(pid);
    recorded.dbs[db] ??= {};
    recorded.dbs[db][table] ??= { tid, storage_mode: 'kMemory', partitions: {} };
    recorded.dbs[db][table].partitions[pid] = endpoints.map((endpoint, at) => ({ endpoint, is_leader: at === 0, is_alive: true, offset }));
    endpoints.forEach((endpoint, at) => {
      recorded.tablets[endpoint]!.loaded[`${tid}_${pid}`] = { mode: at === 0 ? 'kTableLeader' : 'kTableFollower', offset };
    });
  }
  return recorded;
}

/** Who holds what, the leader first, then by name. */
export function placementsOf(cluster: OpenmldbStandIn): Placements {
  return Object.fromEntries(
    Object.entries(holdingOf(cluster).partitions).map(([name, replicas]) => {
      const leads = replicas.filter(({ isLeader, isAlive }) => isLeader && isAlive).map(({ endpoint }) => endpoint);
      const follow = replicas
        .filter(({ endpoint }) => !leads.includes(endpoint))
        .map(({ endpoint, isAlive }) => (isAlive ? endpoint : `${endpoint} dead`));
      return [name, [...leads, ...follow.sort()]];
    }),
  );
}

/** What is wrong whatever was done: no or two leaders, a leader left behind, tablets that say otherwise, ops in progress, a setting not put back. */
export function wrongWith(cluster: OpenmldbStandIn, { autoFailover }: Pick<Holding, 'autoFailover'>): string[] {
  const found: string[] = [];
  const { partitions } = holdingOf(cluster);
  for (const [name, replicas] of Object.entries(partitions)) {
    const leads = replicas.filter(({ isLeader }) => isLeader);
    if (leads.length !== 1 || !leads[0]!.isAlive) found.push(`${name}: leaders ${JSON.stringify(leads)}`);
    const [db, table, pid] = name.split(/[./]/) as [string, string, string];
    const { tid } = cluster.state.table(db, table)!;
    for (const { endpoint, isLeader, isAlive } of replicas) {
      const loaded = cluster.state.loaded(endpoint, tid, Number(pid));
      if (!isAlive) found.push(`${name}: ${endpoint} is not alive`);
      else if (!loaded || (loaded.mode === 'kTableLeader') !== isLeader)
        found.push(`${name}: ${endpoint} has ${loaded?.mode ?? 'nothing'} in memory`);
      else if (loaded.state !== 'kTableNormal') found.push(`${name}: ${endpoint} is left ${loaded.state}`);
    }
    for (const [endpoint, { loaded }] of cluster.state.tablets)
      if (loaded.has(`${tid}_${pid}`) && !replicas.some((replica) => replica.endpoint === endpoint))
        found.push(`${name}: forgotten at ${endpoint}`);
  }
  if (cluster.state.autoFailover !== autoFailover) found.push(`auto_failover is ${String(cluster.state.autoFailover)}`);
  const busy = cluster.state.queues.flat();
  if (busy.length > 0) found.push(`in progress: ${busy.map(({ id, type }) => `${id} ${type}`).join(', ')}`);
  return found;
}
