/** The group `engine`: what the engine itself takes, with tasks that do nothing, in separate processes on a real Redis. */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { OperationHeader } from '@longshore/core';
import { redisMemory } from '../faults/raw-redis.ts';
import { type RealServer, realServer } from '../servers/real.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { scratchFolder } from '../support/interrupted.ts';
import { fairSeconds } from './fair-share.ts';
import { quantile } from './measurement.ts';
import { CpuMeter } from './processes.ts';

/** What `--only` may name. */
export const ENGINE_NAMES = ['engine-noop', 'engine-noop-few', 'engine-latency', 'engine-fairness', 'engine-memory'] as const;
type EngineName = (typeof ENGINE_NAMES)[number];

export const FSYNCS = ['everysec', 'always'] as const;
export type Fsync = (typeof FSYNCS)[number];

export interface EngineOptions {
  only: ReadonlySet<string>;
  fsyncs: readonly Fsync[];
  /** Of `engine-noop`. */
  tasks: number;
  /** Called with each finished measurement. */
  tell: (measurement: EngineMeasurement) => void;
  say: (line: string) => void;
}

/** The JSON line of a measurement. Seconds of CPU are within the measured span. */
export interface EngineMeasurement {
  name: string;
  [figure: string]: number | string | boolean | Record<string, number | string>;
  /** Of the machine over the last minute, when the measurement had ended. */
  load: number;
  versions: Record<string, string>;
  /** `appendfsync` of the fleet's Redis. */
  fsync: Fsync;
}

/** Two workers with so many tasks at a time each, and with as many as the configuration has when it says nothing. */
const WORKERS = 2;
const CONCURRENCY = 32;
const FEW = 2;
const STAGE_CONCURRENCY = 1_000;
const WARM_UP_TASKS = 4_000;
const LATENCY_OPERATIONS = 120;
/** Submitted at once. */
const LARGE = { operations: 10, tasks: 2_000 };
const SMALL = { operations: 40, tasks: 100 };
const MEMORY_TASKS = 100_000;
const MEMORY_SAMPLE_MS = 100;

interface Bench {
  fleet: Fleet;
  redis: RealServer;
}

type Figures = Record<string, number | string | boolean | Record<string, number | string>>;

export async function runEngine(options: EngineOptions): Promise<void> {
  const measure: Record<EngineName, (bench: Bench) => Promise<Figures[]>> = {
    'engine-noop': (bench) => measureNoop(bench, options.tasks),
    'engine-noop-few': (bench) => measureNoop(bench, options.tasks),
    'engine-latency': measureLatency,
    'engine-fairness': measureFairness,
    'engine-memory': measureMemory,
  };
  for (const fsync of options.fsyncs)
    for (const name of ENGINE_NAMES) {
      // What is kept in memory does not depend on when it is written.
      if (!options.only.has(name) || (name === 'engine-memory' && fsync !== options.fsyncs[0])) continue;
      await withFleet(fsync, name === 'engine-noop-few' ? FEW : CONCURRENCY, async (bench) => {
        await run(bench, { tasks: WARM_UP_TASKS });
        const versions = { node: process.versions.node, longshore: longshoreVersion(), redis: bench.redis.version };
        for (const figures of await measure[name](bench))
          options.tell({ name, ...figures, load: Math.round(loadavg()[0]! * 100) / 100, versions, fsync });
      });
    }
}

async function withFleet(fsync: Fsync, concurrency: number, work: (bench: Bench) => Promise<void>): Promise<void> {
  const redis = await realServer('redis', { own: true, appendfsync: fsync });
  if (!redis.there) throw new Error(`the benchmark needs redis: ${redis.reason}`);
  await using _server = redis;
  const scratch = await scratchFolder('longshore-bench-');
  const fleet = await startFleet({
    dir: scratch.path,
    redisUrl: redis.url,
    fleet: 'bench',
    dumpers: 0,
    restorers: 0,
    migrators: WORKERS,
    concurrency,
    sweepMs: 5_000,
  });
  try {
    await work({ fleet, redis });
  } finally {
    await fleet.stop();
    await scratch.remove();
  }
}

interface Noop {
  tasks: number;
  bulk?: boolean;
}

async function submit({ fleet }: Bench, { tasks, bulk = true }: Noop): Promise<string> {
  const params = { tasks, bulk, concurrency: STAGE_CONCURRENCY };
  return (await fleet.service.submit({ kind: 'counter.noop', params, owner: 'bench' })).id;
}

async function ended({ fleet }: Bench, id: string, tasks: number): Promise<OperationHeader> {
  const header = await fleet.finished(id);
  if (header.state !== 'succeeded' || header.counters.noops !== tasks)
    throw new Error(`${id} ended ${header.state} with ${header.counters.noops} of ${tasks} tasks: ${header.error?.message ?? 'no error'}`);
  return header;
}

async function run(bench: Bench, noop: Noop): Promise<OperationHeader> {
  return ended(bench, await submit(bench, noop), noop.tasks);
}

/** CPU time of each process, and of the bench's own, which holds the service. */
async function meters({ fleet, redis }: Bench): Promise<Map<string, CpuMeter>> {
  const pids = new Map([...fleet.members].map(([name, { child }]): [string, number[]] => [name, [child.pid!]]));
  pids.set('service', [process.pid]).set('redis', redis.pids);
  return new Map(await Promise.all([...pids].map(async ([name, each]) => [name, await CpuMeter.start(each)] as const)));
}

const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** From the first tasks queued to the last one taken in. */
async function measureNoop(bench: Bench, tasks: number): Promise<Figures[]> {
  const found = await meters(bench);
  const header = await run(bench, { tasks });
  await Promise.all([...found.values()].map((meter) => meter.stop()));
  const { startedAt, endedAt } = header.stages[0]!;
  const seconds = (endedAt! - startedAt!) / 1000;
  const cpu = Object.fromEntries([...found].map(([name, meter]) => [name, rounded(meter.between(startedAt!, endedAt!))]));
  const all = Object.values(cpu).reduce((sum, each) => sum + each, 0);
  return [
    {
      tasks,
      seconds: rounded(seconds),
      tasksPerSecond: Math.round(tasks / seconds),
      cpuSeconds: cpu,
      cpuMicrosecondsPerTask: Math.round((all * 1e6) / tasks),
    },
  ];
}

/** From the call of `submit` to the start of the first task, on a fleet that has nothing else to do; the planning lies between. */
async function measureLatency(bench: Bench): Promise<Figures[]> {
  const waits: number[] = [];
  const submits: number[] = [];
  for (let count = 0; count < LATENCY_OPERATIONS; count += 1) {
    const submittedAt = performance.timeOrigin + performance.now();
    const id = await submit(bench, { tasks: 1, bulk: false });
    submits.push(performance.timeOrigin + performance.now() - submittedAt);
    await ended(bench, id, 1);
    const first = (await bench.fleet.service.done(id)).find(({ stage }) => stage === 0);
    waits.push(first!.startedAt! - submittedAt);
    // Its last ring has been heard, so that the next one finds an idle fleet.
    await wait(20);
  }
  return [
    {
      operations: waits.length,
      p50Ms: rounded(quantile(waits, 0.5), 1),
      p95Ms: rounded(quantile(waits, 0.95), 1),
      maxMs: rounded(Math.max(...waits), 1),
      submitP50Ms: rounded(quantile(submits, 0.5), 1),
    },
  ];
}

/** Each operation's time from its submission, against the time it would have had with its share of the throughput of this very run. */
async function measureFairness(bench: Bench): Promise<Figures[]> {
  const every = Math.floor(SMALL.operations / LARGE.operations) + 1;
  const sizes = Array.from({ length: LARGE.operations + SMALL.operations }, (_, at) => (at % every === 0 ? LARGE.tasks : SMALL.tasks));
  const ids = await Promise.all(sizes.map((tasks) => submit(bench, { tasks })));
  const headers = await Promise.all(ids.map((id, at) => ended(bench, id, sizes[at]!)));
  const seconds = headers.map(({ createdAt, endedAt }) => (endedAt! - createdAt) / 1000);
  const span = (Math.max(...headers.map(({ endedAt }) => endedAt!)) - Math.min(...headers.map(({ createdAt }) => createdAt))) / 1000;
  const tasks = sizes.reduce((sum, each) => sum + each, 0);
  const fair = fairSeconds(sizes, tasks / span);
  const worst = (size: number): number => Math.max(...seconds.flatMap((each, at) => (sizes[at] === size ? [each / fair[at]!] : [])));
  return [
    {
      operations: sizes.length,
      tasks,
      seconds: rounded(span),
      tasksPerSecond: Math.round(tasks / span),
      worstRatio: rounded(Math.max(worst(SMALL.tasks), worst(LARGE.tasks))),
      worstOfSmall: rounded(worst(SMALL.tasks)),
      worstOfLarge: rounded(worst(LARGE.tasks)),
    },
  ];
}

/** The most that Redis holds while one large operation runs, above what it held before. */
async function measureMemory(bench: Bench): Promise<Figures[]> {
  const found: Figures[] = [];
  for (const bulk of [true, false]) {
    const before = await redisMemory(bench.redis.url);
    let peak = before;
    const over = new AbortController();
    const watching = (async (): Promise<void> => {
      while (!over.signal.aborted) {
        peak = Math.max(peak, await redisMemory(bench.redis.url));
        await wait(MEMORY_SAMPLE_MS);
      }
    })();
    const header = await run(bench, { tasks: MEMORY_TASKS, bulk });
    over.abort();
    await watching;
    const { startedAt, endedAt } = header.stages[0]!;
    const seconds = (endedAt! - startedAt!) / 1000;
    found.push({
      tasks: MEMORY_TASKS,
      bulk,
      peakMb: rounded((peak - before) / 2 ** 20, 1),
      leftMb: rounded(((await redisMemory(bench.redis.url)) - before) / 2 ** 20, 1),
      planSeconds: rounded((startedAt! - header.createdAt) / 1000),
      seconds: rounded(seconds),
      tasksPerSecond: Math.round(MEMORY_TASKS / seconds),
    });
  }
  return found;
}

function longshoreVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
