/**
 * Every place at which a worker may die, or a person may stop it, while a keyspace is resharded the old way: before and after each change, as the
 * journal names them, and inside each command, between two changes that vtctld makes. The list is taken from a run in which nobody dies; then
 * the same is run once for each, with clients that never rest, and goes on or is taken back.
 */
import type { OperationHeader } from '@longshore/core';
import type { LegacyStandIn, Writer } from '@longshore/sandbox';
import { Cluster, keepWriting, startLegacy } from '@longshore/sandbox';
import { vitess } from '@longshore/vitess';
import { fastClock } from '../../support/fast-clock.ts';
import type { VitessFleet } from './fleet.ts';
import { startVitessFleet } from './fleet.ts';

/** Pauses and deadlines are made for real servers. */
const SPEED = 20;
const TYPES = ['PRIMARY', 'REPLICA', 'RDONLY'] as const;
const ENDPOINTS = { vtctld_endpoint: 'd', vtworker_endpoint: 'w' };
const ROWS = Number(process.env.LONGSHORE_VITESS_ROWS ?? 40);

export interface Scenario {
  name: string;
  kind: string;
  params: object;
  /** Where clients ask, and for which table. */
  keyspace: string;
  table: string;
  /** Shards, with their keyspaces, that have the rows before and after. */
  before: string[];
  after: string[];
  /** By default every so many points are tried. */
  every: number;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'one shard into two, a command at a time',
    kind: 'vitess.horizontal-resharding',
    params: { keyspace: 'ks', source_shard_list: '0', dest_shard_list: '-80,80-', ...ENDPOINTS },
    keyspace: 'ks',
    table: 't1',
    before: ['ks/0'],
    after: ['ks/-80', 'ks/80-'],
    every: 2,
  },
  {
    name: 'two shards into four, four commands at a time',
    kind: 'vitess.horizontal-resharding',
    params: { keyspace: 'two', source_shard_list: '-80,80-', dest_shard_list: '-40,40-80,80-c0,c0-', concurrency: 4, ...ENDPOINTS },
    keyspace: 'two',
    table: 't1',
    before: ['two/-80', 'two/80-'],
    after: ['two/-40', 'two/40-80', 'two/80-c0', 'two/c0-'],
    every: 7,
  },
  {
    name: 'two shards into one, with a canary',
    kind: 'vitess.horizontal-resharding',
    params: { keyspace: 'both', source_shard_list: '-80,80-', dest_shard_list: '-', canary: true, ...ENDPOINTS },
    keyspace: 'both',
    table: 't1',
    before: ['both/-80', 'both/80-'],
    after: ['both/-'],
    every: 5,
  },
  {
    name: 'a table to another keyspace',
    kind: 'vitess.vertical-split',
    params: { source_keyspace: 'src', dest_keyspace: 'dst', shard_list: '0', tables: 'moving', ...ENDPOINTS },
    keyspace: 'dst',
    table: 'moving',
    before: ['src/0'],
    after: ['dst/0'],
    every: 2,
  },
];

export interface Point {
  /** An effect, such as `vitess.SplitCloneTask/command`, or a place inside a command. */
  name: string;
  when: 'before' | 'after' | 'inside';
  /** Of those of this name, from 1. */
  nth: number;
}

export const pointText = ({ name, when, nth }: Point): string => `${when} ${name.replace('vitess.', '')} #${nth}`;

interface Stage extends AsyncDisposable {
  cluster: Cluster;
  legacy: LegacyStandIn;
  fleet: VitessFleet;
  writer: Writer;
}

async function start({ keyspace, table }: Scenario): Promise<Stage> {
  const keyspaces = {
    ks: { shards: ['0'], targets: ['-80', '80-'], tables: { t1: ROWS } },
    two: { shards: ['-80', '80-'], targets: ['-40', '40-80', '80-c0', 'c0-'], tables: { t1: ROWS } },
    both: { shards: ['-80', '80-'], targets: ['-'], tables: { t1: ROWS } },
    src: { shards: ['0'], sharded: false, tables: { moving: ROWS, staying: 5 } },
    dst: { shards: ['0'], sharded: false, servedFrom: 'src' },
  };
  const cluster = new Cluster({ keyspaces, startTicks: 1 });
  const legacy = await startLegacy(cluster);
  // What a command has set off is over soon here.
  const system = { ...vitess, kinds: vitess.kinds.map((kind) => (kind.actionMs === undefined ? kind : { ...kind, actionMs: 1_000 })) };
  const clock = fastClock(SPEED);
  const fleet = await startVitessFleet({ system, clock, sweepMs: 2_000, targets: { d: legacy.address, w: legacy.address } });
  const writer = keepWriting(cluster, keyspace, table);
  return {
    cluster,
    legacy,
    fleet,
    writer,
    async [Symbol.asyncDispose]() {
      await writer.stop();
      await fleet[Symbol.asyncDispose]();
      await legacy.close();
      cluster[Symbol.dispose]();
    },
  };
}

/** Calls `reached` at every point, as it is come to. */
function watch({ fleet, legacy }: Stage, reached: (point: Point) => Promise<unknown>): void {
  const seen = new Map<string, number>();
  const at = async (name: string, when: Point['when']): Promise<void> => {
    const nth = (seen.get(`${when} ${name}`) ?? 0) + 1;
    seen.set(`${when} ${name}`, nth);
    await reached({ name, when, nth });
  };
  fleet.around = (effect, when) => at(effect, when);
  legacy.at = (step) => at(step, 'inside');
}

export async function pointsOf(scenario: Scenario): Promise<{ points: Point[]; changes: number }> {
  await using stage = await start(scenario);
  const points: Point[] = [];
  watch(stage, async (point) => points.push(point));
  const { id, state, error } = await stage.fleet.run(scenario);
  if (state !== 'succeeded') throw new Error(`it ended ${state} (${error?.message})`);
  return { points, changes: (await stage.fleet.store.journal(id)).length };
}

/** All workers die here, with all their connections, and others take over. What is wrong at the end. */
export async function goesOn(scenario: Scenario, point: Point): Promise<string[]> {
  await using stage = await start(scenario);
  const struck = strike(stage, point, () => die(stage));
  const { state, error } = await stage.fleet.run(scenario, isOver);
  return [
    ...struck(),
    ...(state === 'succeeded' ? [] : [`it ended ${state}: ${error?.message}`]),
    ...(await wrongWith(stage, scenario, scenario.after)),
  ];
}

/** A person stops it here, and all workers die if `dying`; then it is taken back, where that is possible. What is wrong at the end. */
export async function isTakenBack(scenario: Scenario, point: Point, dying: boolean): Promise<string[]> {
  await using stage = await start(scenario);
  const { fleet } = stage;
  const struck = strike(stage, point, async () => {
    const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
    await fleet.service.act(id, 'cancel', 'tester');
    if (dying) await die(stage);
  });
  const { id, state, attention } = await fleet.run(scenario, isOver);
  const problems = struck();
  if (state !== 'cancelled') return [...problems, `it ended ${state}: ${attention?.error.message}`];
  // Wherever it was stopped, clients are served.
  problems.push(...(await wrongWith(stage, scenario)));
  const final = await revert(fleet, id);
  const moved = fleetHasMoved(stage, scenario);
  if (final === undefined && moved) problems.push('writes were moved, and it was taken back');
  if (final !== undefined && !moved) problems.push(`it was not taken back: ${final}`);
  if (final !== undefined && !/were moved to the destination, and Vitess 7 cannot move them back/.test(final)) problems.push(final);
  return [...problems, ...(await wrongWith(stage, scenario, moved ? undefined : scenario.before))];
}

/** Also when it waits for a person, which must not be. */
const isOver = ({ endedAt, state }: OperationHeader): boolean =>
  (endedAt !== undefined && state !== 'reverting') || state === 'needs-attention';

/** Undefined where it was, or there was nothing to be; else why not. */
async function revert({ service, finished }: VitessFleet, id: string): Promise<string | undefined> {
  try {
    await service.revert(id, 'tester');
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return code === 'LSH_REVERT_NOTHING' ? undefined : message;
  }
  const { state, error, attention } = await finished(id, isOver);
  return state === 'reverted' ? undefined : (error?.message ?? attention?.error.message ?? state);
}

async function die({ fleet, legacy }: Stage): Promise<never> {
  const dead = fleet.die();
  legacy.disconnect();
  return dead;
}

function strike(stage: Stage, { name, when, nth }: Point, then: () => Promise<unknown>): () => string[] {
  let struck = false;
  watch(stage, async (point) => {
    if (struck || point.name !== name || point.when !== when || point.nth !== nth) return;
    struck = true;
    // A command goes on where it is cut, and sees that its call is gone.
    if (when === 'inside') void then();
    else await then();
  });
  return () => (struck ? [] : ['the point never came']);
}

const placesOf = ({ cluster: { topology } }: Stage, { keyspace, table }: Scenario, type: (typeof TYPES)[number]): string[] =>
  [
    ...new Set(
      Array.from({ length: 64 }, (_, id) => String(id)).flatMap((id) => {
        const shard = topology.shardOf(keyspace, table, id, type);
        return shard === undefined ? [] : [`${shard.keyspace}/${shard.name}`];
      }),
    ),
  ].sort();

/** Whether writes have gone to a destination. */
const fleetHasMoved = (stage: Stage, scenario: Scenario): boolean =>
  placesOf(stage, scenario, 'PRIMARY').some((place) => scenario.after.includes(place));

/** Clients can write, and every row they were told of is found by every type of tablet, at `where` if it is given. */
async function wrongWith(stage: Stage, scenario: Scenario, where?: string[]): Promise<string[]> {
  const { writer } = stage;
  const answered = writer.answered;
  const late = await Promise.race([writer.reached(writer.acknowledged + 10), stage.cluster.clock.sleep(10_000).then(() => 'late')]);
  if (late === 'late') return [`clients cannot write: ${writer.problems().slice(0, 3).join('; ')}`];
  await writer.pause();
  const problems = writer.problems().slice(0, 3);
  writer.resume();
  if (writer.answered === answered) problems.push('nothing was read');
  for (const type of where === undefined ? [] : TYPES) {
    const served = placesOf(stage, scenario, type);
    if (served.join() !== [...where!].sort().join()) problems.push(`${type} is served by ${served.join(', ')}`);
  }
  if (where === scenario.before && stage.cluster.workflows.all.length > 0) problems.push('something still copies');
  return problems;
}
