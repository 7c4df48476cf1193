/** The client against a real VictoriaMetrics: what it stores, drops and rounds is what the client says it does. */
import type { Log } from '@longshore/core';
import { systemClock, systemRandom } from '@longshore/core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { risen, VictoriaMetricsClient } from '../../packages/tsdb/src/client/victoriametrics/index.ts';
import { realServer } from '../servers/real.ts';

/** Why native blocks did not confirm something. */
const unconfirmed: object[] = [];
const log: Log = {
  debug: (details) => void unconfirmed.push(details),
  info() {},
  warn: (details) => void unconfirmed.push(details),
  error() {},
};
const T0 = Date.UTC(2023, 2, 8);
const RANGE = { startMs: T0, stopMs: T0 + 3_600_000 };

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const vm = await realServer('victoria-metrics');

describe.skipIf(!vm.there)('a real VictoriaMetrics', () => {
  if (!vm.there) return;
  const run = systemRandom.id(8);
  let client: VictoriaMetricsClient;

  beforeAll(() => {
    const target = { name: 'vm', system: 'victoriametrics', address: vm.url, settings: {}, secrets: {} };
    client = new VictoriaMetricsClient(target, { clock: systemClock, random: systemRandom, log });
  });

  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await vm.stop();
  });

  function lineOf(metric: string, labels: Record<string, string>, values: (string | number)[], times: number[]): string {
    return `{"metric":${JSON.stringify({ __name__: metric, ...labels })},"values":[${values}],"timestamps":[${times}]}\n`;
  }

  async function store(lines: string): Promise<void> {
    expect(await client.importLines(Buffer.from(lines), 'plain')).toEqual({ result: 'acknowledged' });
    expect(await client.flush()).toBe(true);
  }

  const everySecond = (values: unknown[]): number[] => values.map((_, index) => T0 + index * 1000);

  it('is proven, and told from one that drops the newest points', async () => {
    const probe = await client.probe({ oldestMs: Date.UTC(2001, 0), newestMs: Date.now() });
    expect(probe).toMatchObject({ readBack: expect.stringMatching(/^native/), deleted: true, warnings: [], queueMs: 60_000 });
    await expect(client.probe({ oldestMs: Date.UTC(2001, 0), newestMs: Date.now() + 40 * 86_400_000 })).rejects.toMatchObject({
      code: 'LSH_SINK_RETENTION',
    });
  });

  it('says in native blocks what it says as JSON lines', async () => {
    const { readBack } = await client.probe({ oldestMs: T0, newestMs: Date.now() });
    const metric = `kilda.native.${run}`;
    const next = seeded(11);
    const anyValue = (): number => (next() < 0.5 ? Math.floor(next() * 1e6) : (next() - 0.5) * 10 ** Math.floor(next() * 24 - 8));
    const times = Array.from({ length: 3000 }, (_, at) => T0 + at * 1000 + Math.floor(next() * 900));
    const whole = ['a', 'b', 'c'].map((host) => ({ host, values: times.map(anyValue) }));
    // Each part of the rows in a body of its own, so that blocks lie between each other.
    for (const part of [0, 1, 2])
      for (const { host, values } of whole) {
        const at = [...times.keys()].filter((index) => index % 3 === part);
        await store(
          lineOf(
            metric,
            { host },
            at.map((index) => values[index]!),
            at.map((index) => times[index]!),
          ),
        );
      }
    const lines = Buffer.from(whole.map(({ host, values }) => lineOf(metric, { host }, values, times)).join(''));
    const json = await vi.waitFor(
      async () => {
        const found = await client.verifyChunk(lines, { metric, range: RANGE });
        expect(found.comparison.missing).toBe(0);
        return found;
      },
      { timeout: 20_000, interval: 200 },
    );
    unconfirmed.length = 0;
    const native = await client.verifyChunk(lines, { metric, range: RANGE, readBack });
    expect({ ...native.comparison, examples: [] }).toEqual({ ...json.comparison, examples: [] });
    expect(unconfirmed).toEqual([]);
  });

  it('keeps any name and label', async () => {
    const metric = `kilda.a"b\\c größe{}\u0001😀.${run}`;
    const lines = lineOf(metric, { 'a-b c': 'x"},"values":[\\', empty: '', ß: '\u2028<>&' }, [1, 2.5], [T0, T0 + 1]);
    await store(lines);
    const { comparison } = await client.verifyChunk(Buffer.from(lines), { metric, range: RANGE });
    expect(comparison).toMatchObject({ points: 2, matched: 2, missing: 0, extra: 0 });
    expect(await client.countPoints(metric, RANGE)).toBe(2);
    await client.deleteSeries(metric);
    expect(await client.countPoints(metric, RANGE)).toBe(0);
  });

  it('is asked for exactly the ms meant', async () => {
    const metric = `kilda.edges.${run}`;
    // Some of these ms come out one too early as binary fractions of a second.
    const times = Array.from({ length: 400 }, (_, index) => 1_080_558_801_400 + index);
    await store(lineOf(metric, {}, times, times));
    for (const [index, ms] of times.entries()) {
      if (index % 7 !== 3) continue;
      const range = { startMs: ms, stopMs: ms + 1 };
      let text = '';
      for await (const block of client.exportRange({ metric, range })) text += String(block);
      expect(JSON.parse(text)).toMatchObject({ timestamps: [ms] });
      expect(await client.countPoints(metric, range)).toBe(1);
    }
    expect(await client.countPoints(metric, { startMs: times[1]!, stopMs: times[399]! })).toBe(398);
    expect(await client.countPoints(metric, { startMs: 0, stopMs: times[399]! + 1 })).toBe(400);
    expect(await client.countPoints(metric, { startMs: 86_400_000, stopMs: times[399]! + 1 })).toBe(400);
    expect(await client.countPoints(metric, { startMs: 86_399_999, stopMs: times[0]! })).toBe(0);
  });

  it('keeps duplicates, which are counted and found', async () => {
    const metric = `kilda.twice.${run}`;
    const lines = lineOf(metric, { host: 'h1' }, [1, 2, 3], everySecond([1, 2, 3]));
    await store(lines);
    await store(lines);
    expect(await client.countPoints(metric, RANGE)).toBe(6);
    const { comparison } = await client.verifyChunk(Buffer.from(lines), { metric, range: RANGE });
    expect(comparison).toMatchObject({ matched: 3, extra: 3, missing: 0 });
  });

  it('is completed with what is missing', async () => {
    const metric = `kilda.gaps.${run}`;
    const values = Array.from({ length: 2000 }, (_, index) => index * 1.5);
    const whole = lineOf(metric, { host: 'h1' }, values, everySecond(values)) + lineOf(metric, { host: 'h2' }, ['9007199254740993'], [T0]);
    await store(lineOf(metric, { host: 'h1' }, values.slice(3, 500), everySecond(values).slice(3, 500)));
    const first = await client.verifyChunk(Buffer.from(whole), { metric, range: RANGE, missingLines: true });
    expect(first.comparison).toMatchObject({ points: 2001, matched: 497, missing: 1504, extra: 0 });
    await store((first.missingLines ?? []).map(String).join(''));
    const second = await client.verifyChunk(Buffer.from(whole), { metric, range: RANGE });
    expect(second.comparison).toMatchObject({ points: 2001, matched: 2001, missing: 0, extra: 0, different: 0, precisionLost: 0 });
  });

  it('rounds and cuts values as the rules say, never otherwise', async () => {
    const metric = `kilda.values.${run}`;
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = mulberry(seed);
    const series = Array.from({ length: 400 }, () => {
      const spread = random() < 0.5 ? 4 : 22;
      const lift = Math.floor(random() * 40) - 20;
      return Array.from({ length: 1 + Math.floor(random() * 60) }, () => {
        const size = random() < 0.3 ? Math.floor(random() * 2 ** 53) : random() * 10 ** (lift + Math.floor(random() * spread));
        return random() < 0.2 ? -size : size;
      });
    });
    const lines = series.map((values, index) => lineOf(metric, { s: String(index) }, values, everySecond(values))).join('');
    await store(lines);
    const { comparison } = await client.verifyChunk(Buffer.from(lines), { metric, range: RANGE });
    expect({
      seed,
      different: comparison.different,
      missing: comparison.missing,
      examples: comparison.examples.filter(({ kind }) => kind === 'different'),
    }).toEqual({
      seed,
      different: 0,
      missing: 0,
      examples: [],
    });
    expect(comparison.matched + comparison.precisionLost).toBe(series.flat().length);
  });

  it('excuses what a neighbour outside of the chunk has cut', async () => {
    const metric = `kilda.near.${run}`;
    const chunk = lineOf(metric, {}, [0.5135, 5], [T0, T0 + 1]);
    await store(chunk + lineOf(metric, {}, ['9.0e18'], [T0 + 5000]));
    const { comparison } = await client.verifyChunk(Buffer.from(chunk), { metric, range: { startMs: T0, stopMs: T0 + 1000 } });
    expect(comparison).toMatchObject({ points: 2, matched: 1, precisionLost: 1, different: 0, extra: 0 });
  });

  it('answers what it drops with 204; the comparison finds it at once, the counters a second later', async () => {
    const metric = `kilda.dropped.${run}`;
    const future = Date.now() + 400 * 86_400_000;
    const before = await client.counters();
    const lines = lineOf(metric, { host: 'h1' }, [1, 2], [T0, future]);
    await store(`${lines}this is no line\n`);
    const { comparison } = await client.verifyChunk(Buffer.from(lines), { metric, range: { startMs: T0, stopMs: future + 1 } });
    expect(comparison).toMatchObject({ points: 2, matched: 1, missing: 1 });
    await expect
      .poll(async () => risen(before, await client.counters()), { timeout: 10_000 })
      .toMatchObject({ 'ignored big_timestamp': expect.any(Number), 'invalid vmimport': expect.any(Number) });
  });
});

/** A small generator whose seed a failure can show. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
