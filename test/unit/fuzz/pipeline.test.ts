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
import { addPoint, asExactAsStored, type Points, samePoints } from '../../support/stored-points.ts';
import type { Dice } from './harness.ts';
import { fuzz } from './harness.ts';
import { naiveJson } from './naive-json.ts';
import { pointsWithin, randomSeries, SPECIAL } from './random-series.ts';

const HOUR_MS = 3_600_000;

interface World {
  dice: Dice;
  path: string;
  plan: Json;
  units: number;
  tallies: Record<string, number>;
  run(task: string, params: Json, proven?: Json): Promise<void>;
}

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
  const found: Points = new Map();
  for (const series of store.visible)
    for (const { times, values } of store.read(series, 0, Number.MAX_SAFE_INTEGER, true))
      for (const [at, ms] of times.entries()) addPoint(found, series.labels, ms, String(values[at]));
  samePoints(expected, found, asExactAsStored(expected));
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
      for (let at = 0; at < range.length; at++) addPoint(found, [['__name__', metric], ...tags], range.time(at), range.text(at)!);
  const stored = (number: string): string => (/^-?\d+$/.test(number) ? number : `float ${Number(number) + 0}`);
  samePoints(expected, found, (number, there) => stored(number) === stored(there));
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
        addPoint(found, pairs, Number((ms as { word: string }).word), (values.items[at] as { word: string }).word);
    }
  samePoints(expected, found, (number, there) => number === there);
}

/** What `tsdb import` makes of a line: words at blanks, tags at one `=`, times by their bits. Throws for what it would stop at. */
function imported(line: string, into: Points): void {
  const [metric = '', time = '', number = '', ...pairs] = line.split(' ');
  const tags = pairs.map((pair) => pair.split('='));
  if (metric === '' || !/^\d+$/.test(time) || number === '' || tags.length === 0) throw new Error(`no line: ${line}`);
  for (const tag of tags) if (tag.length !== 2 || tag.includes('')) throw new Error(`no tag in ${line}`);
  const ms = Number(time) < 2 ** 32 ? Number(time) * 1_000 : Number(time);
  addPoint(into, [['__name__', metric], ...(tags as [string, string][])], ms, number);
}

async function writtenAsText(one: World, expected: Points): Promise<void> {
  const folder = join(one.path, 'text');
  await mkdir(folder);
  for (let unit = 0; unit < one.units; unit++)
    await one.run('tsdb.write-batch', {
      sink: pathToFileURL(folder).href,
      via: 'text',
      batch: batchName(unit, 0),
      from: OPERATION,
      tally: 'all',
    });
  const found: Points = new Map();
  for (const file of await readdir(folder))
    for (const line of (await readFile(join(folder, file), 'utf8')).split(/\r\n|\r|\n/).slice(0, -1)) imported(line, found);
  // A name is one word there, a tag has one equals sign, and a float 32 bits.
  const sayable = new Map(
    [...expected].filter(([name, number]) => {
      const labels = JSON.parse(name.slice(0, name.lastIndexOf('|'))) as string[][];
      return !labels.flat().some((text) => /[\s=]/.test(text)) && (/^-?\d+$/.test(number) || Math.abs(Number(number)) < 3.4e38);
    }),
  );
  samePoints(sayable, found, (number, there) => number === there);
  const { restored = 0, verified = 0, unsendable = 0 } = one.tallies;
  expect({ restored, verified, unsendable }, 'the report').toEqual({
    restored: sayable.size,
    verified: sayable.size,
    unsendable: expected.size - sayable.size,
  });
}

const SINKS = [restoredByImport, restoredByPut, writtenAsLines, writtenAsText];

async function moved(dice: Dice, path: string): Promise<void> {
  const { series, plan } = randomSeries(dice);
  await using source = await startOpenTsdb({
    specialCharacters: SPECIAL,
    version: dice.oneIn(4) && !plan.metrics.some((metric) => /[:{},|]/.test(metric)) ? '2.2' : '2.4',
  });
  for (const metric of plan.metrics) source.store.addName(metric);
  for (const { metric, tags, points } of series) source.store.add({ metric, tags: Object.fromEntries(tags), points });
  const expected = pointsWithin(series, plan);
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
  80,
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
