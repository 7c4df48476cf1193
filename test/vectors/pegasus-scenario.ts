/**
 * Whole runs of the original tool. The circumstances of each (tables, nodes, data versions, backlog, ZooKeeper) are read from what it was
 * answered; ours is run in the same, and must end as the recording's `better` part says.
 */
import type { PegasusStandIn } from '@longshore/sandbox';
import { connectZooKeeper, type ZooKeeper } from '@longshore/zookeeper';
import { expect } from 'vitest';
import { z } from 'zod';
import { type PegasusFleet, startPegasusFleet, TENTH_PARAMS } from '../support/pegasus-fleet.ts';

const event = z.object({
  t_s: z.number(),
  node: z.string(),
  kind: z.enum(['meta', 'replica', 'http', 'zk']),
  call: z.string(),
  args: z.string().optional(),
  body: z.string().optional(),
  command: z.array(z.string()).optional(),
  answer: z.union([z.string(), z.array(z.tuple([z.string(), z.number()]))]).optional(),
  znode: z.string().optional(),
});
export const ScenarioFile = z.object({
  name: z.string(),
  description: z.string(),
  command: z.string(),
  stdout: z.array(z.string()),
  timeline: z.array(event),
  better: z.strictObject({
    outcome: z.enum(['succeeded', 'failed', 'refused']),
    exitCode: z.int(),
    duplication: z.string().regex(/^(in place until cleanup|in place, named|none added)/),
    deny: z.string().regex(/^(reconfig\*all|lifted|never set)/),
    znode: z.string().regex(/^(switched|unchanged)/),
    why: z.string(),
  }),
});
type Scenario = z.infer<typeof ScenarioFile>;

const ROOT = '/pegasus-meta-proxy';
const SOURCE = 'onebox';
const DEAD = '127.0.0.1:1';
/** Slower than in other tests: the 10 s of one call are 2.5 s of the world then, which a machine with much else to do may well need. */
const SPEED = 4;

interface Circumstances {
  table: string;
  cluster: string;
  threshold: number | undefined;
  /** Null: there is no such table. */
  dataVersions: string[] | null;
  partitions: number;
  nodes: number;
  nodesWithout: number;
  deadNodes: number;
  /** Mutations that wait, on all nodes together. */
  backlog: number;
  stuck: boolean;
  counters: boolean;
  /** What adding a duplication is answered. */
  addError: { name: string; hint: string } | undefined;
  existing: boolean;
  zookeeper: 'up' | 'down' | 'one of two';
  /** Text of the node; null: there is none. */
  znode: string | null;
  targetDead: boolean;
}

const flag = (command: string, name: string): string | undefined => new RegExp(`(?:^|\\s)-${name}\\s+([^\\s-]\\S*)`).exec(command)?.[1];

function circumstances({ command, description, stdout, timeline }: Scenario): Circumstances {
  const said = stdout.join('\n');
  const own = command.slice(Math.max(0, command.indexOf('table-migrator')));
  const pages = timeline.filter(({ kind }) => kind === 'http');
  const versions = pages.flatMap(({ body = '' }) =>
    body.startsWith('{') ? Object.entries(JSON.parse(body) as Record<string, { data_version: string }>) : [],
  );
  const without = new Set(pages.filter(({ body = '' }) => body.includes('not found')).map(({ node }) => node));
  const pending = timeline.filter(({ command: asked = [] }) => asked.some((part) => part.includes('pending_mutations')));
  const first = new Map<string, number>();
  for (const { node, answer } of pending)
    if (Array.isArray(answer) && !first.has(node)) first.set(node, answer.reduce((sum, [, value]) => sum + value, 0));
  const failed = /AddDuplication failed: ErrorCode\(\{Errno:(\w+)\}\)(?: \[hint: (.*)\]$)?/m.exec(said);
  const existing = failed?.[1] === 'ERR_DUP_EXIST';
  const read = timeline.find(({ kind, call }) => kind === 'zk' && (call === 'exists' || call === 'getData'))?.znode?.split(' => ')[1];
  const proxy = `{"cluster_name": "${SOURCE}", "meta_addrs": "127.0.0.1:24601"}`;
  return {
    table: flag(own, 't') ?? /AppName:(\w+)/.exec(timeline.map(({ args = '' }) => args).join(' '))?.[1] ?? 'temp',
    cluster: flag(own, 'c') ?? /RemoteClusterName:(\w+)/.exec(timeline.map(({ args = '' }) => args).join(' '))?.[1] ?? 'onebox2',
    threshold: flag(own, 'p') === undefined ? undefined : Number(flag(own, 'p')),
    dataVersions: /doesn't exist/.test(said) ? null : [...new Set(versions.map(([, { data_version }]) => data_version))],
    partitions: Math.max(1, ...versions.map(([index]) => Number(index) + 1)),
    nodes: Math.max(3, new Set(pages.map(({ node }) => node)).size),
    nodesWithout: without.size,
    deadNodes: /failed to call "[^"]*": (?!code=)/.test(said) ? 1 : 0,
    backlog: [...first.values()].reduce((sum, value) => sum + value, 0),
    // The counters of the recordings show the same where it ships: only the words tell.
    stuck: /never moves|nothing is (ever )?shipped|\bstuck\b|\bstall(s|ed)?\b/i.test(description),
    counters: !pending.some(({ answer }) => typeof answer === 'string') && !/size must be 1, but now is 0/.test(said),
    addError: failed === null || existing ? undefined : { name: failed[1] ?? '', hint: failed[2] ?? '' },
    existing,
    zookeeper: /too many colons in address/.test(said) ? 'one of two' : /zk: could not connect/.test(said) ? 'down' : 'up',
    znode: read === undefined ? proxy : read === '' ? null : read,
    targetDead: /failed to list nodes/.test(said) && timeline.length > 1,
  };
}

interface World extends AsyncDisposable {
  fleet: PegasusFleet;
  zk: ZooKeeper;
  path: string;
  meta: string;
}

async function world(given: Circumstances, hosts: string, chroot: string): Promise<World> {
  const onlooker = connectZooKeeper(hosts);
  await onlooker.create(chroot, '');
  await onlooker.close();
  const zk = connectZooKeeper(`${hosts}${chroot}`);
  await zk.create(ROOT, '');
  const path = `${ROOT}/${given.table}`;
  if (given.znode !== null) await zk.create(path, given.znode);
  const asked = { up: hosts, down: DEAD, 'one of two': `${DEAD},${hosts}` }[given.zookeeper];
  const fleet = await startPegasusFleet({
    speed: SPEED,
    source: {
      name: SOURCE,
      replicas: given.nodes,
      dialect: given.counters && !given.existing ? '2.4' : '2.6',
      counters: given.counters,
      stuck: given.stuck,
      wroteWhileCopying: Math.ceil(given.backlog / given.partitions),
      zookeeperHosts: `${asked}${chroot}`,
      tables: [],
    },
    target: { name: given.cluster },
  });
  const { state } = fleet.source;
  if (given.dataVersions !== null) {
    const table = state.addTable({ name: given.table, partitions: given.partitions, committed: 100, dataVersion: given.dataVersions[0] ?? '1' });
    const holders = new Set(table.partitions.flatMap(({ primary, secondaries }) => [primary, ...secondaries]));
    const idle = state.nodes.filter((node) => !holders.has(node));
    expect(idle.length, 'nodes without a replica').toBeGreaterThanOrEqual(given.nodesWithout);
    for (const node of idle.slice(0, given.deadNodes)) state.settings.deadNodes.add(node);
    // Several versions: every node its own, in turn.
    if (given.dataVersions.length > 1)
      for (const [at, node] of state.nodes.entries()) table.versionAt.set(node, given.dataVersions[at % given.dataVersions.length] ?? '1');
    if (given.existing) state.addDuplication(table, given.cluster, true);
  }
  if (given.addError) fleet.source.faults.add('RPC_CM_ADD_DUPLICATION', { kind: 'error', ...given.addError });
  if (given.targetDead) fleet.target.state.settings.dead = true;
  return {
    fleet,
    zk,
    path,
    meta: fleet.target.metas,
    async [Symbol.asyncDispose]() {
      await fleet[Symbol.asyncDispose]();
      await zk.close();
    },
  };
}

export async function holdScenario(scenario: Scenario, hosts: string, chroot: string): Promise<void> {
  const given = circumstances(scenario);
  await using here = await world(given, hosts, chroot);
  const { fleet, zk, path, meta } = here;
  const header = await fleet.run({
    kind: 'pegasus.migrate-table',
    params: {
      table: given.table,
      source: fleet.source.metas,
      meta,
      cluster: given.cluster,
      root: ROOT,
      ...TENTH_PARAMS,
      ...(given.threshold === undefined ? {} : { threshold: given.threshold }),
    },
  });
  const { better } = scenario;
  const refused = header.startedAt === undefined;
  const why = header.error === undefined ? 'it tells of no error' : `${header.error.code}: ${header.error.message}`;
  expect(header.state === 'failed' && refused ? 'refused' : header.state, why).toBe(better.outcome);
  expect(header.error?.exitCode ?? 0, header.error?.message).toBe(better.exitCode);
  if (given.addError) expect(header.error?.message).toContain(given.addError.hint);
  holdDuplication(better.duplication, fleet.source, given, header.error?.message ?? '');
  holdDenial(better.deny, fleet.source, given.table);
  const text = (await zk.exists(path)) === undefined ? null : (await zk.get(path)).data.toString('utf8');
  expect(text).toBe(better.znode.startsWith('switched') ? `{"cluster_name": "${given.cluster}", "meta_addrs": "${meta}"}` : given.znode);
  if (better.znode.startsWith('switched')) expect(fleet.source.state.unshipped(given.table)).toBe(0);
  expect((await fleet.service.get(header.id)).guards.filter(({ state }) => state === 'open')).toEqual([]);
}

function holdDuplication(wanted: Scenario['better']['duplication'], source: PegasusStandIn, given: Circumstances, message: string): void {
  const there = source.state.table(given.table)?.duplications ?? [];
  const added = source.state.history.filter((line) => line.startsWith('add '));
  if (wanted.startsWith('none added')) {
    expect(added).toEqual([]);
    return;
  }
  expect(there.map(({ remote, status }) => [remote, status])).toEqual([[given.cluster, 'DS_LOG']]);
  expect(added, 'one only').toHaveLength(1);
  if (wanted.startsWith('in place, named')) expect(message).toContain(String(there[0]?.id));
}

function holdDenial(wanted: Scenario['better']['deny'], source: PegasusStandIn, table: string): void {
  const set = source.state.history.filter((line) => line.startsWith('deny '));
  const now = source.state.table(table)?.envs.get('replica.deny_client_request');
  if (wanted.startsWith('never set')) expect(set).toEqual([]);
  else expect(now).toBe(wanted.startsWith('lifted') ? undefined : 'reconfig*all');
}
