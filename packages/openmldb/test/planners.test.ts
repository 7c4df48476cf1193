/** Planners over random clusters: even, with the fewest moves, never unsafe. */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { Change, ClusterSnapshot } from '../src/model.ts';
import { placementOf } from '../src/model.ts';
import { planScaleIn } from '../src/plan/scale-in.ts';
import { planScaleOut } from '../src/plan/scale-out.ts';
import { planPostUpgrade, planPreUpgrade } from '../src/plan/upgrade.ts';
import { arbitraryShape, clusterOf, counts, fewestMoves, placementsAfter, spread } from './clusters.ts';

const SMALL = { tablets: 12, partitions: 40 };
const arbitraryCluster = arbitraryShape(SMALL).map(clusterOf);
/** Up to 200 tablets and 20,000 partitions: few draws, each of many checks. */
const LARGE = { tablets: 160, partitions: 4_000 };
const largeCluster = arbitraryShape(LARGE).map(clusterOf);
const endpointsOf = ({ tablets }: ClusterSnapshot): string[] => tablets.map(({ endpoint }) => endpoint);
const databases = ({ tables }: ClusterSnapshot): string[] => [...new Set(tables.map(({ db }) => db))];

/** No partition twice on a tablet, none with fewer replicas than before, each led by one of its own; only healthy tablets get something. */
function expectSafe(cluster: ClusterSnapshot, changes: readonly Change[]): void {
  const healthy = new Set(cluster.tablets.filter((tablet) => tablet.healthy).map(({ endpoint }) => endpoint));
  for (const { before, goal } of changes) {
    expect(new Set(goal.replicas).size).toBe(goal.replicas.length);
    expect(goal.replicas).toContain(goal.leader);
    expect(healthy.has(goal.leader!)).toBe(true);
    for (const endpoint of goal.replicas) expect(before.replicas.includes(endpoint) || healthy.has(endpoint)).toBe(true);
  }
  const keys = changes.map(({ tid, pid }) => `${tid}_${pid}`);
  expect(new Set(keys).size).toBe(keys.length);
}

const cpuMs = (began: NodeJS.CpuUsage): number => Math.round(process.threadCpuUsage(began).user / 1_000);

function moved(changes: readonly Change[], db: string): number {
  return changes
    .filter((change) => change.db === db)
    .reduce((sum, { before, goal }) => sum + goal.replicas.filter((endpoint) => !before.replicas.includes(endpoint)).length, 0);
}

/** Replicas are even in every database, and no more of them have moved than had to. */
function expectEven(cluster: ClusterSnapshot, changes: readonly Change[]): void {
  const [before, after] = [placementsAfter(cluster, []), placementsAfter(cluster, changes)];
  for (const db of databases(cluster)) {
    const of = (all: typeof after): number[] =>
      counts(
        endpointsOf(cluster),
        all.filter((one) => one.db === db).flatMap(({ placement }) => placement.replicas),
      );
    expect(spread(of(after))).toBeLessThanOrEqual(1);
    expect(moved(changes, db)).toBe(fewestMoves(of(before)));
  }
}

describe('scale-out', () => {
  test.prop([arbitraryCluster])('evens replicas out in every database, with the fewest moves', (cluster) => {
    const { changes, leftAlone } = planScaleOut(cluster);
    expect(leftAlone).toEqual([]);
    expectSafe(cluster, changes);
    for (const { before, goal } of changes) expect(goal.replicas.length).toBe(before.replicas.length);
    expectEven(cluster, changes);
  });

  test.prop([arbitraryCluster])('evens leaders out as far as the replicas allow', (cluster) => {
    const after = placementsAfter(cluster, planScaleOut(cluster).changes);
    for (const db of databases(cluster)) {
      const own = after.filter((one) => one.db === db).map(({ placement }) => placement);
      const leads = new Map<string, number>();
      for (const { leader } of own) leads.set(leader!, (leads.get(leader!) ?? 0) + 1);
      const of = (endpoint: string): number => leads.get(endpoint) ?? 0;
      for (const from of leads.keys()) for (const to of reachable(from, own)) expect(of(to)).toBeGreaterThanOrEqual(of(from) - 1);
    }
  });

  test.prop([arbitraryCluster])('done once, leaves nothing to do', (cluster) => {
    const { changes } = planScaleOut(cluster);
    const goals = new Map(changes.map((change) => [`${change.tid}_${change.pid}`, change.goal]));
    const tables = cluster.tables.map((table) => ({
      ...table,
      partitions: table.partitions.map((partition) => {
        const goal = goals.get(`${table.tid}_${partition.pid}`) ?? placementOf(partition);
        return { ...partition, replicas: goal.replicas.map((endpoint) => ({ endpoint, leader: endpoint === goal.leader, alive: true })) };
      }),
    }));
    expect(planScaleOut({ ...cluster, tables }).changes).toEqual([]);
  });

  test.prop([arbitraryCluster, fc.nat()])(
    'gives nothing to a tablet that is away, and leaves alone what has a part there',
    (cluster, which) => {
      const dead = cluster.tablets[which % cluster.tablets.length]!.endpoint;
      const broken = { ...cluster, tablets: cluster.tablets.map((tablet) => ({ ...tablet, healthy: tablet.endpoint !== dead })) };
      const { changes } = planScaleOut(broken);
      expectSafe(broken, changes);
      for (const { before, goal } of changes) expect([...before.replicas, ...goal.replicas]).not.toContain(dead);
    },
  );

  test.prop([largeCluster], { numRuns: 6 })('is safe, even and short on clusters of any size', (cluster) => {
    const { changes } = planScaleOut(cluster);
    expectSafe(cluster, changes);
    expectEven(cluster, changes);
  });

  test('twenty thousand partitions on two hundred tablets', () => {
    const cluster = clusterOf({
      tablets: 180,
      empty: 20,
      tables: Array.from({ length: 20 }, (_, at) => ({ db: `db${at % 4}`, partitions: 1_000, replicas: 3 })),
      seed: 7,
    });
    const began = process.threadCpuUsage();
    const { changes } = planScaleOut(cluster);
    console.info(`scale-out of 20000 partitions on 200 tablets, ${changes.length} change: ${cpuMs(began)} ms of the processor`);
    for (const db of databases(cluster)) {
      const after = placementsAfter(cluster, changes).filter((one) => one.db === db);
      expect(
        spread(
          counts(
            endpointsOf(cluster),
            after.flatMap(({ placement }) => placement.replicas),
          ),
        ),
      ).toBeLessThanOrEqual(1);
      expect(
        spread(
          counts(
            endpointsOf(cluster),
            after.map(({ placement }) => placement.leader!),
          ),
        ),
      ).toBeLessThanOrEqual(1);
    }
  });
});

/** Tablets to which the leaders of one could go, over any number of partitions. */
function reachable(from: string, placements: readonly { replicas: string[]; leader: string | null }[]): Set<string> {
  const ways = new Map<string, Set<string>>();
  for (const { leader, replicas } of placements) {
    const known = ways.get(leader!) ?? new Set();
    for (const endpoint of replicas) known.add(endpoint);
    ways.set(leader!, known);
  }
  const found = new Set([from]);
  for (const at of found) for (const to of ways.get(at) ?? []) found.add(to);
  return found;
}

describe('scale-in', () => {
  const leavingOf = ({ tablets }: ClusterSnapshot, number: number): string[] => tablets.slice(0, number).map(({ endpoint }) => endpoint);

  test.prop([arbitraryCluster, fc.integer({ min: 1, max: 4 })])(
    'empties tablets into the emptiest, or refuses before anything',
    (cluster, number) => {
      const leaving = leavingOf(cluster, number);
      const { changes, obstacles } = planScaleIn(cluster, leaving);
      const staying = endpointsOf(cluster).filter((endpoint) => !leaving.includes(endpoint));
      const most = Math.max(...cluster.tables.flatMap(({ partitions }) => partitions.map(({ replicas }) => replicas.length)));
      if (most > staying.length) {
        expect(changes).toEqual([]);
        expect(obstacles.map(({ why }) => why)).toContain('too-few-left');
        return;
      }
      expect(obstacles).toEqual([]);
      expectSafe(cluster, changes);
      const after = placementsAfter(cluster, changes);
      for (const { placement } of after) for (const endpoint of placement.replicas) expect(leaving).not.toContain(endpoint);
      for (const { before, goal } of changes) {
        expect(goal.replicas.length).toBe(before.replicas.length);
        // Nothing moves that could stay.
        for (const endpoint of before.replicas) if (!leaving.includes(endpoint)) expect(goal.replicas).toContain(endpoint);
      }
      const load = new Map(staying.map((endpoint) => [endpoint, 0]));
      for (const { placement } of after) for (const endpoint of placement.replicas) load.set(endpoint, load.get(endpoint)! + 1);
      for (const { before, goal } of changes)
        for (const given of goal.replicas.filter((endpoint) => !before.replicas.includes(endpoint)))
          for (const other of staying)
            if (!goal.replicas.includes(other)) expect(load.get(other)!).toBeGreaterThanOrEqual(load.get(given)! - 1);
    },
  );

  test.prop([largeCluster, fc.integer({ min: 1, max: 40 })], { numRuns: 6 })(
    'empties tablets of clusters of any size',
    (cluster, number) => {
      const leaving = new Set(leavingOf(cluster, number));
      const { changes, obstacles } = planScaleIn(cluster, [...leaving]);
      if (obstacles.length > 0) {
        expect(changes).toEqual([]);
        return;
      }
      expectSafe(cluster, changes);
      const left = placementsAfter(cluster, changes).filter(({ placement }) =>
        placement.replicas.some((endpoint) => leaving.has(endpoint)),
      );
      expect(left).toEqual([]);
    },
  );

  test.prop([arbitraryCluster])('refuses tablets it does not know, or that are named twice', (cluster) => {
    const [first] = endpointsOf(cluster) as [string];
    expect(planScaleIn(cluster, [first, first]).obstacles).toContainEqual({ why: 'named-twice', endpoint: first });
    expect(planScaleIn(cluster, ['nobody:1']).obstacles).toContainEqual({ why: 'not-serving', endpoint: 'nobody:1' });
  });

  test('ten of two hundred tablets with twenty thousand partitions', () => {
    const tables = Array.from({ length: 20 }, (_, at) => ({ db: `db${at % 4}`, partitions: 1_000, replicas: 3 }));
    const cluster = clusterOf({ tablets: 190, empty: 10, tables, seed: 11 });
    const began = process.threadCpuUsage();
    const { changes, obstacles } = planScaleIn(cluster, leavingOf(cluster, 10));
    console.info(`scale-in of 10 of 200 tablets, ${changes.length} of 20000 partitions change: ${cpuMs(began)} ms of the processor`);
    expect(obstacles).toEqual([]);
    expect(changes.length).toBeGreaterThan(1_000);
  });
});

describe('upgrade', () => {
  test.prop([arbitraryCluster, fc.nat()])('moves every leader off, and afterwards everything is as before', (cluster, which) => {
    const { endpoint } = cluster.tablets[which % cluster.tablets.length]!;
    const { changes, lines, obstacles } = planPreUpgrade(cluster, endpoint, false);
    if (obstacles.length > 0) {
      expect(cluster.tablets).toHaveLength(1);
      return;
    }
    expectSafe(cluster, changes);
    const after = placementsAfter(cluster, changes);
    for (const { placement } of after) expect(placement.leader).not.toBe(endpoint);
    for (const { before, goal } of changes) {
      expect(goal.replicas).toEqual(expect.arrayContaining(before.replicas));
      expect(goal.replicas.length).toBe(before.replicas.length === 1 ? 2 : before.replicas.length);
    }
    const placements = new Map(after.map(({ key, placement }) => [key, placement]));
    const tables = cluster.tables.map((table) => ({
      ...table,
      partitions: table.partitions.map((partition) => {
        const { replicas, leader } = placements.get(`${table.tid}_${partition.pid}`)!;
        return { ...partition, replicas: replicas.map((one) => ({ endpoint: one, leader: one === leader, alive: true })) };
      }),
    }));
    const back = planPostUpgrade({ ...cluster, tables }, endpoint, lines);
    expect(back.obstacles).toEqual([]);
    const sorted = ({ replicas, leader }: { replicas: string[]; leader: string | null }) => [[...replicas].sort(), leader];
    expect(placementsAfter({ ...cluster, tables }, back.changes).map(({ placement }) => sorted(placement))).toEqual(
      placementsAfter(cluster, []).map(({ placement }) => sorted(placement)),
    );
  });

  test.prop([arbitraryCluster, fc.nat()])('never picks a tablet that is away', (cluster, which) => {
    const { endpoint } = cluster.tablets[0]!;
    const dead = cluster.tablets[which % cluster.tablets.length]!.endpoint;
    const broken = {
      ...cluster,
      tablets: cluster.tablets.map((tablet) => ({ ...tablet, healthy: tablet.endpoint !== dead || dead === endpoint })),
    };
    for (const { goal } of planPreUpgrade(broken, endpoint, false).changes) if (dead !== endpoint) expect(goal.leader).not.toBe(dead);
  });
});
