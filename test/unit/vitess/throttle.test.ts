/** Backpressure on the source, over the wire: what the throttler measures sets how much of the copying it refuses. */
import { ManualClock, seededRandom } from '@longshore/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { VtctldClient } from '../../../packages/vitess/src/client/vtctld.ts';
import { Backpressure } from '../../../packages/vitess/src/tasks/throttle.ts';
import type { World } from './world.ts';
import { KEYSPACE, startWorld } from './world.ts';

const REF = {
  cluster: 'vt',
  type: 'reshard' as const,
  workflow: 'rs',
  keyspace: KEYSPACE,
  sourceKeyspace: KEYSPACE,
  sourceShards: ['-'],
  targetShards: ['-80', '80-'],
  tables: [],
};

let world: World;
let client: VtctldClient;
let clock: ManualClock;
let told: string[];
let samples: [string, number][];

beforeEach(async () => {
  world = await startWorld();
  clock = new ManualClock(Date.now());
  told = [];
  samples = [];
  const target = { name: 'vt', system: 'vitess', address: world.vtctld.address, settings: {}, secrets: {} };
  client = new VtctldClient(target, { clock, random: seededRandom(1), signal: new AbortController().signal });
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const throttler = () => world.cluster.topology.keyspace(KEYSPACE).throttler;
const settings = () => world.vtctld.calls.filter(({ method }) => method === 'UpdateThrottlerConfig').length;

function pressure(metric: string, limit: number): { look(): Promise<void>; release(): Promise<void> } {
  const { primary } = world.cluster.topology.shard(KEYSPACE, '-');
  const lease = { assertHeld: async () => undefined, token: () => 1 };
  const context = {
    clock,
    lease,
    event: async (_type: string, text: string) => void told.push(text),
    sample: async (series: string, value: number) => void samples.push([series, value]),
  };
  const own = new Backpressure(context, client, REF, { metric, limit });
  return {
    async look() {
      // It asks now and then, however often it is called.
      await own.regulate([primary!]);
      await own.regulate([primary!]);
      clock.advance(6_000);
    },
    release: () => own.release(),
  };
}

test('half of what is left is refused at once while the source lags, and a tenth less at a time when it has caught up', async () => {
  const { look, release } = pressure('lag', 5);
  const ratios: number[] = [];
  const looked = async (lagSeconds: number): Promise<void> => {
    world.cluster.settings.replicaLagSeconds = lagSeconds;
    await look();
    ratios.push(throttler().ratio);
  };
  for (const lag of [0, 20, 20, 4, 1, 1]) await looked(lag);
  expect(ratios).toEqual([0, 0.5, 0.75, 0.75, 0.65, 0.55]);
  expect(samples).toEqual([0, 20, 20, 4, 1, 1].map((lag) => ['load (lag)', lag]));
  expect(told[0]).toBe('the copying is throttled to 50 %: lag is 20, the limit 5');
  await release();
  expect(throttler().ratio).toBe(0);
});

test('what is set lapses by itself, and is renewed as long as it is wanted', async () => {
  const { look } = pressure('lag', 5);
  world.cluster.settings.replicaLagSeconds = 20;
  await look();
  world.cluster.settings.replicaLagSeconds = 4;
  const [first, asked] = [throttler().expiresAt, settings()];
  expect(first - clock.now()).toBeGreaterThan(100_000);
  expect(first - clock.now()).toBeLessThanOrEqual(120_000);
  for (let time = 0; time < 10; time += 1) await look();
  expect([settings() - asked, throttler().ratio]).toEqual([1, 0.5]);
  expect(throttler().expiresAt).toBeGreaterThan(first);
});

test('another load may be named; the lag is nothing to it then', async () => {
  const { look } = pressure('threads_running', 100);
  Object.assign(world.cluster.settings, { replicaLagSeconds: 20, loads: { threads_running: 70 } });
  await look();
  expect([throttler().ratio, samples]).toEqual([0, [['load (threads_running)', 70]]]);
  world.cluster.settings.loads.threads_running = 140;
  await look();
  expect(throttler().ratio).toBe(0.5);
});

test('a load that the throttler does not measure, or a throttler that is off, sets nothing', async () => {
  const { look } = pressure('custom', 1);
  await look();
  throttler().enabled = false;
  await pressure('lag', 5).look();
  expect([samples, settings()]).toEqual([[], 0]);
});
