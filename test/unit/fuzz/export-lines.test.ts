/**
 * Damaged exports of a VictoriaMetrics, compared with a chunk: the same counts as by a plain reader that splits lines with regular expressions, or
 * an error that shows the line. Nothing damaged is ever taken for the chunk.
 */
import { LongshoreError } from '@longshore/core';
import { expect } from 'vitest';
import { compareChunk } from '../../../packages/tsdb/src/client/victoriametrics/compare.ts';
import { wholeLines } from '../../../packages/tsdb/src/client/victoriametrics/lines.ts';
import type { Dice } from './harness.ts';
import { damaged, fuzz, pieces } from './harness.ts';
import { naiveJson } from './naive-json.ts';

const START_MS = 1_678_233_600_000;

interface Line {
  labels: [string, string][];
  points: [value: string, time: string][];
}

/** Values by `key|ms`, of one time as many as there are. */
type Points = Map<string, number[]>;

const LABELS = /^\{"metric":(\{.*?\}),"values":\[/s;
const LISTS = /^([^\]]*)\],"timestamps":\[([^\]]*)\]\}$/s;

/** Undefined for labels that are no plain object of texts, written without blanks. */
function plainKey(text: string): string | undefined {
  const labels = naiveJson(text, () => false);
  if (labels?.kind !== 'object') return undefined;
  const pairs = labels.pairs.map(([name, raw, value]) =>
    value.kind === 'text' ? { name, text: value.text, raw: `"${raw}":"${value.raw}"` } : undefined,
  );
  if (pairs.includes(undefined) || `{${pairs.map((pair) => pair!.raw)}}` !== text) return undefined;
  if (new Set(pairs.map((pair) => pair!.name)).size < pairs.length) return undefined;
  const kept = pairs.filter((pair) => pair!.text !== '').map((pair) => [pair!.name, pair!.text].map((part) => part.toWellFormed()));
  return JSON.stringify(kept.sort(([a], [b]) => (a! < b! ? -1 : a! > b! ? 1 : 0)));
}

const items = (list: string): string[] => (list === '' ? [] : list.split(','));

function plainValue(text: string): number | undefined {
  if (text === 'null' || text === '"NaN"') return Number.NaN;
  const word = /^"(-?Infinity)"$/.exec(text)?.[1] ?? text;
  const number = Number(word);
  return word === '' || Number.isNaN(number) ? undefined : number;
}

/** What is wrong with an export in place of its points. `text`: bytes as latin1. */
function plainly(text: string): Points | 'no series' | 'no lists' {
  const points: Points = new Map();
  const lines = text.split('\n');
  if (lines.pop() !== '') return 'no series';
  for (const line of lines) {
    const [head = '', labels = ''] = LABELS.exec(line) ?? [];
    const key = plainKey(labels);
    if (key === undefined) return 'no series';
    const lists = LISTS.exec(line.slice(head.length));
    if (lists === null) return 'no lists';
    const [, valueList = '', timeList = ''] = lists;
    const values = items(valueList).map(plainValue);
    const times = items(timeList).map((time) => (time === '' ? Number.NaN : Number(time)));
    const isWhole = values.length === times.length && !values.includes(undefined) && times.every(Number.isInteger);
    if (!isWhole) return 'no lists';
    for (const [at, ms] of times.entries()) {
      const name = `${key}|${ms}`;
      points.set(name, [...(points.get(name) ?? []), values[at]!]);
    }
  }
  return points;
}

interface Counts {
  points: number;
  missing: number;
  extra: number;
  matched: number;
  /** Of the same time, with another value. */
  wrong: number;
}

function compared(sent: Points, found: Points): Counts {
  const counts: Counts = { points: 0, missing: 0, extra: 0, matched: 0, wrong: 0 };
  for (const name of new Set([...sent.keys(), ...found.keys()])) {
    const wanted = sent.get(name) ?? [];
    const there = [...(found.get(name) ?? [])];
    let matched = 0;
    for (const value of wanted) {
      const at = there.findIndex((other) => Math.abs(other - value) <= (Number.isInteger(value) ? 0 : Math.abs(value) * 1.001e-12));
      if (at < 0) continue;
      there.splice(at, 1);
      matched += 1;
    }
    const wrong = Math.min(wanted.length - matched, there.length);
    counts.points += wanted.length;
    counts.matched += matched;
    counts.wrong += wrong;
    counts.missing += wanted.length - matched - wrong;
    counts.extra += there.length - wrong;
  }
  return counts;
}

const TEXTS = ['h1', 'größe', 'it\'s "x"', '\\', '},"values":[', '\n', '😀', ''];
const text = (dice: Dice): string => {
  const plain = JSON.stringify(dice.pick(TEXTS));
  return dice.oneIn(6) ? plain.replace(/[a-z<']/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`) : plain;
};

function lineText({ labels, points }: Line): string {
  const pairs = labels.map(([name, value]) => `${name}:${value}`);
  return `{"metric":{${pairs}},"values":[${points.map(([value]) => value)}],"timestamps":[${points.map(([, time]) => time)}]}\n`;
}

const value = (dice: Dice): string => (dice.oneIn(3) ? `${dice.below(100)}.${1 + dice.below(9)}` : String(dice.below(2000) - 1000));

function sentLines(dice: Dice): Line[] {
  return dice.times(1 + dice.below(4), (number): Line => {
    const labels: [string, string][] = [
      ['"__name__"', '"kilda.a"'],
      ['"n"', `"${number >> 1}"`],
    ];
    if (dice.oneIn(2)) labels.push(['"host"', text(dice)]);
    let ms = START_MS + (number % 2) * 1_000_000;
    const points = dice.times(dice.below(5), (): [string, string] => {
      ms += 1 + dice.below(60_000);
      return [value(dice), String(ms)];
    });
    return { labels, points };
  });
}

/** As the sink may have it: in other cuts, another order, with points too few, too many or wrong. */
function exported(sent: readonly Line[], dice: Dice): Line[] {
  const lines = sent.flatMap(({ labels, points }): Line[] => {
    const cut = dice.oneIn(4) ? dice.below(points.length + 1) : points.length;
    const spelled = dice.oneIn(4) ? [...labels].reverse() : [...labels];
    if (dice.oneIn(12)) spelled.push(dice.oneIn(3) ? dice.pick(labels) : ['"empty"', '""']);
    return [points.slice(0, cut), points.slice(cut)]
      .filter((part) => part.length > 0)
      .map((part) => ({ labels: spelled, points: [...part] }));
  });
  if (dice.oneIn(3)) lines.push(...sentLines(dice));
  if (dice.oneIn(4)) lines.sort(() => dice.below(3) - 1);
  for (const { points } of lines) {
    if (dice.oneIn(8)) points.splice(dice.below(points.length + 1), 1);
    if (dice.oneIn(8) && points.length > 0) points.push(dice.pick(points));
    if (dice.oneIn(8) && points.length > 0)
      points[dice.below(points.length)]![0] = dice.pick([value(dice), 'null', '"Infinity"', '1e3', '-0']);
  }
  return lines;
}

async function* streamed(parts: readonly Buffer[]): AsyncGenerator<Buffer, void, undefined> {
  yield* parts.map((part) => Buffer.from(part));
}

type Outcome = Counts & { missingLines: string };

async function read(lines: Buffer, parts: readonly Buffer[]): Promise<Outcome | undefined> {
  try {
    const { comparison, missingLines } = await compareChunk(lines, wholeLines(streamed(parts), 'the sink'), { missingLines: true });
    const { points, missing, extra, matched, different, precisionLost } = comparison;
    return {
      points,
      missing,
      extra,
      matched,
      wrong: different + precisionLost,
      missingLines: Buffer.concat(missingLines ?? []).toString('latin1'),
    };
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    expect(error.data.code, error.message).toBe('LSH_VM_EXPORT');
    expect(error.message).toMatch(/^what (the sink|a series) exports is not whole: ./);
    return undefined;
  }
}

fuzz('a damaged export counts as a plain reader counts it, or is refused, wherever it is cut into pieces', 4_000, async (dice) => {
  const chunk = sentLines(dice);
  const sent = Buffer.from(chunk.map(lineText).join(''));
  const whole = Buffer.from(exported(chunk, dice).map(lineText).join(''));
  const bytes = dice.oneIn(8) ? whole : damaged(whole, dice);
  const found = await read(sent, [bytes]);
  const shown = `${sent}\n${bytes.toString('latin1')}`;
  const there = plainly(bytes.toString('latin1'));
  const here = plainly(sent.toString('latin1')) as Points;
  if (there === 'no series') expect(found, shown).toBeUndefined();
  else if (there === 'no lists') {
    // Lists that are none are not always looked at item by item; they are never as the chunk has them.
    if (found !== undefined) expect(found.missing + found.extra + found.wrong, shown).toBeGreaterThan(0);
  } else {
    const { missingLines, ...counts } = found ?? { missingLines: '' };
    const expected = compared(here, there);
    expect(counts, shown).toEqual(expected);
    const missing = plainly(missingLines) as Points;
    expect([...missing.values()].flat().length, shown).toBe(expected.missing);
    for (const [name, values] of missing) expect(here.get(name), shown).toEqual(expect.arrayContaining(values));
  }
  expect(await read(sent, pieces(bytes, dice)), `in pieces: ${shown}`).toEqual(found);
});
