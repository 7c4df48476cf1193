/** What every worker process is: a connection, presence every few seconds, one consumer a queue, an orderly stop. */
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Consumer, Log, Presence, Role, SpoolMount, SystemPackage } from '@longshore/core';
import { systemRandom } from '@longshore/core';
import type { ServerClock } from '@longshore/fleet';
import { awaitRedis, bullTransport, redisStore, serverClock } from '@longshore/fleet';
import type { Engine, EngineSettings, WorkerSetup } from '@longshore/operations';
import { advanceAndCount, createRegistry, runTask, sweep } from '@longshore/operations';
import { collectInOneGo } from './collector.ts';
import type { Configuration } from './configuration.ts';
import { SpoolNotThere } from './errors.ts';
import type { ProcessMetrics } from './metrics.ts';
import { processMetrics } from './metrics.ts';
import type { MetricsServer } from './metrics-server.ts';
import { serveMetrics } from './metrics-server.ts';
import { watchRoom } from './room.ts';
import { placesOf, targetResolver } from './targets.ts';
import { advanceMetrics, spoolMetrics, taskMetrics } from './task-metrics.ts';

const PRESENCE_MS = 2_000;
const PRESENCE_TTL_MS = 8_000;
const SYNC_MS = 5_000;

export interface Running {
  worker: string;
  stop(deadlineMs: number): Promise<void>;
}

export interface Setup {
  configuration: Configuration;
  redisUrl: string;
  systems: readonly SystemPackage[];
  log: Log;
}

export type OpenEngine = Engine & { clock: ServerClock; close(): Promise<void> };

/** The engine on Redis. Its time is the server's: asked for here, and again every few seconds. */
export async function openEngine({ configuration, redisUrl, systems, log }: Setup): Promise<OpenEngine> {
  const address = { url: redisUrl, fleet: configuration.fleet };
  const clock: ServerClock = serverClock(() => store.time());
  const store = redisStore(address, clock);
  await clock.sync();
  const timer = setInterval(() => {
    clock.sync().catch((error: unknown) => log.warn({ err: error }, 'could not ask Redis for the time; going on by what it said before'));
  }, SYNC_MS);
  timer.unref();
  const transport = bullTransport(address, log, { lockMs: configuration.worker.lockMs });
  return {
    store,
    transport,
    registry: createRegistry(systems),
    clock,
    random: systemRandom,
    log,
    settings: engineSettings(configuration),
    async close() {
      clearInterval(timer);
      await transport.close();
      await store.close();
    },
  };
}

function engineSettings({ operations, guards }: Configuration): EngineSettings {
  const { atOnce, retention, fourEyes } = operations;
  return { operationsAtOnce: atOnce, retention, fourEyes, acceptLossyStore: guards.acceptLossyRedis };
}

const restartsOf = (consumers: readonly Consumer[]): number => consumers.reduce((sum, { restarts = 0 }) => sum + restarts, 0);

/** Shows the metrics where the configuration says so. */
async function show({ configuration, log }: Setup, metrics: ProcessMetrics): Promise<MetricsServer | undefined> {
  const { listen } = configuration.metrics;
  return listen === undefined ? undefined : serveMetrics(listen, metrics, log);
}

/** Says every two seconds that the process lives; stops saying so by `leave`. */
function present(engine: Engine, presence: () => Presence): { leave(): Promise<void> } {
  const say = (): void => {
    engine.store
      .announce(presence(), PRESENCE_TTL_MS)
      .catch((error: unknown) => engine.log.warn({ err: error }, 'could not announce this process'));
  };
  say();
  const timer = setInterval(say, PRESENCE_MS);
  return {
    async leave() {
      clearInterval(timer);
      await engine.store.leave(presence().worker);
    },
  };
}

/** Starts a worker of one role: the queue of the role, and one queue a spool for each task that is placed on spools. */
export async function startWorker(role: Role, setup: Setup, spools: ReadonlyMap<string, SpoolMount>): Promise<Running> {
  collectInOneGo(role);
  for (const { name, path } of spools.values())
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw SpoolNotThere({ name, path });
  await awaitRedis(setup.redisUrl, setup.log);
  const engine = await openEngine(setup);
  const worker = `${role}-${hostname()}-${process.pid}`;
  const { concurrency } = setup.configuration.worker;
  const tasks = [...engine.registry.tasks.values()].filter((task) => task.role === role);
  const metrics = processMetrics(engine.store, role);
  const observed = taskMetrics(engine.store, metrics.registry);
  spoolMetrics([...spools.values()], metrics.registry, setup.log);
  const shown = await show(setup, metrics);
  const workerSetup: WorkerSetup = {
    ...engine,
    store: observed.store,
    worker,
    spools,
    resolveTarget: targetResolver(setup.configuration),
    placesOf: placesOf(setup.configuration),
  };
  let busy = 0;
  const consumers: Consumer[] = [];
  const consume = (queue: string): void => {
    consumers.push(
      engine.transport.consume(queue, concurrency, async (delivery) => {
        busy += 1;
        try {
          return await runTask(workerSetup, delivery);
        } finally {
          busy -= 1;
        }
      }),
    );
  };
  consume(role);
  const prefixes = new Set(tasks.flatMap((task) => (task.queue ? [task.queue] : [])));
  for (const prefix of prefixes) for (const spool of spools.keys()) consume(`${prefix}.${spool}`);
  for (const spool of spools.values()) {
    const quota = spool.quotaBytes === undefined ? {} : { quotaBytes: spool.quotaBytes };
    await engine.store.putSpool({ name: spool.name, path: spool.path, host: hostname(), ...quota });
  }
  const startedAt = engine.clock.now();
  const room = watchRoom([...spools.values()], setup.log);
  const presence = present(engine, () => ({
    worker,
    role,
    host: hostname(),
    pid: process.pid,
    startedAt,
    seenAt: engine.clock.now(),
    tasks: tasks.map((task) => task.name),
    concurrency,
    busy,
    spools: [...spools.keys()],
    restarts: restartsOf(consumers),
    room: room(),
    secondsPerTask: observed.secondsPerTask(),
  }));
  setup.log.info({ worker, spools: [...spools.keys()], concurrency }, 'ready');
  return {
    worker,
    async stop(deadlineMs) {
      // What is still being finished is still served: a spool is not lost before its last writer has gone.
      await Promise.all(consumers.map((consumer) => consumer.stop(deadlineMs)));
      await presence.leave();
      await shown?.close();
      await engine.close();
    },
  };
}

/** Advances of one process at a time; each is short. */
const ADVANCES = 8;
/**
 * While so many tasks of an operation lie ready that no worker can run dry meanwhile, outcomes are let gather for a moment: taking in ten
 * of them costs little more than taking in one.
 */
const WELL_SUPPLIED = 24;
const GATHER_MS = 5;

export async function startScheduler(setup: Setup): Promise<Running> {
  await awaitRedis(setup.redisUrl, setup.log);
  const engine = await openEngine(setup);
  const worker = `scheduler-${hostname()}-${process.pid}`;
  const metrics = processMetrics(engine.store, 'scheduler');
  const observe = advanceMetrics(metrics.registry);
  const shown = await show(setup, metrics);
  const rings = engine.transport.consumeRings(ADVANCES, async (operation) => {
    if ((await observe('advance', () => advanceAndCount(engine, operation))) >= WELL_SUPPLIED) await engine.clock.sleep(GATHER_MS);
  });
  const sweeps = engine.transport.consumeSweeps(setup.configuration.sweepMs, () => observe('sweep', () => sweep(engine)));
  const startedAt = engine.clock.now();
  const presence = present(engine, () => ({
    worker,
    role: 'scheduler',
    host: hostname(),
    pid: process.pid,
    startedAt,
    seenAt: engine.clock.now(),
    tasks: [],
    concurrency: ADVANCES,
    busy: 0,
    spools: [],
    restarts: restartsOf([rings, sweeps]),
  }));
  setup.log.info({ worker }, 'ready');
  return {
    worker,
    async stop(deadlineMs) {
      await presence.leave();
      await Promise.all([rings.stop(deadlineMs), sweeps.stop(deadlineMs)]);
      await shown?.close();
      await engine.close();
    },
  };
}
