/** Random series as a source may hold them, and a window of them: any names, times on and beside every border, numbers of every kind. */
import type { BatchPlan } from '../../../packages/tsdb/src/plan/batches.ts';
import { addPoint, type Points, seriesKey } from '../../support/stored-points.ts';
import type { Dice } from './harness.ts';

const HOUR_MS = 3_600_000;
/** Storage takes less for seconds. */
const LEAST_MS = 2 ** 32;

export interface Series {
  metric: string;
  tags: [string, string][];
  points: Map<number, string>;
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
/** What no name may hold without being allowed to. */
export const SPECIAL: string = [...new Set(PIECES.join(''))].filter((char) => !/[a-zA-Z0-9\-_./\p{L}]/u.test(char)).join('');
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
  const ms = dice.oneIn(2) ? border + dice.pick([-1000, -500, -1, 0, 1, 999, 1000]) : startMs + dice.below(Math.max(1, stopMs - startMs));
  return dice.oneIn(3) ? Math.floor(ms / 1000) * 1000 : ms;
}

export function randomSeries(dice: Dice): { series: Series[]; plan: BatchPlan } {
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
    const key = seriesKey([['__name__', metric], ...tags]);
    const series: Series = known.get(key) ?? { metric, tags: tags.map(([name, tag]) => [name, tag]), points: new Map<number, string>() };
    known.set(key, series);
    for (const ms of dice.times(dice.below(30), () => time(dice, startMs, stopMs, intervalMs)))
      if (ms >= LEAST_MS) series.points.set(ms, value(dice));
  }
  return { series: [...known.values()], plan: { startMs, stopMs, intervalMs, metrics, metricsPerBatch: 1 + dice.below(3) } };
}

/** The points of a span, its end exclusive. */
export function pointsWithin(series: readonly Series[], { startMs, stopMs }: { startMs: number; stopMs: number }): Points {
  const points: Points = new Map();
  for (const { metric, tags, points: own } of series)
    for (const [ms, number] of own) if (ms >= startMs && ms < stopMs) addPoint(points, [['__name__', metric], ...tags], ms, number);
  return points;
}
