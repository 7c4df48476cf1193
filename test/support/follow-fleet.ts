/**
 * The real engine and workers on in-memory ports, between an OpenTSDB that is still written to and a VictoriaMetrics or another OpenTSDB, on one clock that is moved
 * on step by step: a point is at the source from the step of its arrival on, however slow the machine is.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Consumer, MemoryTransport, OperationHeader, Store } from '@longshore/core';
import { ManualClock, memoryStore, memoryTransport, seededRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import type { Engine, Service, WorkerSetup } from '@longshore/operations';
import { advance, createRegistry, createService, jobId, runTask, sweep } from '@longshore/operations';
import type { OpenTsdbStandIn, VictoriaMetricsStandIn } from '@longshore/sandbox';
import { startOpenTsdb, startVictoriaMetrics } from '@longshore/sandbox';
import { tsdb } from '@longshore/tsdb';
import { announceBoth } from './announce.ts';

const STEP_MS = 250;
const SWEEP_STEPS = 20;
/** Far more than any test here takes. */
const STEPS = 4_000;
const LANES = 4;
/** Nothing was asked of a server, and nothing is on its way to the disk, for so many turns: whoever waits, waits for the clock. */
const QUIET_ROUNDS = 4;
const OF_THE_DISK = /FSReq|FILEHANDLE|ZLIB|ZSTD/i;

export interface Arrival {
  /** When it is written to the source, ms. */
  atMs: number;
  metric: string;
  host: string;
  timeMs: number;
  value: string;
}

export interface FollowFleet extends AsyncDisposable {
  clock: ManualClock;
  store: Store;
  transport: MemoryTransport;
  service: Service;
  engine: Engine;
  source: OpenTsdbStandIn;
  sink: VictoriaMetricsStandIn | OpenTsdbStandIn;
  /** Points that are still to be written. */
  arrivals: Arrival[];
  /** What is done before each step, with what the workers have in hand (queue and id of the job). */
  between: (active: ReadonlyMap<string, string>) => void;
  follow(params: Record<string, number | string>): Promise<string>;
  /** Moves the clock on until the operation is over, or `until` holds. */
  run(id: string, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
  /** Every point of the source and of the sink, as sorted texts: name, tag, time, value. */
  contents(): Promise<{ source: string[]; sink: string[] }>;
}

export async function startFollowFleet(startMs: number, into: 'victoriametrics' | 'opentsdb' = 'victoriametrics'): Promise<FollowFleet> {
  const clock = new ManualClock(startMs);
  const path = await mkdtemp(join(tmpdir(), 'longshore-follow-'));
  const source = await startOpenTsdb({ clock });
  const tsd = into === 'opentsdb' ? await startOpenTsdb({ clock }) : undefined;
  const sink = tsd ?? (await startVictoriaMetrics({ clock }));
  const store = memoryStore(clock);
  const transport = memoryTransport(clock);
  const engine: Engine = { store, transport, registry: createRegistry([tsdb]), clock, random: seededRandom(1), log: silentLog };
  const service = createService(engine);
  const active = new Map<string, string>();
  const worker: WorkerSetup = {
    ...engine,
    worker: 'w1',
    spools: new Map([['local', { name: 'local', path }]]),
    resolveTarget: (name, system) => ({ name, system, address: name, settings: {}, secrets: {} }),
  };
  const consumers: Consumer[] = [transport.consumeRings(2, (id) => advance(engine, id))];
  for (const queue of ['dumper', 'restorer', 'dump.local', 'restore.local'])
    consumers.push(
      transport.consume(queue, LANES, async (delivery) => {
        const id = jobId(delivery.data.operation, delivery.data.task, delivery.data.round);
        active.set(id, queue);
        try {
          return await runTask(worker, delivery);
        } finally {
          active.delete(id);
        }
      }),
    );
  const announce = async (): Promise<void> => {
    await announceBoth(store, clock.now(), LANES);
  };
  /** What goes over the wire and to the disk takes the time of the machine: this clock stands still meanwhile. */
  const quiet = async (): Promise<void> => {
    const seen = (): number => source.log.total + sink.log.total;
    let before = -1;
    for (let rounds = 0; rounds < QUIET_ROUNDS; rounds += 1) {
      await wait(1);
      const busy = process.getActiveResourcesInfo().some((name) => OF_THE_DISK.test(name));
      if (busy || seen() !== before) rounds = 0;
      before = seen();
      if (active.size === 0) return;
    }
  };
  const fleet: FollowFleet = {
    clock,
    store,
    transport,
    service,
    engine,
    source,
    sink,
    arrivals: [],
    between: () => undefined,
    async follow(params) {
      const given = { source: source.url, sink: sink.url, startMs, ...params };
      return (await service.submit({ kind: 'tsdb.follow', params: given, owner: 'tester' })).id;
    },
    async run(id, until = (header) => header.endedAt !== undefined) {
      await announce();
      for (let step = 1; step <= STEPS; step += 1) {
        const header = await store.header(id);
        if (header && until(header)) return header;
        fleet.between(active);
        for (const { metric, host, timeMs, value } of fleet.arrivals.filter(({ atMs }) => atMs <= clock.now()))
          source.store.put(metric, { host }, timeMs, value);
        fleet.arrivals = fleet.arrivals.filter(({ atMs }) => atMs > clock.now());
        await quiet();
        if (step % SWEEP_STEPS === 0) await sweep(engine);
        clock.advance(STEP_MS);
        transport.wake();
      }
      throw new Error(`the operation did not get there: ${await service.explain(id)}`);
    },
    async contents() {
      const held = pointsOf(source);
      if (tsd !== undefined) return { source: held, sink: pointsOf(tsd) };
      await (await fetch(`${sink.url}/internal/force_flush`)).arrayBuffer();
      const reply = await fetch(
        `${sink.url}/api/v1/export?match[]={__name__!="longshore.probe"}&start=1&end=${clock.now() / 1000 + 86_400}`,
      );
      const found = (await reply.text())
        .split('\n')
        .filter((line) => line !== '')
        .flatMap((line) => {
          const { metric, values, timestamps } = JSON.parse(line) as {
            metric: Record<string, string>;
            values: number[];
            timestamps: number[];
          };
          return timestamps.map((time, at) => `${metric.__name__} ${metric.host} ${time} ${values[at]}`);
        });
      return { source: held, sink: found.sort() };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(consumers.map((consumer) => consumer.stop(0)));
      await transport.close();
      await source.close();
      await sink.close();
      await rm(path, { recursive: true, force: true });
    },
  };
  return fleet;
}

function pointsOf({ store }: OpenTsdbStandIn): string[] {
  const held: string[] = [];
  for (const metric of store.names.metrics.sorted())
    for (const series of store.series(metric)) {
      const range = series.range(0, Number.MAX_SAFE_INTEGER);
      for (let at = 0; at < range.length; at += 1) held.push(`${metric} ${series.tags[0]![1]} ${range.time(at)} ${Number(range.text(at))}`);
    }
  return held.sort();
}
