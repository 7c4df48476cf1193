/** The group `tsdb`: moving the kilda data set from a real OpenTSDB, and replayed replies, into a real VictoriaMetrics. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { kildaDataset } from '../dataset/index.ts';
import { builtVictoriaMetrics } from '../servers/build-victoria-metrics.ts';
import { sharedServersOfThisRun } from '../servers/global.ts';
import { type RealServer, realServer, type ServerName } from '../servers/real.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { scratchFolder } from '../support/interrupted.ts';
import { type Body, countAll, LANES, prepareBodies, readAll, sendAll, sinkAt, sourceAt, type Window } from './clients.ts';
import type { Measurement, Result } from './measurement.ts';
import { median } from './measurement.ts';
import { measureOperation } from './operation.ts';
import { CpuMeter, peakRssMb } from './processes.ts';
import { type Replay, replayOf, SHAPES, type Shape } from './replay/shape.ts';
import type { Listening } from './replay/source.ts';

const DAY_MS = 86_400_000;
const FSYNC = 'always';
const KILDA = ['source-read', 'import-only', 'migrate', 'migrate-verified', 'restore'] as const;

/** What `--only` may name. */
export const NAMES: readonly string[] = [...KILDA, ...SHAPES.flatMap(({ name }) => [`replay-import-${name}`, `replay-migrate-${name}`])];

export interface Options {
  only: ReadonlySet<string>;
  /** Of each replay, at least. */
  points: number;
  /** Measurements on the kilda data set are taken so often, in turn; the median counts. */
  rounds: number;
  /** Measurements of a replay, likewise. */
  replayRounds: number;
  say: (line: string) => void;
}

interface Stage {
  fleet: Fleet;
  options: Options;
  versions: Record<string, string>;
}

async function demand(name: ServerName, own: boolean, dataset = false): Promise<RealServer> {
  const server = await realServer(name, { own, dataset, appendfsync: FSYNC });
  if (!server.there) throw new Error(`the benchmark needs ${name}: ${server.reason}`);
  return server;
}

/** A VictoriaMetrics of its own and empty for each measurement; every one starts from the same state. */
async function withSink<T>(work: (sink: RealServer) => Promise<T>): Promise<T> {
  await using sink = await demand('victoria-metrics', true);
  return await work(sink);
}

export async function runTsdb(options: Options): Promise<Result[]> {
  // The version the project is measured against, where it was built.
  if (process.env.VICTORIA_METRICS_BIN === undefined && existsSync(builtVictoriaMetrics()))
    process.env.VICTORIA_METRICS_BIN = builtVictoriaMetrics();
  await using _shared = await sharedServersOfThisRun();
  await using redis = await demand('redis', true);
  const scratch = await scratchFolder('longshore-bench-');
  const fleet = await startFleet({ dir: scratch.path, redisUrl: redis.url, fleet: 'bench', dumpers: 1, restorers: 1, concurrency: LANES });
  try {
    const versions = { node: process.versions.node, longshore: longshoreVersion(), redis: redis.version };
    const stage: Stage = { fleet, options, versions };
    const results: Result[] = [];
    if (KILDA.some((name) => options.only.has(name))) results.push(...(await measureKilda(stage)));
    for (const shape of SHAPES)
      if (options.only.has(`replay-migrate-${shape.name}`) || options.only.has(`replay-import-${shape.name}`))
        results.push(...(await measureReplay(stage, shape)));
    return results;
  } finally {
    await fleet.stop();
    await scratch.remove();
  }
}

function longshoreVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

type Figures = Pick<Measurement, 'seconds' | 'fixedSeconds' | 'cpuSeconds' | 'peakRssMb'> & Omit<Result, 'measurement'>;

function resultOf(stage: Stage, name: string, points: number, servers: Record<string, string>, figures: Figures): Result {
  const { sinkCpuSeconds, sourceCpuSeconds, seconds, fixedSeconds, cpuSeconds, peakRssMb } = figures;
  const versions = { ...stage.versions, ...servers };
  const pointsPerSecond = points / seconds;
  return {
    measurement: { name, points, seconds, fixedSeconds, pointsPerSecond, cpuSeconds, peakRssMb, versions, fsync: FSYNC },
    ...(sinkCpuSeconds ? { sinkCpuSeconds } : {}),
    ...(sourceCpuSeconds ? { sourceCpuSeconds } : {}),
  };
}

/** A client in this very process: its times, what it took of the machine, and what the server it talks to took. */
async function measureClient(work: () => Promise<number>, points: number, serverPids: readonly number[]): Promise<[Figures, number]> {
  const [own, server] = await Promise.all([CpuMeter.start([process.pid]), CpuMeter.start(serverPids)]);
  const startedAt = Date.now();
  const began = performance.now();
  const done = await work();
  const seconds = (performance.now() - began) / 1000;
  const endedAt = Date.now();
  await Promise.all([own.stop(), server.stop()]);
  if (done !== points) throw new Error(`${done} of ${points} points came through`);
  const cpuSeconds = own.between(startedAt, endedAt);
  return [{ seconds, fixedSeconds: 0, cpuSeconds, peakRssMb: await peakRssMb(process.pid) }, server.between(startedAt, endedAt)];
}

async function measureImport(name: string, stage: Stage, window: Window, bodies: readonly Body[], encoding: 'zstd' | 'plain') {
  const points = bodies.reduce((sum, body) => sum + body.points, 0);
  return withSink(async (sink) => {
    const [figures, sinkCpuSeconds] = await measureClient(() => sendAll(sink.url, bodies, encoding), points, sink.pids);
    await assertHeld(sink.url, window, points);
    return resultOf(stage, name, points, { 'victoria-metrics': sink.version }, { ...figures, sinkCpuSeconds });
  });
}

/** A sink under load shows what it has acknowledged some seconds later, flushed or not. */
const VISIBLE_TIMEOUT_MS = 60_000;

async function assertHeld(url: string, window: Window, points: number): Promise<void> {
  const until = Date.now() + VISIBLE_TIMEOUT_MS;
  for (;;) {
    const held = await countAll(url, window);
    if (held === points) return;
    if (held > points || Date.now() > until) throw new Error(`the sink holds ${held} points where there should be ${points}`);
    await wait(500);
  }
}

/** Bodies as a migration sends them: the encoding is what the sink is proven to read. */
async function bodiesOf(sourceUrl: string, window: Window): Promise<{ bodies: Body[]; encoding: 'zstd' | 'plain' }> {
  const { encoding } = await withSink(async ({ url }) => {
    await using sink = sinkAt(url);
    return sink.probe({ oldestMs: window.startMs, newestMs: window.stopMs - 1 });
  });
  await using source = sourceAt(sourceUrl);
  return { bodies: await prepareBodies(source, window, encoding), encoding };
}

async function measureKilda(stage: Stage): Promise<Result[]> {
  const { fleet, options } = stage;
  const { say } = options;
  const opentsdb = await demand('opentsdb', false, true);
  const { metrics, startMs, stopMs, points } = kildaDataset();
  const window: Window = { metrics, startMs, stopMs, intervalMs: DAY_MS };
  await using source = sourceAt(opentsdb.url);
  const servers = (sink: RealServer) => ({ 'victoria-metrics': sink.version, opentsdb: opentsdb.version });
  const migrateParams = (sink: RealServer, verify: boolean) => ({
    source: opentsdb.url,
    sink: sink.url,
    startMs,
    stopMs,
    metricsPrefix: 'kilda.',
    verify,
    settleMs: 0,
  });

  const measure: Record<(typeof KILDA)[number], () => Promise<Result>> = {
    'source-read': async () => {
      const [figures, sourceCpuSeconds] = await measureClient(() => readAll(source, window), points, opentsdb.pids);
      return resultOf(stage, 'source-read', points, { opentsdb: opentsdb.version }, { ...figures, sourceCpuSeconds });
    },
    'import-only': () => measureImport('import-only', stage, window, bodies, encoding),
    migrate: () => migrate('migrate', false),
    'migrate-verified': () => migrate('migrate-verified', true),
    restore: () =>
      withSink(async (sink) => {
        const dump = { source: opentsdb.url, startMs, stopMs, metricsPrefix: 'kilda.' };
        const { id } = await measureOperation(fleet, { kind: 'tsdb.dump', params: dump, stage: 'move', points, column: 'dumped' });
        const params = { from: id, sink: sink.url, verify: false, settleMs: 0 };
        const figures = await measureOperation(fleet, {
          kind: 'tsdb.restore',
          params,
          stage: 'restore',
          points,
          column: 'restored',
          sinkPids: sink.pids,
        });
        await assertHeld(sink.url, window, points);
        return resultOf(stage, 'restore', points, servers(sink), figures);
      }),
  };
  const migrate = (name: string, verify: boolean): Promise<Result> =>
    withSink(async (sink) => {
      const figures = await measureOperation(fleet, {
        kind: 'tsdb.migrate',
        params: migrateParams(sink, verify),
        stage: 'move',
        points,
        column: verify ? 'verified' : 'restored',
        sinkPids: sink.pids,
        sourcePids: opentsdb.pids,
      });
      await assertHeld(sink.url, window, points);
      return resultOf(stage, name, points, servers(sink), figures);
    });

  say('warming up: the source is read once, and moved once');
  await readAll(source, window);
  const { bodies, encoding } = await bodiesOf(opentsdb.url, window);
  await migrate('warm-up', true);

  const names = KILDA.filter((name) => options.only.has(name));
  const found = new Map<string, Result[]>(names.map((name) => [name, []]));
  for (let round = 1; round <= options.rounds; round++)
    for (const name of names) {
      const result = await measure[name]();
      found.get(name)!.push(result);
      say(`round ${round}: ${name} ${result.measurement.seconds.toFixed(2)} s`);
    }
  return names.map((name) => median(found.get(name)!));
}

async function withReplay<T>(replay: Replay, work: (source: Listening & { pid: number }) => Promise<T>): Promise<T> {
  const child = fork(fileURLToPath(new URL('./replay/source.ts', import.meta.url)), [JSON.stringify(replay)], { execArgv: [] });
  try {
    const died = once(child, 'exit').then(([code]) => {
      throw new Error(`the replay ended with ${code}`);
    });
    const [message] = (await Promise.race([once(child, 'message'), died])) as [Listening];
    // From now on it ends when it is told to.
    died.catch(() => undefined);
    return await work({ ...message, pid: child.pid! });
  } finally {
    if (child.exitCode === null && child.connected) {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    }
  }
}

async function measureReplay(stage: Stage, shape: Shape): Promise<Result[]> {
  const { fleet, options } = stage;
  const { say } = options;
  const replay = replayOf(shape, options.points);
  const { points, metrics } = replay;
  const [importName, migrateName] = [`replay-import-${shape.name}`, `replay-migrate-${shape.name}`];
  say(`rendering ${points.toLocaleString('en')} points of ${metrics.length} metrics with ${shape.series} series each`);
  return withReplay(replay, async (source) => {
    const window: Window = { metrics, ...replay.measured, intervalMs: shape.intervalMs };
    const { bodies, encoding } = await bodiesOf(source.url, window);
    const found: Record<string, Result[]> = { [importName]: [], [migrateName]: [] };
    for (let round = 1; round <= options.replayRounds; round++) {
      if (options.only.has(importName)) found[importName]!.push(await measureImport(importName, stage, window, bodies, encoding));
      if (options.only.has(migrateName))
        found[migrateName]!.push(
          await withSink(async (sink) => {
            const move = (range: { startMs: number; stopMs: number }, intervalMs: number, expected: number) =>
              measureOperation(fleet, {
                kind: 'tsdb.migrate',
                params: {
                  source: source.url,
                  sink: sink.url,
                  ...range,
                  intervalMs,
                  metricsPrefix: `replay.s${shape.name}.`,
                  verify: false,
                  settleMs: 0,
                },
                stage: 'move',
                points: expected,
                column: 'restored',
                sinkPids: sink.pids,
                sourcePids: [source.pid],
              });
            const { startMs, stopMs } = replay.warmUp;
            const perMs = points / (replay.measured.stopMs - replay.measured.startMs);
            await move(replay.warmUp, shape.intervalMs, Math.round(perMs * (stopMs - startMs)));
            const figures = await move(replay.measured, shape.intervalMs, points);
            await assertHeld(sink.url, window, points);
            return resultOf(stage, migrateName, points, { 'victoria-metrics': sink.version, opentsdb: 'replayed' }, figures);
          }),
        );
      for (const [name, results] of Object.entries(found)) {
        const last = results.at(-1)?.measurement;
        if (last) say(`round ${round}: ${name} ${last.seconds.toFixed(2)} s`);
      }
    }
    return Object.values(found).flatMap((results) => (results.length === 0 ? [] : [median(results)]));
  });
}
