/** What a plan says a migration will come to. */
import { systemClock, systemRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import { startOpenTsdb } from '@longshore/sandbox';
import { expect, test } from 'vitest';
import { openTsdb } from '../../packages/tsdb/src/client/opentsdb/index.ts';
import { estimate } from '../../packages/tsdb/src/operations/estimate.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2023, 2, 8);
const STOP_MS = START_MS + 24 * HOUR_MS;

test('points of metrics of different sizes, also of rare ones, and of the series that are meant only', async () => {
  await using server = await startOpenTsdb({});
  let seed = 0;
  const series = (metric: string, host: string, stepMs: number, phaseMs: number): void => {
    seed += 104_729;
    const own = seed;
    const value = (ms: number): string => String(((ms / 1000 + own) * 7_919) % 1_000_003);
    server.store.addVirtual({ metric, tags: { host }, startMs: START_MS, stopMs: STOP_MS, stepMs, phaseMs, value });
  };
  // 1,440 a day each; one metric of few points, none of them in the first or last ten minutes of an hour.
  for (let metric = 0; metric < 5; metric++)
    for (let host = 0; host <= metric * 4; host++) series(`kilda.m${metric}`, `h${host}`, 60_000, 0);
  series('kilda.rare', 'h0', HOUR_MS, HOUR_MS / 2);
  const minutely = (1 + 5 + 9 + 13 + 17) * 1_440;
  const deps = { clock: systemClock, random: systemRandom, log: silentLog, signal: new AbortController().signal };
  await using source = openTsdb.connect({ name: 'tsd', system: 'opentsdb', address: server.url, settings: {}, secrets: {} }, deps);
  const metrics = ['kilda.m0', 'kilda.m1', 'kilda.m2', 'kilda.m3', 'kilda.m4', 'kilda.rare'];
  const plan = { startMs: START_MS, stopMs: STOP_MS, intervalMs: STOP_MS - START_MS, metrics };
  const all = await estimate(source, plan, deps);
  expect(Math.abs(all!.points - (minutely + 24))).toBeLessThan(minutely * 0.01);
  expect(all!.readMs).toBeGreaterThan(0);
  expect(all!.bytes / all!.points).toBeGreaterThan(0.5);
  expect(all!.bytes / all!.points).toBeLessThan(8);
  const rare = await estimate(source, { ...plan, metrics: ['kilda.rare'] }, deps);
  expect(rare!.points).toBe(24);
  const one = await estimate(source, { ...plan, reading: { tags: { host: 'h0' } } }, deps);
  expect(Math.abs(one!.points - (5 * 1_440 + 24))).toBeLessThan(100);
});
