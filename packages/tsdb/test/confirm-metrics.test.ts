/** Confirming whole metrics by sums that were made when their points were read, against a stand-in's native blocks. */

import { fc, test as prop } from '@fast-check/vitest';
import { systemClock, systemRandom } from '@longshore/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { VictoriaMetricsOptions } from '../../sandbox/src/index.ts';
import { startVictoriaMetrics } from '../../sandbox/src/index.ts';
import { ReplyScanner } from '../src/client/opentsdb/scanner.ts';
import { VictoriaMetricsClient } from '../src/client/victoriametrics/client.ts';
import type { MetricDigests } from '../src/client/victoriametrics/native/digests.ts';
import type { SeriesDigest } from '../src/model.ts';
import { groupMetrics } from '../src/tasks/sink-writer.ts';

const T0 = 1_678_233_600_000;
const FRAME = { startMs: T0, stopMs: T0 + 86_400_000 };
const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function sink(options: VictoriaMetricsOptions = {}) {
  const vm = await startVictoriaMetrics(options);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const target = { name: 'vm', system: 'victoriametrics', address: vm.url, settings: {}, secrets: {} };
  const client = new VictoriaMetricsClient(target, { clock: systemClock, random: systemRandom, log });
  open.push(vm, client);
  const paths = (): string[] => vm.log.requests.flatMap(({ path }) => (path.includes('/export') ? [path] : []));
  return { client, paths };
}

type Points = [time: number, value: string][];

/** Lines and digests as the scanner makes them of a reply. */
async function scanned(metric: string, series: Record<string, Points>, frame = FRAME): Promise<{ lines: string; digests: SeriesDigest[] }> {
  const objects = Object.entries(series).map(([host, points]) => {
    const dps = points.map(([time, value]) => `[${time},${value}]`);
    return `{"metric":${JSON.stringify(metric)},"tags":{"host":"${host}"},"aggregateTags":[],"dps":[${dps}]}`;
  });
  const parts: Buffer[] = [];
  const scanner = new ReplyScanner({ metric, frame, what: 'the test' }, async (lines) => void parts.push(Buffer.from(lines)));
  await scanner.push(Buffer.from(`[${objects}]`));
  const { series: digests } = await scanner.end();
  return { lines: Buffer.concat(parts).toString(), digests };
}

const digestsOf = (metric: string, series: SeriesDigest[], range = FRAME): MetricDigests => ({ metric, range, series });
const rows = (values: (number | string)[]): Points => values.map((value, at) => [T0 + at * 60_000, String(value)]);

async function imported(client: VictoriaMetricsClient, ...lines: string[]): Promise<void> {
  for (const each of lines) await client.importLines(Buffer.from(each), 'plain');
  await client.flush();
}

describe('metrics that are held exactly', () => {
  it.each([
    ['1.147', 'native'],
    ['1.79', 'native-bare'],
  ] as const)('are confirmed with one request (%s)', async (version, readBack) => {
    const { client, paths } = await sink({ version });
    const a = await scanned('m.a', { h1: rows([1, 2.5, '-0.0', '4.2E-5', '1.5E10']), h2: rows([7, 7, 7]) });
    const b = await scanned('m.b', { h1: rows(Array.from({ length: 300 }, (_, at) => (at * 7919) % 1009)) });
    await imported(client, a.lines + b.lines);
    const found = await client.confirmMetrics([digestsOf('m.a', a.digests), digestsOf('m.b', b.digests)], { readBack });
    expect([...found].map(([metric, { verdict }]) => [metric, verdict])).toEqual([
      ['m.a', 'confirmed'],
      ['m.b', 'confirmed'],
    ]);
    expect(paths()).toEqual(['/api/v1/export/native']);
  });

  it('are confirmed in their own range, whatever lies beside it in the same blocks', async () => {
    const { client } = await sink();
    const half = T0 + 150 * 60_000;
    const all = rows(Array.from({ length: 300 }, (_, at) => at % 17));
    const first = await scanned('m', { h: all.filter(([time]) => time < half) }, { startMs: T0, stopMs: half });
    const second = await scanned('m', { h: all.filter(([time]) => time >= half) }, { startMs: half, stopMs: FRAME.stopMs });
    await imported(client, first.lines + second.lines);
    const ask = async (digests: MetricDigests) => (await client.confirmMetrics([digests], { readBack: 'native' })).get('m')!.verdict;
    expect(await ask(digestsOf('m', first.digests, { startMs: T0, stopMs: half }))).toBe('confirmed');
    expect(await ask(digestsOf('m', second.digests, { startMs: half, stopMs: FRAME.stopMs }))).toBe('confirmed');
    // Both parts of one series are added up.
    expect(await ask(digestsOf('m', [...first.digests, ...second.digests]))).toBe('confirmed');
  });
});

describe('what is not exactly there', () => {
  const sent = { h1: rows([1, 2, 3]), h2: rows([4, 5, 6]) };

  it.each<[string, Record<string, Points>, string, number]>([
    ['a missing point', { ...sent, h1: rows([1, 2]) }, 'incomplete', 1],
    ['a missing series', { h1: sent.h1 }, 'incomplete', 1],
    ['another value', { ...sent, h1: rows([1, 2, 4]) }, 'unclear', 1],
    ['two values that changed places', { ...sent, h1: rows([1, 3, 2]) }, 'unclear', 1],
    ['another time', { ...sent, h1: [...rows([1, 2]), [T0 + 120_001, '3']] }, 'unclear', 1],
    ['a point more', { ...sent, h1: rows([1, 2, 3, 4]) }, 'unclear', 1],
    ['a point twice', { ...sent, h1: [...rows([1, 2, 3]), [T0 + 120_000, '3']] }, 'unclear', 1],
    ['a foreign series', { ...sent, h3: rows([9]) }, 'unclear', 2],
  ])('%s is not confirmed', async (_, held, verdict, settled) => {
    const { client } = await sink();
    const { digests } = await scanned('m', sent);
    await imported(client, (await scanned('m', held)).lines);
    const found = (await client.confirmMetrics([digestsOf('m', digests)], { readBack: 'native' })).get('m')!;
    expect([found.verdict, found.settled.size]).toEqual([verdict, settled]);
  });

  it('is found by looking at the chunk, where series that are settled are not looked at again', async () => {
    const { client } = await sink();
    const series = { exact: rows([1, 2, 3]), long: rows(['0.513504333333333', '0.1', '9007199254740993']) };
    const { lines, digests } = await scanned('m', series);
    await imported(client, lines);
    const { verdict, settled } = (await client.confirmMetrics([digestsOf('m', digests)], { readBack: 'native' })).get('m')!;
    expect([verdict, settled.size]).toEqual(['unclear', 1]);
    const request = { metric: 'm', range: FRAME, readBack: 'native' } as const;
    const looked = await client.lookForChunk(Buffer.from(lines), 6, { ...request, settled });
    expect(looked?.comparison).toMatchObject({ points: 6, missing: 0, extra: 0 });
    expect(looked?.comparison).toEqual((await client.lookForChunk(Buffer.from(lines), 6, request))?.comparison);
  });

  it('is left to JSON lines where native blocks are not proven', async () => {
    const { client, paths } = await sink();
    const { lines, digests } = await scanned('m', sent);
    await imported(client, lines);
    expect((await client.confirmMetrics([digestsOf('m', digests)], {})).get('m')).toEqual({ verdict: 'unclear', settled: new Set() });
    expect(paths()).toEqual([]);
  });

  it('is left to them where native blocks cannot be read, too', async () => {
    const { client } = await sink({ nativeExport: 'cut' });
    const { lines, digests } = await scanned('m', sent);
    await imported(client, lines);
    expect((await client.confirmMetrics([digestsOf('m', digests)], { readBack: 'native' })).get('m')?.verdict).toBe('unclear');
  });
});

const value = fc.oneof(
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map(String),
  fc.tuple(fc.integer({ min: -9_999, max: 9_999 }), fc.integer({ min: 0, max: 999 })).map(([whole, part]) => `${whole}.${part}`),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }).map(String),
);

prop.prop([fc.array(value, { minLength: 1, maxLength: 30 }), fc.nat(), fc.constantFrom('keep', 'drop', 'change', 'double')], {
  numRuns: 60,
})('nothing is confirmed that JSON lines would not call a match', async (values, place, what) => {
  const { client } = await sink();
  const at = place % values.length;
  const held = rows(values);
  if (what === 'drop') held.splice(at, 1);
  if (what === 'change') held[at] = [held[at]![0], `${Number(held[at]![1]) === 1 ? 2 : 1}`];
  if (what === 'double') held.push(held[at]!);
  const { lines, digests } = await scanned('m', { h: rows(values) });
  if (held.length > 0) await imported(client, (await scanned('m', { h: held })).lines);
  const { verdict } = (await client.confirmMetrics([digestsOf('m', digests)], { readBack: 'native' })).get('m')!;
  const { comparison } = await client.verifyChunk(Buffer.from(lines), { metric: 'm', range: FRAME });
  if (verdict === 'confirmed')
    expect(comparison).toMatchObject({ matched: values.length, missing: 0, extra: 0, different: 0, precisionLost: 0 });
  if (what === 'drop') expect(verdict).not.toBe('confirmed');
  if (what === 'double') expect(verdict).toBe('unclear');
});

describe('chunks that are asked for together', () => {
  const chunk = (at: number, metric: string, startMs: number, stopMs: number, lineBytes = 10, series = 1) => ({
    ...{ chunk: at, metric, startMs, stopMs, lineBytes, series },
    ...{ segment: 'data.1', offset: 0, length: 1, crc32: 0, points: 1 },
  });
  const groupsOf = (...[entries, most]: Parameters<typeof groupMetrics>) =>
    [...groupMetrics(entries, most)].map((group) => [...group].map(([metric, chunks]) => [metric, chunks.map((each) => each.chunk)]));

  it('are as many as one request may ask for, those of a metric without a gap', () => {
    const most = { lineBytes: 50, series: 100, nameBytes: 100 };
    expect(groupsOf([chunk(0, 'a', 0, 5), chunk(1, 'a', 5, 9), chunk(2, 'b', 0, 9)], most)).toEqual([
      [
        ['a', [0, 1]],
        ['b', [2]],
      ],
    ]);
    expect(groupsOf([chunk(0, 'a', 0, 5), chunk(1, 'a', 6, 9)], most)).toEqual([[['a', [0]]], [['a', [1]]]]);
    expect(groupsOf([chunk(0, 'a', 0, 5, 30), chunk(1, 'a', 5, 9, 30)], most)).toEqual([[['a', [0]]], [['a', [1]]]]);
    expect(groupsOf([chunk(0, 'a', 0, 5, 1, 60), chunk(1, 'b', 0, 5, 1, 60)], most)).toEqual([[['a', [0]]], [['b', [1]]]]);
    expect(groupsOf([chunk(0, 'a'.repeat(80), 0, 5), chunk(1, 'b'.repeat(80), 0, 5)], most)).toHaveLength(2);
    expect(groupsOf([chunk(0, 'a', 0, 5, 1000)], most)).toEqual([[['a', [0]]]]);
    expect(groupsOf([], most)).toEqual([]);
  });
});
