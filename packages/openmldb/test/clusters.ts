/** Random clusters for planners, and what must hold of any plan. */
import { fc } from '@fast-check/vitest';
import type { Change, ClusterSnapshot, Loaded, Partition, Placement, Replica, Table } from '../src/model.ts';
import { partitionKey, placementOf } from '../src/model.ts';

export interface ClusterShape {
  tablets: number;
  /** Tablets that hold nothing yet. */
  empty: number;
  tables: { db: string; partitions: number; replicas: number }[];
  seed: number;
}

export const arbitraryShape = (most: { tablets: number; partitions: number }): fc.Arbitrary<ClusterShape> =>
  fc.record({
    tablets: fc.integer({ min: 1, max: most.tablets }),
    empty: fc.integer({ min: 0, max: Math.ceil(most.tablets / 4) }),
    tables: fc.array(
      fc.record({
        db: fc.constantFrom('db1', 'db2', 'db3'),
        partitions: fc.integer({ min: 1, max: most.partitions }),
        replicas: fc.integer({ min: 1, max: 4 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    seed: fc.nat(),
  });

/** A small generator of numbers below one: quick, and the same for the same seed. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export const endpointOf = (at: number): string => `tablet${at}:10000`;

/** Everything alive and in memory; placed at random, unevenly. */
export function clusterOf({ tablets, empty, tables, seed }: ClusterShape): ClusterSnapshot {
  const next = numbers(seed);
  const held = new Map<string, Map<string, Loaded>>();
  const endpoints = Array.from({ length: tablets + empty }, (_, at) => endpointOf(at));
  for (const endpoint of endpoints) held.set(endpoint, new Map());
  const made = tables.map(({ db, partitions, replicas }, at): Table => {
    const tid = at + 1;
    return {
      db,
      name: `t${tid}`,
      tid,
      storageMode: 'kMemory',
      partitions: Array.from({ length: partitions }, (__, pid): Partition => {
        const chosen = new Set<string>();
        // Squared: the first tablets are fuller.
        while (chosen.size < Math.min(replicas, tablets)) chosen.add(endpoints[Math.floor(next() ** 2 * tablets)]!);
        const list = [...chosen].map((endpoint, place): Replica => ({ endpoint, leader: place === 0, alive: true, offset: 10n }));
        for (const { endpoint, leader } of list)
          held.get(endpoint)!.set(partitionKey(tid, pid), {
            mode: leader ? 'kTableLeader' : 'kTableFollower',
            state: 'kTableNormal',
            offset: 10n,
          });
        return { pid, replicas: list, terms: [] };
      }),
    };
  });
  return { tablets: endpoints.map((endpoint) => ({ endpoint, healthy: true })), tables: made, held, autoFailover: false, ops: [] };
}

/** Placements after a plan, by `db` and `tid_pid`. */
export function placementsAfter(cluster: ClusterSnapshot, changes: readonly Change[]): { db: string; key: string; placement: Placement }[] {
  const goals = new Map(changes.map((change) => [partitionKey(change.tid, change.pid), change.goal]));
  return cluster.tables.flatMap(({ db, tid, partitions }) =>
    partitions.map((partition) => {
      const key = partitionKey(tid, partition.pid);
      return { db, key, placement: goals.get(key) ?? placementOf(partition) };
    }),
  );
}

export function counts(endpoints: readonly string[], keys: Iterable<string>): number[] {
  const found = new Map(endpoints.map((endpoint) => [endpoint, 0]));
  for (const key of keys) if (found.has(key)) found.set(key, found.get(key)! + 1);
  return [...found.values()];
}

export const spread = (values: readonly number[]): number => (values.length === 0 ? 0 : Math.max(...values) - Math.min(...values));

/** Replicas that have to move, whatever the plan: what stands above the fullest that is allowed. */
export function fewestMoves(before: readonly number[]): number {
  const sum = before.reduce((total, one) => total + one, 0);
  const floor = Math.floor(sum / before.length);
  let odd = sum - floor * before.length;
  return [...before]
    .sort((a, b) => b - a)
    .reduce((moves, one) => {
      const allowed = odd > 0 ? floor + 1 : floor;
      odd -= 1;
      return moves + Math.max(0, one - allowed);
    }, 0);
}
