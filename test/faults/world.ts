/** One case's world: a Redis, a sink, a source and a fleet of separate processes, each of which can be struck and brought back. */
import { mkdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { OperationHeader, OperationSnapshot } from '@longshore/core';
import {
  findRedis,
  findVictoriaMetrics,
  isAlive,
  processId,
  type RedisServer,
  startRedis,
  startVictoriaMetrics,
  type VictoriaMetricsServer,
} from '@longshore/programs';
import type { Dataset } from '../dataset/index.ts';
import { type Fleet, type RoleName, startFleet } from '../support/fleet.ts';
import type { StandInProcess } from './orders.ts';

/** A job whose worker is silent for longer goes to another. */
export const LOCK_MS = 3_000;
const SWEEP_MS = 1_000;
/** Of one request to the sink; together with its queue time this is what an interrupted upload is waited for. */
const SINK_DEADLINE_MS = 3_000;
/** Longer than a VictoriaMetrics keeps rows in memory only (5 s). */
const SETTLE_MS = 8_000;
const POLL_MS = 15;
export const FLEET = 'faults';

export const TARGETS = ['scheduler', 'dumper', 'restorer', 'redis', 'victoriametrics'] as const;
export type TargetName = (typeof TARGETS)[number];

/** A process that faults may strike. */
export interface Victim {
  target: TargetName;
  name: string;
  pid(): number;
  /** After it was killed. */
  start(): Promise<void>;
}

export interface WorldOptions {
  dir: string;
  dataset: Dataset;
  source: StandInProcess;
  /** Instead of a VictoriaMetrics of its own. */
  sinkUrl?: string;
  spoolPath?: string;
  concurrency?: number;
  settleMs?: number;
}

export interface World extends AsyncDisposable {
  readonly dataset: Dataset;
  readonly fleet: Fleet;
  readonly redisUrl: string;
  readonly sinkUrl: string;
  readonly spoolPath: string;
  victims(target: TargetName): Victim[];
  /** Tasks that are being worked on now, by live workers, as far as they concern the victim. */
  atWork(id: string, victim: Victim): Promise<string[]>;
  /** An empty sink in place of the one there is. */
  emptySink(): Promise<void>;
  /** Params of the migration of the whole data set. */
  params(more?: Record<string, unknown>): Record<string, unknown>;
  submit(more?: Record<string, unknown>): Promise<string>;
  /** Waits until it holds; throws with what the operation says of itself when it does not in time. */
  until(
    id: string,
    what: string,
    holds: (header: OperationHeader) => boolean,
    patienceMs?: number,
    /** Done between two looks. */
    meanwhile?: () => Promise<unknown>,
  ): Promise<OperationHeader>;
  ended(id: string): Promise<OperationHeader>;
}

const END_PATIENCE_MS = 8 * 60_000;

/** Roles whose tasks a victim's being struck is felt by. */
const FELT_BY: Record<TargetName, readonly string[]> = {
  scheduler: ['dumper', 'restorer'],
  dumper: ['dumper'],
  restorer: ['restorer'],
  redis: ['dumper', 'restorer'],
  victoriametrics: ['restorer'],
};

export async function openWorld(options: WorldOptions): Promise<World> {
  const { dir, dataset, source } = options;
  await mkdir(dir, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const redisProgram = await findRedis();
  const startOurRedis = (port: number): Promise<RedisServer> =>
    startRedis({ program: redisProgram, dir: join(dir, 'redis'), port, appendfsync: 'always' });
  let redis = await startOurRedis(0);
  stack.defer(() => redis.stop());
  const redisUrl = redis.url!;

  let sink: VictoriaMetricsServer | undefined;
  let sinks = 0;
  const startSink = async (port: number): Promise<VictoriaMetricsServer> =>
    startVictoriaMetrics({
      program: await findVictoriaMetrics(),
      dir: join(dir, 'sink'),
      dataDir: join(dir, 'sink', `data-${sinks}`),
      port,
      flags: ['-insert.maxQueueDuration=1s', '-memory.allowedBytes=1GiB'],
    });
  if (options.sinkUrl === undefined) {
    sink = await startSink(0);
    stack.defer(async () => sink?.stop());
  }
  const sinkUrl = options.sinkUrl ?? sink!.url;

  const fleet = await startFleet({
    dir,
    redisUrl,
    fleet: FLEET,
    lockMs: LOCK_MS,
    sweepMs: SWEEP_MS,
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    ...(options.spoolPath === undefined ? {} : { spoolPath: options.spoolPath }),
    targets: {
      source: { system: 'opentsdb', address: source.url },
      sink: { system: 'victoriametrics', address: sinkUrl, settings: { deadlineMs: SINK_DEADLINE_MS, queueMs: 1_000 } },
    },
  });
  stack.defer(() => fleet.stop());
  // An interrupted run leaves nothing behind either; the servers are ended by whoever started them, unless they are stopped just now.
  const atExit = (): void => {
    for (const { child } of fleet.members.values()) child.kill('SIGKILL');
    for (const server of [redis, sink]) if (server && isAlive(processId(server.pid))) process.kill(server.pid, 'SIGCONT');
  };
  process.on('exit', atExit);
  stack.defer(() => void process.off('exit', atExit));

  const member = (name: string, role: RoleName & TargetName): Victim => ({
    target: role,
    name,
    pid: () => fleet.members.get(name)!.child.pid!,
    start: () => fleet.start(name, role),
  });
  const serverPort = (url: string): number => Number(new URL(url).port);

  const restartRedis = async (): Promise<void> => {
    redis = await startOurRedis(serverPort(redisUrl));
  };
  const restartSink = async (): Promise<void> => {
    sink = await startSink(serverPort(sinkUrl));
  };
  const victims = (target: TargetName): Victim[] => {
    if (target === 'redis') return [{ target, name: 'redis', pid: () => redis.pid, start: restartRedis }];
    if (target === 'victoriametrics') return [{ target, name: 'victoriametrics', pid: () => sink!.pid, start: restartSink }];
    return [...fleet.members.values()].filter(({ role }) => role === target).map(({ name }) => member(name, target));
  };

  const workers = (): Set<string> =>
    new Set(
      [...fleet.members.values()]
        .filter(({ child }) => child.exitCode === null && child.signalCode === null)
        .map(({ role, child }) => `${role}-${hostname()}-${child.pid}`),
    );

  const atWork = async (id: string, victim: Victim): Promise<string[]> => {
    const snapshot = await fleet.store.load(id);
    if (!snapshot) return [];
    const alive = workers();
    const own = victim.target === 'dumper' || victim.target === 'restorer' ? `${victim.target}-${hostname()}-${victim.pid()}` : undefined;
    return runningTasks(snapshot)
      .filter(({ role, worker }) => FELT_BY[victim.target].includes(role) && alive.has(worker) && (own === undefined || worker === own))
      .map(({ task }) => task);
  };

  const until: World['until'] = async (id, what, holds, patienceMs = END_PATIENCE_MS, meanwhile = () => pause(POLL_MS)) => {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const header = await fleet.store.header(id);
      if (header && holds(header)) return header;
      if (Date.now() > deadline) throw new Error(`waited ${patienceMs / 1000} s in vain for: ${what}\n${await fleet.service.explain(id)}`);
      await meanwhile();
    }
  };

  const params = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
    source: 'source',
    sink: 'sink',
    startMs: dataset.startMs,
    stopMs: dataset.stopMs,
    metricsPrefix: 'kilda.',
    intervalMs: 4 * 3_600_000,
    settleMs: options.settleMs ?? SETTLE_MS,
    ...more,
  });

  const owned = stack.move();
  return {
    dataset,
    fleet,
    redisUrl,
    sinkUrl,
    spoolPath: fleet.spoolPath,
    victims,
    atWork,
    async emptySink() {
      if (!sink) throw new TypeError('this world has no VictoriaMetrics of its own');
      await sink.stop();
      await rm(join(dir, 'sink', `data-${sinks}`), { recursive: true, force: true });
      sinks += 1;
      sink = await startSink(serverPort(sinkUrl));
    },
    params,
    submit: async (more) => (await fleet.service.submit({ kind: 'tsdb.migrate', params: params(more), owner: 'faults' })).id,
    until,
    ended: (id) => until(id, 'the end of the operation', ({ endedAt }) => endedAt !== undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Attempts that run by what the store says: of the wanted round, without an outcome, not waiting at a gate. */
function runningTasks({ tasks, attempts, outcomes }: OperationSnapshot): { task: string; role: string; worker: string }[] {
  return [...tasks.values()].flatMap((task) => {
    const attempt = attempts.get(task.id);
    // A gate sets the last sign of life to 0.
    if (task.state !== 'queued' || attempt?.round !== task.round || attempt.seenAt === 0) return [];
    if (outcomes.get(task.id)?.round === task.round) return [];
    return [{ task: task.id, role: task.role, worker: attempt.worker }];
  });
}

/** Kills for good and waits until the process is gone. */
export async function kill(victim: Victim): Promise<void> {
  const id = processId(victim.pid());
  process.kill(id.pid, 'SIGKILL');
  while (isAlive(id)) await pause(POLL_MS);
}
