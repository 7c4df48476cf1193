/**
 * Any set of series goes through kilda-otsdb-dump into its files and through kilda-otsdb-restore into a sink: what the files hold, and what the
 * sink holds, is what the source has from the frame that the window begins in up to its end. Also when the dump was cut off at any byte between.
 */
import { mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Json } from '@longshore/core';
import { startOpenTsdb } from '@longshore/sandbox';
import { expect } from 'vitest';
import { addPoint, type Points, samePoints } from '../../support/stored-points.ts';
import { tsdbOperations } from '../../support/tsdb-operations.ts';
import type { Dice } from './harness.ts';
import { fuzz } from './harness.ts';
import { pointsWithin, randomSeries, SPECIAL } from './random-series.ts';

const UNESCAPED: Record<string, string> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'", '"': '"' };

/** The texts of a Python dict, keys and values by turns. */
function pythonTexts(repr: string): string[] {
  return [...repr.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/gs)].map(([, single, double]) =>
    (single ?? double ?? '').replace(/\\(?:x(..)|u(.{4})|U(.{8})|(.))/gs, (_all, x?: string, u?: string, long?: string, char?: string) =>
      char === undefined ? String.fromCodePoint(Number.parseInt(x ?? u ?? long ?? '', 16)) : UNESCAPED[char]!,
    ),
  );
}

/** Rows of a file in the excel dialect of CSV with pipes, as Python's reader takes them apart. */
function rowsOf(text: string): string[][] {
  const rows: string[][] = [];
  let [row, field, quoted]: [string[], string, boolean] = [[], '', false];
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quoted && char === '"' && text[at + 1] === '"') field += text[++at]!;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && char === '|') {
      row.push(field);
      field = '';
    } else if (!quoted && text.startsWith('\r\n', at)) {
      rows.push([...row, field]);
      [row, field] = [[], ''];
      at += 1;
    } else field += char;
  }
  if (row.length > 0 || field !== '') throw new Error(`no end of a row: ${[...row, field].join('|')}`);
  return rows;
}

async function pointsInFiles(folder: string): Promise<Points> {
  const points: Points = new Map();
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.ndjson')))
    for (const [time, metric, tags, number] of rowsOf(await readFile(join(folder, file), 'utf8'))) {
      const texts = pythonTexts(tags!);
      const pairs = texts.flatMap((key, at): [string, string][] => (at % 2 === 0 ? [[key, texts[at + 1]!]] : []));
      addPoint(points, [['__name__', metric!], ...pairs], Math.round(Number(time) * 1000), number!);
    }
  return points;
}

/** The original knows doubles, and no minus before a zero. */
const sameDouble = (expected: string, found: string): boolean => Number(expected) + 0 === Number(found) + 0;

async function moved(dice: Dice, path: string): Promise<void> {
  const { series, plan } = randomSeries(dice);
  await using source = await startOpenTsdb({
    specialCharacters: SPECIAL,
    version: dice.oneIn(4) && !plan.metrics.some((metric) => /[:{},|]/.test(metric)) ? '2.2' : '2.4',
  });
  await using sink = await startOpenTsdb({ specialCharacters: SPECIAL });
  for (const metric of plan.metrics) source.store.addName(metric);
  for (const { metric, tags, points } of series) source.store.add({ metric, tags: Object.fromEntries(tags), points });
  const frameS = dice.pick([1, 2, 7, 60, 180, 3_600, 86_400]);
  const frameMs = frameS * 1000;
  const expected = pointsWithin(series, { startMs: Math.floor(plan.startMs / frameMs) * frameMs, stopMs: plan.stopMs });

  const files = join(path, 'files');
  await using operations = await tsdbOperations(
    join(path, 'spool'),
    new Map([[source.url, { targetReplyBytes: dice.pick([1_024, 8_388_608]) }]]),
  );
  const succeeds = async (kind: string, params: { [key: string]: Json }): Promise<Record<string, number>> => {
    const { header, notes, totals } = await operations.run(kind, params);
    expect({ state: header.state, error: header.error, notes }).toEqual({ state: 'succeeded', error: undefined, notes: [] });
    return totals;
  };
  const folder = pathToFileURL(files).href;
  const { startMs, stopMs } = plan;
  const dump = { source: source.url, folder, startMs, stopMs, frameS, metricsPrefix: '', concurrent: 1 + dice.below(3) };
  expect((await succeeds('tsdb.kilda-dump', dump)).dumped ?? 0).toBe(expected.size);
  samePoints(expected, await pointsInFiles(files), sameDouble);
  if (dice.oneIn(3)) {
    const cut = join(files, dice.pick((await readdir(files)).filter((name) => name.endsWith('.ndjson'))));
    await truncate(cut, dice.below(1 + (await readFile(cut)).length));
    await succeeds('tsdb.kilda-dump', dump);
    samePoints(expected, await pointsInFiles(files), sameDouble);
  }
  const totals = await succeeds('tsdb.kilda-restore', { folder, sink: sink.url, requestBytes: 1 + dice.below(5_000) });
  expect(totals.restored ?? 0).toBe(expected.size);

  const found: Points = new Map();
  for (const metric of sink.store.names.metrics.sorted())
    for (const { tags, range } of sink.store.series(metric).map((one) => ({ tags: one.tags, range: one.range(0, 1e16) })))
      for (let at = 0; at < range.length; at++) addPoint(found, [['__name__', metric], ...tags], range.time(at), range.text(at)!);
  samePoints(expected, found, sameDouble);
}

fuzz(
  'what the source has in a window is in the files of the originals, and in what they are restored into',
  25,
  async (dice) => {
    const path = await mkdtemp(join(tmpdir(), 'longshore-kilda-pipeline-'));
    try {
      await moved(dice, path);
    } finally {
      await rm(path, { recursive: true, force: true });
    }
  },
  5_000,
);
