/**
 * Any set of series that a real OpenTSDB takes goes through folders into a real VictoriaMetrics, and back into the OpenTSDB under other names:
 * the same points, whatever the window, the intervals and the frames. Some in every run; as many more as LONGSHORE_FUZZ says.
 */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Json } from '@longshore/core';
import { freePort } from '@longshore/programs';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { importFiles, runningOpenTsdb, sharedOpenTsdbDirectory } from '../servers/opentsdb.ts';
import type { NoServer, RealServer } from '../servers/real.ts';
import { missingOf, realServer } from '../servers/real.ts';
import { loadPoints, type PutPoint } from '../support/opentsdb-points.ts';
import {
  addPoint,
  asExactAsStored,
  openTsdbPoints,
  type Points,
  type Span,
  samePoints,
  victoriaMetricsPoints,
} from '../support/stored-points.ts';
import { type Settings, type TsdbOperations, tsdbOperations } from '../support/tsdb-operations.ts';
import type { Dice } from '../unit/fuzz/harness.ts';
import { fuzz } from '../unit/fuzz/harness.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Letters beyond Latin-1 are taken, too, but stored as question marks. */
const PIECES = ['a', 'host', 'größe', 'naïve', 'Äþ', 'µ', 'ÿ', '-', '_', '.', '/', '1'];
const word = (dice: Dice): string => dice.times(1 + dice.below(3), () => dice.pick(PIECES)).join('');

/** Numbers of one series: small ones among large ones could be anything in VictoriaMetrics. */
const KINDS: readonly ((dice: Dice) => string)[] = [
  (dice) => String(dice.below(2 ** 31) - 2 ** 30),
  (dice) => `${dice.below(1_000)}.${1 + dice.below(99_999)}`,
  (dice) => (dice.oneIn(2) ? String(dice.below(1_000) - 500) : `${dice.below(1_000) - 500}.125`),
  (dice) => `0.${String(dice.below(1e8)).padStart(8, '0')}${String(dice.below(1e8)).padStart(8, '1')}`,
  (dice) => dice.pick(['9223372036854775807', '-9223372036854775808', '9007199254740993', '0', '1']),
  (dice) => dice.pick(['1.7976931348623157E308', '-1.7976931348623157E308', '4.9E-324', '2.2250738585072014E-308', '-0.0', '0.1']),
  (dice) => dice.pick(['0', '-0.0', '0.30000001192092896', '3.141592653589793', '1E-5', '-1.5e10']),
];

interface Case {
  points: PutPoint[];
  /** Those in the window, under their own names. */
  expected: Points;
  window: { startMs: number; stopMs: number; intervalMs: number };
}

function made(dice: Dice, prefix: string): Case {
  const startMs =
    dice.pick([Date.UTC(2023, 2, 31, 23, 30), Date.UTC(2023, 2, 8), 1_600_000_000_123, Date.UTC(1999, 11, 31)]) + dice.below(5_000);
  const lengthMs = dice.pick([1, 2, 1_000, 60_000, HOUR_MS, 3 * HOUR_MS, 40 * DAY_MS]) + dice.below(1_000);
  const stopMs = startMs + lengthMs;
  const intervalMs = Math.max(1_000, Math.ceil(lengthMs / dice.pick([1, 2, 3])) + dice.below(3));
  const borders = [startMs, stopMs, Math.ceil(startMs / HOUR_MS) * HOUR_MS, Math.floor(startMs / intervalMs + dice.below(4)) * intervalMs];
  const time = (): number => {
    const beside = dice.pick(borders) + dice.pick([-1_000, -500, -1, 0, 1, 999, 1_000]);
    const ms = dice.oneIn(2) ? beside : startMs + dice.below(lengthMs);
    return dice.oneIn(3) ? Math.floor(ms / 1_000) * 1_000 : ms;
  };
  const metrics = dice.times(1 + dice.below(3), () => `${prefix}${word(dice)}`);
  const points = new Map<string, PutPoint>();
  for (let left = 1 + dice.below(6); left > 0; left--) {
    const metric = dice.pick(metrics);
    const tags = Object.fromEntries(dice.times(1 + dice.below(8), () => [word(dice), word(dice)]));
    const series = JSON.stringify([metric, Object.entries(tags).sort()]);
    const value = dice.pick(KINDS);
    for (const ms of [startMs, ...dice.times(dice.below(30), time)]) {
      const name = `${series}|${ms}`;
      const timestamp = ms % 1_000 === 0 && dice.oneIn(2) ? ms / 1_000 : ms;
      if (!points.has(name)) points.set(name, { metric, tags, timestamp, value: value(dice) });
    }
  }
  return within([...points.values()], { startMs, stopMs, intervalMs });
}

function within(points: PutPoint[], window: Case['window']): Case {
  const expected: Points = new Map();
  for (const { metric, tags, timestamp, value } of points) {
    const ms = timestamp < 1e10 ? timestamp * 1_000 : timestamp;
    if (ms >= window.startMs && ms < window.stopMs) addPoint(expected, Object.entries({ ...tags, __name__: metric }), ms, String(value));
  }
  return { points, expected, window };
}

const timeOf = (name: string): number => Number(name.slice(name.lastIndexOf('|') + 1));

const isInteger = (number: string | number): boolean => /^-?\d+$/.test(String(number));

/** A number that stands among others in its series may be written as theirs are; one that a double cannot hold stands alone. */
const sameNumber = (expected: string, found: string): boolean =>
  expected === found || (Number(expected) === Number(found) && (Number.isSafeInteger(Number(expected)) || /[.eE]/.test(expected)));

const putPort = await freePort();
const [source, sink] = await Promise.all([
  realServer('opentsdb'),
  realServer('victoria-metrics', { own: true, flags: ['-insert.maxQueueDuration=1s', `-opentsdbHTTPListenAddr=127.0.0.1:${putPort}`] }),
]);
const absent = await missingOf([source, sink]);
/** Where the one of this machine is: a server from the environment is only an address. */
const storage = await runningOpenTsdb(sharedOpenTsdbDirectory());
const urlOf = (server: RealServer | NoServer): string => (server.there ? server.url : '');

describe.skipIf(absent.length > 0)(`real servers${absent.map((reason) => ` (${reason})`).join('')}`, () => {
  const [tsd, vm] = [urlOf(source), urlOf(sink)];
  const run = `rt${Date.now().toString(36)}`;
  const settings = new Map<string, Settings>();
  let path: string;
  let operations: TsdbOperations;
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'longshore-round-trip-'));
    operations = await tsdbOperations(join(path, 'spool'), settings);
  });
  afterAll(async () => {
    await operations?.[Symbol.asyncDispose]();
    for (const server of [source, sink]) if (server.there) await server.stop();
    if (path) await rm(path, { recursive: true, force: true });
  });

  async function succeeds(kind: string, params: { [key: string]: Json }): Promise<{ id: string; totals: Record<string, number> }> {
    const { id, header, totals, notes } = await operations.run(kind, params);
    expect({ state: header.state, error: header.error, notes }).toEqual({ state: 'succeeded', error: undefined, notes: [] });
    return { id, totals };
  }

  /** In one go or in two; the report says that all of it arrived. */
  async function moves(inOneGo: boolean, { window, expected }: Case, prefix: string, into: { [key: string]: Json }): Promise<void> {
    const from = { source: tsd, metricsPrefix: prefix, ...window };
    const to = { ...into, settleMs: 0 };
    const { totals } = inOneGo
      ? await succeeds('tsdb.migrate', { ...from, ...to })
      : await succeeds('tsdb.restore', { from: (await succeeds('tsdb.dump', from)).id, ...to });
    const { restored, verified, missing = 0, extra = 0, different = 0, unsendable = 0 } = totals;
    expect({ restored, verified, missing, extra, different, unsendable }).toEqual({
      restored: expected.size,
      verified: expected.size,
      missing: 0,
      extra: 0,
      different: 0,
      unsendable: 0,
    });
  }

  let cases = 0;
  fuzz(
    'what a real OpenTSDB has in a window is in a real VictoriaMetrics, and in the OpenTSDB under its other names, and nothing else',
    3,
    async (dice) => {
      cases += 1;
      const [prefix, back] = [`${run}.${cases}.`, `${run}.${cases}b.`];
      const one = made(dice, prefix);
      settings.set(tsd, { targetReplyBytes: dice.pick([1_024, 2_000, 8_388_608]) });
      await loadPoints(tsd, one.points);
      const around: Span = { startMs: one.window.startMs - DAY_MS, stopMs: one.window.stopMs + DAY_MS };
      const inWindow = (points: Points): Points =>
        new Map([...points].filter(([name]) => one.window.startMs <= timeOf(name) && timeOf(name) < one.window.stopMs));
      samePoints(one.expected, inWindow(await openTsdbPoints(tsd, prefix, around)), sameNumber);
      await Promise.all([
        moves(dice.oneIn(2), one, prefix, { sink: vm }),
        moves(dice.oneIn(2), one, prefix, { sink: tsd, rename: [`${prefix}*=${back}*`] }),
      ]);

      samePoints(one.expected, await victoriaMetricsPoints(vm, prefix, around), asExactAsStored(one.expected));
      const renamed: Points = new Map();
      for (const [name, number] of await openTsdbPoints(tsd, back, around)) renamed.set(name.replace(back, prefix), number);
      samePoints(one.expected, renamed, sameNumber);
      for (const there of [{ sink: vm }, { sink: tsd, rename: [`${prefix}*=${back}*`] }]) {
        const { totals } = await succeeds('tsdb.verify', { source: tsd, metricsPrefix: prefix, ...one.window, ...there });
        expect(totals.verified).toBe(one.expected.size);
      }
    },
    500,
  );

  fuzz(
    'what kilda-otsdb-dump writes of a real OpenTSDB, kilda-otsdb-restore brings to the listener of a real VictoriaMetrics',
    2,
    async (dice) => {
      cases += 1;
      const prefix = `${run}.${cases}k.`;
      const { points, window } = made(dice, prefix);
      const frameS = dice.pick([1, 60, 86_400]);
      // The window begins with a whole frame.
      const startMs = Math.floor(window.startMs / (frameS * 1_000)) * frameS * 1_000;
      const { expected } = within(points, { ...window, startMs });
      await loadPoints(tsd, points);
      const files = pathToFileURL(join(path, prefix)).href;
      const { stopMs } = window;
      const asked = { startMs: window.startMs, stopMs, frameS, metricsPrefix: prefix };
      const dumped = await succeeds('tsdb.kilda-dump', { source: tsd, folder: files, ...asked });
      const restored = await succeeds('tsdb.kilda-restore', { folder: files, sink: `http://127.0.0.1:${putPort}` });
      expect([dumped.totals.dumped, restored.totals.restored]).toEqual([expected.size, expected.size]);
      const around: Span = { startMs: startMs - DAY_MS, stopMs: stopMs + DAY_MS };
      samePoints(expected, await victoriaMetricsPoints(vm, prefix, around), asExactAsStored(expected));
    },
    100,
  );

  describe.skipIf(storage?.url !== tsd)(`its own tsdb import${storage?.url === tsd ? '' : ' (its storage is not at hand)'}`, () => {
    fuzz(
      'what is written as text for tsdb import is taken by that of a real OpenTSDB: the same points, floats with 32 bits',
      1,
      async (dice) => {
        cases += 1;
        const [prefix, again] = [`${run}.${cases}.`, `${run}.${cases}t.`];
        const all = made(dice, prefix);
        // One that is too large for 32 bits is left out, which is held against a reader like it in the tests of the stand-ins.
        const small = (value: number | string): number | string => (isInteger(value) || Math.abs(Number(value)) < 3.4e38 ? value : '0.5');
        const one = within(
          all.points.map((point) => ({ ...point, value: small(point.value) })),
          all.window,
        );
        await loadPoints(tsd, one.points);
        const folder = join(path, again);
        await mkdir(folder);
        await moves(dice.oneIn(2), one, prefix, { sink: pathToFileURL(folder).href, via: 'text', rename: [`${prefix}*=${again}*`] });
        await importFiles(
          storage!,
          (await readdir(folder)).sort().map((file) => join(folder, file)),
        );
        const around: Span = { startMs: one.window.startMs - DAY_MS, stopMs: one.window.stopMs + DAY_MS };
        const found = new Map(
          [...(await openTsdbPoints(tsd, again, around))].map(([name, number]) => [name.replace(again, prefix), number]),
        );
        samePoints(
          one.expected,
          found,
          (number, there) => sameNumber(number, there) || Math.fround(Number(number)) === Math.fround(Number(there)),
        );
      },
      100,
    );
  });
});
