/**
 * Any set of series goes from the source into folders and from there into every kind of sink, and is read out of the sink by itself: the same
 * points, in whatever frames they were asked for and however the window was cut. Through the tasks as the workers run them.
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Json, memoryStore, systemClock, systemRandom, type TaskContext } from '@longshore/core';
import { silentLog } from '@longshore/host';
import { startOpenTsdb, startVictoriaMetrics } from '@longshore/sandbox';
import { tsdb } from '@longshore/tsdb';
import { expect } from 'vitest';
import { batchCount, batchName, planData } from '../../../packages/tsdb/src/plan/batches.ts';
import { batchContext, OPERATION } from '../../support/batch-context.ts';
import type { Dice } from './harness.ts';
import { fuzz } from './harness.ts';
import { naiveJson } from './naive-json.ts';

const HOUR_MS = 3_600_000;
/** Storage takes less for seconds. */
const LEAST_MS = 2 ** 32;

interface Series {
  metric: string;
  tags: [string, string][];
  points: Map<number, string>;
}

interface World {
  dice: Dice;
  path: string;
  plan: Json;
  units: number;
  tallies: Record<string, number>;
  run(task: string, params: Json, proven?: Json): Promise<void>;
}

/** `key|ms` and the number's text. */
type Points = Map<string, string>;

const keyOf = (pairs: readonly (readonly [string, string])[]): string =>
  JSON.stringify([...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));

function put(points: Points, pairs: readonly (readonly [string, string])[], ms: number, value: string): void {
  const name = `${keyOf(pairs)}|${ms}`;
  if (points.has(name)) throw new Error(`twice: ${name}`);
  points.set(name, value);
}

const PIECES = [
  'a',
  'host',
  'größe',
  '日本',
  'Ωmega',
  '😀',
  "it's",
  '"q"',
  '|',
  ' ',
  '=',
  '{}',
  '*',
  ',',
  ':',
  '\\',
  '%',
  '/',
  '.',
  '(x)',
  '\t',
  '1',
];
const SPECIAL = [...new Set(PIECES.join(''))].filter((char) => !/[a-zA-Z0-9\-_./\p{L}]/u.test(char)).join('');
const text = (dice: Dice): string => dice.times(1 + dice.below(3), () => dice.pick(PIECES)).join('');

const VALUES = [
  '0',
  '-0.0',
  '1',
  '-1',
  '9223372036854775807',
  '-9223372036854775808',
  '9007199254740993',
  '1.7976931348623157E308',
  '-1.7976931348623157E308',
  '4.9E-324',
  '2.2250738585072014E-308',
  '0.1',
  '0.30000001192092896',
  '3.141592653589793',
];

function value(dice: Dice): string {
  if (dice.oneIn(4)) return dice.pick(VALUES);
  if (dice.oneIn(2)) return String(dice.below(2 ** 31) - 2 ** 30);
  return `${dice.below(1_000_000)}.${1 + dice.below(99_999_999)}`.replace(/0+$/, '');
}

/** Times on and beside every border, and anywhere. */
function time(dice: Dice, startMs: number, stopMs: number, intervalMs: number): number {
  const border = dice.pick([
    startMs,
    stopMs,
    Math.floor(startMs / intervalMs + dice.below(4)) * intervalMs,
    Math.ceil(startMs / HOUR_MS) * HOUR_MS,
  ]);
  const ms = dice.oneIn(2) ? border + dice.pick([-1000, -1, 0, 1, 999, 1000]) : startMs + dice.below(Math.max(1, stopMs - startMs));
  return dice.oneIn(3) ? Math.floor(ms / 1000) * 1000 : ms;
}

function world(dice: Dice): { series: Series[]; plan: Parameters<typeof planData>[0] } {
  const startMs = dice.pick([LEAST_MS + 1_000, Date.UTC(2023, 2, 31, 23, 30), Date.UTC(2023, 2, 8), 1_600_000_000_123]) + dice.below(5_000);
  const lengthMs = dice.pick([1, 2, 1000, 60_000, HOUR_MS, 3 * HOUR_MS, 40 * 24 * HOUR_MS]) + dice.below(1000);
  const stopMs = startMs + lengthMs;
  const intervalMs = Math.max(1, Math.ceil(lengthMs / dice.pick([1, 2, 3])) + dice.below(3));
  const names = [...new Set(dice.times(1 + dice.below(3), () => text(dice).replace(/\t/g, '')))]
    .filter((name) => name !== '')
    .concat('kilda.a');
  const metrics = [...new Set(names)].sort();
  const known = new Map<string, Series>();
  for (const metric of dice.times(1 + dice.below(5), () => dice.pick(metrics))) {
    const tags = [...new Map(dice.times(1 + dice.below(4), () => [text(dice), text(dice)] as const))];
    const key = keyOf([['__name__', metric], ...tags]);
    const series: Series = known.get(key) ?? { metric, tags: tags.map(([name, tag]) => [name, tag]), points: new Map<number, string>() };
    known.set(key, series);
    for (let left = dice.below(30); left > 0; left--) series.points.set(time(dice, startMs, stopMs, intervalMs), value(dice));
  }
  return { series: [...known.values()], plan: { startMs, stopMs, intervalMs, metrics, metricsPerBatch: 1 + dice.below(3) } };
}

/** Numbers as a query of VictoriaMetrics' precision gives them: 12 digits, or cut where a larger neighbour takes the decimal places. */
const near = (expected: number, found: number, largest: number): boolean =>
  Math.abs(expected - found) <= Math.abs(expected) * 1.001e-12 + largest * 1.1e-15 + 1e-290;

async function restoredByImport(one: World, expected: Points): Promise<void> {
  const century = 100 * 365 * 24 * HOUR_MS;
  await using sink = await startVictoriaMetrics({ retentionMs: century, version: one.dice.pick(['1.79', '1.147'] as const) });
  const isNew = sink.version === '1.147';
  const proven = {
    encoding: isNew ? one.dice.pick(['zstd', 'plain']) : 'plain',
    queueMs: 0,
    readBack: one.dice.pick(['json', isNew ? 'native' : 'native-bare']),
  };
  for (let unit = 0; unit < one.units; unit++)
    await one.run(
      'tsdb.restore-batch',
      { sink: sink.url, batch: batchName(unit, 0), from: OPERATION, existing: 'refuse', verify: true, redo: 0, tally: 'all' },
      proven,
    );
  const { restored = 0, verified = 0, precisionLost = 0, ...wrong } = one.tallies;
  expect({ restored, verified, ...wrong, precisionLost: precisionLost <= restored }, 'the report').toEqual({
    restored: expected.size,
    verified: expected.size,
    precisionLost: true,
  });
  const store = sink.store();
  store.flush();
  const found: Map<string, number> = new Map();
  for (const series of store.visible)
    for (const { times, values } of store.read(series, 0, Number.MAX_SAFE_INTEGER, true))
      for (const [at, ms] of times.entries()) found.set(`${keyOf(series.labels)}|${ms}`, values[at]!);
  expect(store.points, 'nothing twice').toBe(expected.size);
  const largest = Math.max(0, ...[...expected.values()].map((number) => Math.abs(Number(number))));
  for (const [name, number] of expected) {
    const there = found.get(name);
    if (there === undefined || !near(Number(number), there, largest)) throw new Error(`${name}: ${number} became ${there}`);
  }
}

async function restoredByPut(one: World, expected: Points): Promise<void> {
  await using sink = await startOpenTsdb({ specialCharacters: SPECIAL });
  for (let unit = 0; unit < one.units; unit++)
    await one.run(
      'tsdb.put-batch',
      {
        sink: sink.url,
        existing: 'refuse',
        batch: batchName(unit, 0),
        from: OPERATION,
        verify: true,
        sync: one.dice.oneIn(2),
        tally: 'all',
        requestBytes: 200 + one.dice.below(5_000),
      },
      { serves: 'opentsdb', bodyBytes: 4096, queueMs: 0 },
    );
  expect(one.tallies, 'the report').toEqual(expected.size === 0 ? {} : { restored: expected.size, verified: expected.size });
  const found: Points = new Map();
  for (const metric of sink.store.names.metrics.sorted())
    for (const { tags, range } of sink.store.series(metric).map((series) => ({ tags: series.tags, range: series.range(0, 1e16) })))
      for (let at = 0; at < range.length; at++) put(found, [['__name__', metric], ...tags], range.time(at), range.text(at)!);
  same(expected, found, (number) => (/^-?\d+$/.test(number) ? number : `float ${Number(number) + 0}`));
}

async function writtenAsLines(one: World, expected: Points): Promise<void> {
  const folder = join(one.path, 'files');
  await mkdir(folder);
  for (let unit = 0; unit < one.units; unit++)
    await one.run('tsdb.write-batch', {
      sink: pathToFileURL(folder).href,
      via: 'lines',
      batch: batchName(unit, 0),
      from: OPERATION,
      tally: 'all',
    });
  const found: Points = new Map();
  for (const file of await readdir(folder))
    for (const line of (await readFile(join(folder, file), 'latin1')).split('\n').slice(0, -1)) {
      const read = naiveJson(line, () => true);
      if (read?.kind !== 'object') throw new Error(`no line: ${line}`);
      const [metric, values, times] = read.pairs.map(([, , part]) => part);
      if (metric?.kind !== 'object' || values?.kind !== 'list' || times?.kind !== 'list') throw new Error(`no line: ${line}`);
      const pairs = metric.pairs.map(([name, , tag]) => [name, (tag as { text: string }).text] as const);
      for (const [at, ms] of times.items.entries())
        put(found, pairs, Number((ms as { word: string }).word), (values.items[at] as { word: string }).word);
    }
  same(expected, found, (number) => number);
}

function same(expected: Points, found: Points, as: (number: string) => string): void {
  for (const [name, number] of expected) {
    const there = found.get(name);
    if (there === undefined || as(there) !== as(number)) throw new Error(`${name}: ${number} became ${there}`);
  }
  for (const name of found.keys()) if (!expected.has(name)) throw new Error(`made up: ${name}`);
}

const SINKS = [restoredByImport, restoredByPut, writtenAsLines];

async function moved(dice: Dice, path: string): Promise<void> {
  const { series, plan } = world(dice);
  await using source = await startOpenTsdb({
    specialCharacters: SPECIAL,
    version: dice.oneIn(4) && !plan.metrics.some((metric) => /[:{},|]/.test(metric)) ? '2.2' : '2.4',
  });
  const expected: Points = new Map();
  for (const metric of plan.metrics) source.store.addName(metric);
  for (const { metric, tags, points } of series) {
    source.store.add({ metric, tags: Object.fromEntries(tags), points });
    for (const [ms, number] of points)
      if (ms >= plan.startMs && ms < plan.stopMs) put(expected, [['__name__', metric], ...tags], ms, number);
  }
  const settings = { targetReplyBytes: dice.pick([1024, 2000, 8_388_608]), compression: dice.pick(['none', 'gzip']) };
  const deps = { clock: systemClock, random: systemRandom, log: silentLog, signal: new AbortController().signal };
  const stored = planData(plan);
  const store = memoryStore(systemClock);
  const one: World = {
    dice,
    path,
    plan: stored,
    units: batchCount(plan),
    tallies: {},
    async run(task, params, proven = {}) {
      const unit = Number(/b(\d+)/.exec(String((params as { batch?: string }).batch))?.[1] ?? (params as { unit?: number }).unit);
      const context: TaskContext<unknown> = {
        ...batchContext({ task, generation: 1, params, clock: systemClock, store, path }),
        plan: stored,
        task: { id: task, unit },
        resultOf: async () => proven,
        tally(_row, column, by) {
          one.tallies[column] = (one.tallies[column] ?? 0) + by;
        },
        target: (name, system) =>
          system.connect({ name, system: system.system, address: name, settings: name === source.url ? settings : {}, secrets: {} }, deps),
      };
      await tsdb.tasks.find(({ name }) => name === task)!.run(context);
    },
  };
  for (let unit = 0; unit < one.units; unit++) await one.run('tsdb.dump-batch', { source: source.url, unit, redo: 0, tally: 'all' });
  expect(one.tallies.dumped ?? 0, 'dumped').toBe(expected.size);
  one.tallies = {};
  const full = await dumpedUnits(path);
  const sink = dice.pick(SINKS);
  const { run } = one;
  one.run = async (task, params, proven) => (full.has((params as { batch: string }).batch) ? run(task, params, proven) : undefined);
  await sink(one, expected);
}

/** A batch without a point has no folder. */
async function dumpedUnits(path: string): Promise<Set<string>> {
  const names = await readdir(join(path, OPERATION)).catch(() => []);
  return new Set(names.filter((name) => name.endsWith('.ready')).map((name) => name.slice(0, -'.ready'.length)));
}

fuzz(
  'what the source has in a window is in the sink, and nothing else',
  60,
  async (dice) => {
    const path = await mkdtemp(join(tmpdir(), 'longshore-pipeline-'));
    try {
      await moved(dice, path);
    } finally {
      await rm(path, { recursive: true, force: true });
    }
  },
  5_000,
);
