/**
 * Workers die before and after every change they make, one at a time: the points are those of a run in which nobody dies. Whatever the point, the
 * operation ends as that run did, and what is taken back is as it was.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '@longshore/core';
import { afterAll, describe, expect, test } from 'vitest';
import { realServer } from '../../servers/real.ts';
import { type OpenmldbFleet, startOpenmldbFleet } from '../../support/openmldb-fleet.ts';
import { clusterWith, placementsOf, wrongWith } from '../../support/openmldb-scenarios.ts';

const zookeeper = await realServer('zookeeper');
const dir = await mkdtemp(join(tmpdir(), 'longshore-openmldb-'));
afterAll(async () => {
  if (zookeeper.there) await zookeeper.stop();
  await rm(dir, { recursive: true, force: true });
});

interface Scenario {
  name: string;
  recorded: ReturnType<typeof clusterWith>;
  kind: string;
  params: { [key: string]: Json };
  /** Done to the cluster before. */
  before?(fleet: OpenmldbFleet): void;
  /** What the statfile says before. */
  file?: string;
  back?: true;
}

const SCENARIOS: Scenario[] = [
  {
    name: 'a lone leader moves to a new tablet',
    recorded: clusterWith(['t1:1', 't2:1'], { 'db1.t/0': ['t1:1'], 'db1.t/1': ['t1:1'] }),
    kind: 'openmldb.scale-out',
    params: {},
    back: true,
  },
  {
    name: 'a leader with followers leaves a tablet',
    recorded: clusterWith(['t1:1', 't2:1', 't3:1'], { 'db1.t/0': ['t1:1', 't2:1'] }),
    kind: 'openmldb.scale-in',
    params: { endpoints: ['t1:1'] },
  },
  {
    name: 'leaders leave before an upgrade, noted in a file',
    recorded: clusterWith(['t1:1', 't2:1'], { 'db1.t/0': ['t1:1'], 'db1.t/1': ['t1:1', 't2:1'] }),
    kind: 'openmldb.pre-upgrade',
    params: { endpoint: 't1:1', statfile: 'stat' },
    back: true,
  },
  {
    name: 'leaders come back after an upgrade, and the replica that was added goes',
    recorded: clusterWith(['t1:1', 't2:1'], { 'db1.t/0': ['t2:1', 't1:1'], 'db1.t/1': ['t2:1', 't1:1'] }),
    kind: 'openmldb.post-upgrade',
    params: { endpoint: 't1:1', statfile: 'stat' },
    file: 't1:1,db1,t,40,0,t2:1\nt1:1,db1,t,40,1,\n',
    back: true,
  },
  {
    name: 'partitions come back after a restart of all tablets',
    recorded: clusterWith(['t1:1', 't2:1'], { 'db1.t/0': ['t1:1', 't2:1'] }),
    kind: 'openmldb.recover-data',
    params: {},
    before: ({ cluster }) => {
      for (const endpoint of cluster.state.tablets.keys()) cluster.restartTablet(endpoint);
    },
  },
];

interface Point {
  at: number;
  effect: string;
  when: 'before' | 'after';
}

/** Undefined where there is none. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const NEVER = new Promise<never>(() => undefined);
/** All points on a machine that is busy with other things. */
const SLOWEST_MS = 1_800_000;
/** Runs at a time: they wait more than they work. */
const AT_ONCE = 6;
/** Most of a run is pauses between looks, and the wait for what a lost call may still do. */
const SPEED = 4;
let files = 0;

async function play(
  scenario: Scenario,
  die?: number,
): Promise<{ points: Point[]; placements: object; back: object; file: string | undefined; told: string }> {
  if (!zookeeper.there) throw new Error(zookeeper.reason);
  await using fleet = await startOpenmldbFleet(zookeeper.url, { recorded: structuredClone(scenario.recorded), tickMs: 5, speed: SPEED });
  const first = placementsOf(fleet.cluster);
  scenario.before?.(fleet);
  const points: Point[] = [];
  fleet.around = async (effect, when) => {
    const at = points.length;
    points.push({ at, effect, when });
    if (at !== die) return;
    const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
    // The worker is gone, and its jobs are delivered again.
    for (const [task, { round }] of (await fleet.store.load(id))!.tasks)
      for (const queue of ['migrator', 'rebalancer']) fleet.transport.repeat(queue, `${id}.${task}.${round}`);
    await NEVER;
  };
  files += 1;
  const statfile = scenario.params.statfile === undefined ? undefined : join(dir, `stat-${files}`);
  if (statfile !== undefined && scenario.file !== undefined) await writeFile(statfile, scenario.file);
  const params = { cluster: fleet.address, unsettledMs: 50, ...scenario.params, ...(statfile === undefined ? {} : { statfile }) };
  const header = await fleet.run(scenario.kind, params);
  expect([header.state, header.error]).toEqual(['succeeded', undefined]);
  expect(wrongWith(fleet.cluster, { autoFailover: true })).toEqual([]);
  const placements = placementsOf(fleet.cluster);
  const textOf = async (): Promise<string | undefined> => (statfile === undefined ? undefined : ((await readText(statfile)) ?? ''));
  const file = await textOf();
  let back = {};
  if (scenario.back) {
    await fleet.service.revert(header.id, 'somebody');
    const over = await fleet.finished(
      header.id,
      ({ endedAt, state, attention }) => (endedAt !== undefined && state !== 'succeeded') || attention !== undefined,
    );
    expect([over.state, over.attention]).toEqual(['reverted', undefined]);
    expect(wrongWith(fleet.cluster, { autoFailover: true })).toEqual([]);
    back = placementsOf(fleet.cluster);
    expect(back).toEqual(first);
    if (statfile !== undefined) expect(await textOf()).toBe(scenario.file ?? '');
  }
  return { points, placements, back, file, told: fleet.cluster.changes.join(', ') };
}

describe.skipIf(!zookeeper.there).concurrent('a worker dies', () => {
  test.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    '%s',
    async (_name, scenario) => {
      const calm = await play(scenario);
      expect(calm.points.length).toBeGreaterThan(4);
      // Among them those on the way back.
      expect(calm.points.some(({ effect }) => effect.includes('/undo: '))).toBe(scenario.back === true);
      const wrong: string[] = [];
      // Every third here; `LONGSHORE_EVERY_POINT=1` takes them all.
      const todo =
        process.env.LONGSHORE_EVERY_POINT === '1' ? [...calm.points] : calm.points.filter(({ at }) => at % 3 === calm.points.length % 3);
      const lanes = Array.from({ length: AT_ONCE }, async () => {
        for (let point = todo.shift(); point; point = todo.shift()) {
          try {
            const { placements, file, told } = await play(scenario, point.at);
            if (JSON.stringify(placements) !== JSON.stringify(calm.placements)) wrong.push(`${point.when} ${point.effect}: ${told}`);
            if (file !== calm.file) wrong.push(`${point.when} ${point.effect}: the file has ${file}`);
          } catch (error) {
            wrong.push(`${point.when} ${point.effect}: ${error instanceof Error ? error.message : String(error)}`);
          }
        }
      });
      await Promise.all(lanes);
      expect(wrong).toEqual([]);
    },
    SLOWEST_MS,
  );
});
