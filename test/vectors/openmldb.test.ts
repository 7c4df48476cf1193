/**
 * Recorded runs of OpenMLDB's own tool, by the same flags: from the same starting state to what is required of us, which is what the tool came to
 * where it says "Same", and something better elsewhere. What the cluster looks like afterwards counts, not the calls that led there.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OperationHeader } from '@longshore/core';
import { EXIT } from '@longshore/core';
import { type Holding, holdingOf, type RecordedCluster, restore, startOpenmldb } from '@longshore/sandbox';
import { afterAll, expect } from 'vitest';
import { z } from 'zod';
import { exitCodeOf } from '../../apps/cli/src/exit.ts';
import { readOpsFlags } from '../../apps/cli/src/originals/openmldb-ops/flags.ts';
import { type OpsOutcome, opsOutcome, tableOf } from '../../apps/cli/src/originals/openmldb-ops/outcome.ts';
import { isRefusal, opsRequest } from '../../apps/cli/src/originals/openmldb-ops/request.ts';
import { realServer } from '../servers/real.ts';
import { type OpenmldbFleet, startOpenmldbFleet } from '../support/openmldb-fleet.ts';
import { type Said, type Vector, vectorSuite } from './harness.ts';

const zookeeper = await realServer('zookeeper');
afterAll(async () => {
  if (zookeeper.there) await zookeeper.stop();
});

const meta = z.looseObject({ endpoint: z.string(), is_leader: z.boolean() });
const state = z.looseObject({
  tablets: z.record(z.string(), z.looseObject({ state: z.string(), loaded: z.record(z.string(), z.looseObject({ mode: z.string() })) })),
  dbs: z.record(z.string(), z.record(z.string(), z.looseObject({ tid: z.int(), partitions: z.record(z.string(), z.array(meta)) }))),
});
const typesOrTimes = z.union([z.array(z.string()), z.record(z.string(), z.number())]);
const vectorShape = z.looseObject({
  id: z.string(),
  initial: state.extend({
    nameservers: z.array(z.string()).optional(),
    fail_ops: typesOrTimes.optional(),
    stuck_ops: z.array(z.string()).optional(),
    ns_leader_change_at_tick: z.int().optional(),
    promote_next_op_lazily: z.boolean().optional(),
  }),
  steps: z.array(
    z.union([
      z.strictObject({ external_event: z.string() }),
      z.looseObject({
        args: z.array(z.string()),
        calls: z.array(z.looseObject({ error: z.string().optional() })).optional(),
        stdout: z.array(z.string()).nullish(),
        exception: z.string().nullish(),
      }),
    ]),
  ).min(1),
  final: state,
  tool_verdict: z.string(),
  our_requirement: z.string(),
});
type Case = z.infer<typeof vectorShape>;

/** One call of the tool, as we ran it. */
interface Ran {
  args: string[];
  command: string;
  exitCode: number;
  outcome: OpsOutcome;
  header: OperationHeader | undefined;
  table: string[][] | undefined;
  before: Holding;
  changes: readonly string[];
  statfile: string[] | undefined;
}

const TICK_MS = 2;
/** An op is given up after this: soon where one is stuck on purpose; else a busy machine has its time. */
const STUCK_S = 1.5;
const OP_DEADLINE_S = 120;

vectorSuite('openmldb', {
  cannotRun: () => (zookeeper.there ? undefined : zookeeper.reason),
  async run({ data }: Vector): Promise<Said> {
    const recorded = vectorShape.parse(data);
    if (!zookeeper.there) throw new Error(zookeeper.reason);
    const dir = await mkdtemp(join(tmpdir(), 'longshore-openmldb-'));
    try {
      await using fleet = await startOpenmldbFleet(zookeeper.url, {
        recorded: recorded.initial as RecordedCluster,
        tickMs: TICK_MS,
        ...(recorded.initial.nameservers === undefined ? {} : { nameservers: recorded.initial.nameservers }),
      });
      disturb(fleet, recorded.initial);
      const ran: Ran[] = [];
      for (const step of recorded.steps) {
        if ('external_event' in step) befall(fleet, String(step.external_event));
        else {
          const one = await call(fleet, step.args as string[], join(dir, 'stat'), recorded, ran.length);
          ran.push(one);
          await checkCall(fleet, one, recorded);
        }
      }
      return await checkEnd(fleet, ran, recorded);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
});

function disturb({ cluster }: OpenmldbFleet, { fail_ops: failing = [], stuck_ops: stuck = [], ...initial }: Case['initial']): void {
  for (const type of stuck) cluster.faults.stuck.add(type);
  const entries = Array.isArray(failing) ? failing.map((type) => [type, Number.POSITIVE_INFINITY] as const) : Object.entries(failing);
  for (const [type, times] of entries) cluster.faults.failing.set(type, { times });
  if (initial.promote_next_op_lazily) cluster.faults.lazyTicks = 20;
  if (initial.ns_leader_change_at_tick !== undefined)
    void cluster.seen(({ status }) => status === 'kDoing').then(() => cluster.switchLeader());
}

/** What is written of an event: which tablets, and what happens to them. */
function befall({ cluster }: OpenmldbFleet, event: string): void {
  const known = [...cluster.state.tablets.keys()];
  const named = known.filter((endpoint) => event.includes(endpoint));
  const endpoints = named.length > 0 ? named : /\b(both|all|every)\b/.test(event) ? known : [];
  const happens = /restart|reboot|comes? back|\bback\b|started again/.test(event) ? 'restart' : /\bdown\b|offline|stop|kill|\bdies?\b|dead|crash|lost|gone|unreachable/.test(event) ? 'stop' : undefined;
  if (endpoints.length === 0 || happens === undefined) throw new Error(`nobody knows what this event is: ${event}`);
  for (const endpoint of endpoints) {
    if (happens === 'restart') cluster.restartTablet(endpoint);
    else cluster.stopTablet(endpoint);
  }
}

async function call(fleet: OpenmldbFleet, args: string[], statfile: string, { steps, initial }: Case, number: number): Promise<Ran> {
  const step = steps.filter((one) => 'args' in one)[number] as { calls?: { zk?: string }[] };
  const noRoot = (step.calls ?? []).some(({ zk }) => zk?.includes('missing'));
  const [, hosts, root] = /^openmldb:\/\/([^/]+)(\/.+)$/.exec(fleet.address)!;
  const before = holdingOf(fleet.cluster);
  const changesBefore = fleet.cluster.changes.length;
  const read = readOpsFlags([`--zk_cluster=${hosts}`, `--zk_root_path=${root}${noRoot ? '-missing' : ''}`, `--statfile=${statfile}`, `--op_deadline=${initial.stuck_ops ? STUCK_S : OP_DEADLINE_S}`, ...args]);
  const done = async (ran: Pick<Ran, 'exitCode' | 'outcome' | 'header' | 'table'>): Promise<Ran> => ({
    args,
    command: /--cmd=(\S+)/.exec(args.join(' '))?.[1] ?? '',
    before,
    changes: fleet.cluster.changes.slice(changesBefore),
    statfile: await linesOf(statfile),
    ...ran,
  });
  const nothing = (lines: string[], exitCode: number): Promise<Ran> =>
    done({ exitCode, outcome: { lines, stdout: '' }, header: undefined, table: undefined });
  if ('problem' in read) return nothing([read.problem], EXIT.usage);
  const request = opsRequest(read.flags, tmpdir());
  if (isRefusal(request)) return nothing(request.lines, request.exitCode);
  const unsettled = request.command.startsWith('show') ? {} : { unsettledMs: 500 };
  const { id } = await fleet.service.submit({ owner: 'tester', kind: request.kind, params: { ...request.params, ...unsettled } });
  const header = await fleet.finished(id);
  const plan = header.planHash === undefined ? undefined : await fleet.service.plan(id);
  const output = (await fleet.service.done(id)).find((task) => task.id === 'show')?.output;
  const outcome = opsOutcome(request.command, {
    header,
    ...(plan ? { plan } : {}),
    report: await fleet.service.report(id),
    ...(output === undefined ? {} : { output }),
  });
  return done({ exitCode: exitCodeOf(header), outcome, header, table: output === undefined ? undefined : tableOf(output) });
}

async function linesOf(path: string): Promise<string[] | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text?.split('\n').filter((line) => line !== '');
}

/** What must hold after every call, whatever the case: nothing half done, and an exit code that says what is so. */
async function checkCall({ cluster }: OpenmldbFleet, ran: Ran, { initial }: Case): Promise<void> {
  const after = holdingOf(cluster);
  const told = ran.outcome.lines.join('\n');
  expect(after.autoFailover, 'auto_failover is as before').toBe(initial.auto_failover ?? false);
  expect(cluster.state.queues.flat().map(({ id, type }) => `${id} ${type}`), 'no op is left in progress').toEqual([]);
  const healthy = [...cluster.state.tablets.values()].filter((tablet) => tablet.healthy).map(({ endpoint }) => endpoint);
  const extras = (ran.statfile ?? []).map((line) => line.split(','));
  for (const [name, replicas] of Object.entries(after.partitions)) {
    const leaders = replicas.filter(({ isLeader, isAlive }) => isLeader && isAlive);
    const was = ran.before.partitions[name]!;
    const wasSound = was.filter(({ isLeader, isAlive }) => isLeader && isAlive).length === 1;
    if (wasSound) expect(leaders.length, `${name} has one living leader`).toBe(1);
    const stale = replicas.filter(({ endpoint, isLeader, isAlive }) => isLeader && !isAlive && healthy.includes(endpoint));
    if (wasSound && was.every(({ isLeader, isAlive }) => isAlive || !isLeader)) expect(stale, `${name} has no leader that was left behind`).toEqual([]);
    const noted = extras.filter(([, db, table, , pid, extra]) => `${db}.${table}/${pid}` === name && extra !== '').map((line) => line[5]);
    const own = replicas.map(({ endpoint }) => endpoint).filter((endpoint) => !noted.includes(endpoint));
    const expected = was.map(({ endpoint }) => endpoint).filter((endpoint) => !noted.includes(endpoint));
    // Of an extra replica that has gone, nothing is noted any more.
    const gone = ran.command === 'post-upgrade' ? was.length - replicas.length : 0;
    expect(own.length, `${name} has as many replicas as before`).toBe(expected.length - gone);
    expect(new Set(own).size).toBe(own.length);
  }
  const reached = goalReached(ran, after, healthy, initial);
  if (ran.exitCode === EXIT.done) expect(reached, `${ran.args.join(' ')} says it is done, and it is: ${told}`).toBe(true);
  else {
    expect(told, 'a failure is told').toMatch(/^(ERROR|unsupported|.*no such option)/m);
    expect(told).not.toMatch(/success/);
  }
}

/** Whether what was asked for is so. */
function goalReached({ command, args, before, statfile }: Ran, after: Holding, healthy: string[], { tablets }: Case['initial']): boolean {
  const endpoints = (/--endpoints?=(\S+)/.exec(args.join(' '))?.[1] ?? '').split(',');
  const all = Object.entries(after.partitions);
  const leads = (endpoint: string) => all.filter(([, replicas]) => replicas.some((one) => one.endpoint === endpoint && one.isLeader && one.isAlive));
  switch (command) {
    case 'scaleout': {
      const databases = new Set(all.map(([name]) => name.split('.')[0]!).filter((db) => !db.startsWith('__') && db !== 'INFORMATION_SCHEMA'));
      return [...databases].every((db) => spread(after, healthy, db) <= 1);
    }
    case 'scalein':
      return endpoints.every(
        (endpoint) =>
          all.every(([, replicas]) => replicas.every((one) => one.endpoint !== endpoint)) && Object.keys(after.loaded[endpoint] ?? {}).length === 0,
      );
    case 'pre-upgrade':
      return leads(endpoints[0]!).every(([, replicas]) => args.includes('--allow_single_replica') && replicas.length === 1);
    case 'post-upgrade':
      return statfile === undefined || statfile.every((line) => !line.startsWith(`${endpoints[0]},`));
    case 'recoverdata':
      return all.every(([, replicas]) => replicas.every(({ isAlive }) => isAlive)) && Object.keys(before.partitions).length === all.length && Object.keys(tablets).length >= healthy.length;
    default:
      return true;
  }
}

function spread({ partitions }: Holding, healthy: string[], db: string): number {
  const own = Object.entries(partitions).filter(([name]) => name.startsWith(`${db}.`));
  const counts = healthy.map((endpoint) => own.filter(([, replicas]) => replicas.some((one) => one.endpoint === endpoint)).length);
  return Math.max(...counts) - Math.min(...counts);
}

/** What requirements ask for in words, and how that is looked at. A file may hold any of them. */
const CLAUSES: readonly { words: RegExp; unless?: RegExp; check(fleet: OpenmldbFleet, ran: Ran[], words: RegExpExecArray, recorded: Case): void }[] = [
  {
    words: /non-zero/,
    unless: /\b(or|else|otherwise)\b.*non-zero|non-zero( exit)? (if|when|unless)/,
    check: (_fleet, ran) => expect(ran.map(({ exitCode }) => exitCode === EXIT.done)).toContain(false),
  },
  {
    words: /no mutation|before any mutation|[Vv]alidate first|before touching/,
    check: ({ cluster }) => expect(cluster.changes).toEqual([]),
  },
  { words: /[Rr]e-read the leader|continue waiting/, check: (_fleet, ran) => expect(ran.map(({ exitCode }) => exitCode)).toEqual(ran.map(() => 0)) },
  { words: /[Ww]ait on op ids/, check: (_fleet, ran) => expect(ran.map(({ exitCode }) => exitCode)).toEqual(ran.map(() => 0)) },
  {
    words: /max-min\s*<=\s*(\d+)/,
    check: ({ cluster }, ran, [, most]) => {
      const after = holdingOf(cluster);
      const left = ran.filter(({ command, exitCode }) => command === 'scalein' && exitCode === EXIT.done).map(({ args }) => args.join(' '));
      const healthy = [...cluster.state.tablets.values()]
        .filter((tablet) => tablet.healthy && !left.some((args) => args.includes(tablet.endpoint)))
        .map(({ endpoint }) => endpoint);
      for (const db of cluster.state.databases) expect(spread(after, healthy, db)).toBeLessThanOrEqual(Number(most));
    },
  },
  {
    words: /both partitions on (\w+)/,
    check: ({ cluster }, _ran, [, tablet]) => {
      const held = Object.values(holdingOf(cluster).partitions).map((replicas) => replicas.map(({ endpoint }) => endpoint.split(':')[0]));
      expect(held).toEqual(held.map(() => [tablet]));
    },
  },
  { words: /missing znode/, check: (_fleet, ran) => expect(ran.flatMap(({ outcome }) => outcome.lines).join('\n')).toMatch(/no node \/\S+\/leader/) },
  { words: /cancelop/i, check: ({ cluster }) => expect(cluster.state.allOps().map(({ status }) => status)).toContain('kCanceled') },
  { words: /report skipped/, check: (_fleet, ran) => expect(ran.flatMap(({ outcome }) => outcome.lines).join('\n')).toMatch(/with one replica stay/) },
  {
    words: /mark (\w+) replicas not alive/,
    check: ({ cluster }, _ran, [, tablet]) => {
      const there = Object.values(holdingOf(cluster).partitions).flatMap((replicas) => replicas.filter(({ endpoint }) => endpoint.startsWith(`${tablet}:`)));
      expect(there.map(({ isAlive }) => isAlive)).toEqual(there.map(() => false));
    },
  },
];

async function checkEnd(fleet: OpenmldbFleet, ran: Ran[], recorded: Case): Promise<Said> {
  const { our_requirement: required, final, steps } = recorded;
  checkTables(ran, steps);
  const clauses = CLAUSES.flatMap((clause) => {
    const words = clause.words.exec(required);
    return words && !clause.unless?.test(required) ? [{ clause, words }] : [];
  });
  for (const { clause, words } of clauses) clause.check(fleet, ran, words, recorded);
  if (!/^Same( (end|final) state)?\s*([.;,(]|$)/.test(required)) return clauses.length > 0 ? `better: ${required}` : `by the general rule: ${required}`;
  const wanted = await holdingOfRecorded(final as unknown as RecordedCluster);
  const after = holdingOf(fleet.cluster);
  expect(after.partitions, 'who holds and leads what').toEqual(wanted.partitions);
  expect(after.loaded, 'what the tablets have in memory').toEqual(wanted.loaded);
  expect(ran.map(({ exitCode }) => exitCode)).toEqual(ran.map(() => EXIT.done));
  return `as the original: ${required}`;
}

async function holdingOfRecorded(recorded: RecordedCluster): Promise<Holding> {
  // A cluster that nobody talks to: it only remembers.
  await using cluster = await startOpenmldb({
    session: () => ({
      create: async (path) => path,
      getChildren: async () => ['lock_request0000000000'],
      get: async () => ({ data: Buffer.from('ns') }),
      close: async () => undefined,
    }),
    nameservers: [],
  });
  await restore(cluster, recorded);
  return holdingOf(cluster);
}

const TIMES = new Set(['start_time', 'execute_time', 'end_time']);

/** Tables that were printed have the same columns and rows; times are those of another clock. */
function checkTables(ran: readonly Ran[], steps: Case['steps']): void {
  steps
    .filter((step) => 'args' in step)
    .forEach((step, at) => {
      const [text] = (step as { stdout?: string[] | null }).stdout ?? [];
      if (text === undefined) return;
      const wanted = JSON.parse(text.replaceAll("'", '"')) as string[][];
      const [columns = []] = wanted;
      const plain = (table: string[][]): string[][] =>
        table.map((row, line) => row.map((cell, column) => (line > 0 && TIMES.has(columns[column]!) && cell !== '-' ? 'some' : cell)));
      expect(plain(ran[at]!.table ?? [])).toEqual(plain(wanted));
      for (const cell of wanted.flat()) expect(ran[at]!.outcome.stdout).toContain(TIMES.has(cell) || !/^\d{14}$|^\d+s$/.test(cell) ? cell : '');
    });
}
