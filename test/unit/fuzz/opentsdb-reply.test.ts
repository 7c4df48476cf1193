/** The reader of `/api/query` on damaged replies, against a plain reading of the same bytes: the same points and problems, or an error. */
import { isUtf8 } from 'node:buffer';
import { LongshoreError } from '@longshore/core';
import { expect } from 'vitest';
import { ReplyScanner } from '../../../packages/tsdb/src/client/opentsdb/scanner.ts';
import type { Dice } from './harness.ts';
import { damaged, fuzz, pieces } from './harness.ts';
import type { Naive } from './naive-json.ts';
import { naiveJson } from './naive-json.ts';

const METRIC = 'kilda.a';
const FRAME = { startMs: 1_678_233_600_000, stopMs: 1_678_237_200_000 };

type Point = [labels: string, ms: number, value: string];
interface Reading {
  points: Point[];
  problems: Record<string, number>;
  /** As JSON: labels or null, tsuid, start in ms, fields. */
  annotations: string[];
}
/** How a reply was asked for. */
interface Asked {
  seconds: boolean;
  annotations: boolean;
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/;
const ONCE = ['metric', 'tags', 'aggregateTags', 'dps', 'error', 'annotations', 'globalAnnotations', 'statsSummary'];
const LONGEST = 256;

const wordsOf =
  (asked: Asked) =>
  (word: string, [key]: readonly string[]): boolean => {
    if (word.length > LONGEST) return false;
    if (NUMBER.test(word) || word === 'null' || word === 'true' || word === 'false') return true;
    if (key === 'dps') return /^([-+]?(NaN|Inf|Infinity)|\d+)$/i.test(word);
    return key !== 'aggregateTags' && !(key === 'annotations' && asked.annotations) && /^(NaN|-?Infinity)$/.test(word);
  };

class Wrong extends Error {}
const must = (condition: boolean): void => {
  if (!condition) throw new Wrong();
};
const inUtf8 = (raw: string): boolean => isUtf8(Buffer.from(raw, 'latin1'));

/** Undefined: no reply, or an error in it. */
function plainly(bytes: Buffer, asked: Asked): Reading | undefined {
  const reply = naiveJson(bytes.toString('latin1'), wordsOf(asked));
  const reading: Reading = { points: [], problems: {}, annotations: [] };
  try {
    must(reply?.kind === 'list');
    for (const one of (reply as Extract<Naive, { kind: 'list' }>).items) object(one, reading, asked);
  } catch (error) {
    if (error instanceof Wrong) return undefined;
    throw error;
  }
  return reading;
}

/** As `JSON.parse` has it. */
function plainValue(value: Naive): unknown {
  if (value.kind === 'text') {
    must(inUtf8(value.raw));
    return value.text;
  }
  if (value.kind === 'list') return value.items.map(plainValue);
  if (value.kind === 'word') return JSON.parse(value.word);
  for (const [, raw] of value.pairs) must(inUtf8(raw));
  return Object.fromEntries(value.pairs.map(([key, , item]) => [key, plainValue(item)]));
}

/** Undefined when it is of another time. */
function annotation(item: Naive): { tsuid: string; startMs: number; fields: object } | undefined {
  must(item.kind === 'object');
  const { tsuid, ...fields } = plainValue(item) as Record<string, unknown>;
  const { startTime } = fields;
  if (typeof tsuid !== 'string' || typeof startTime !== 'number') throw new Wrong();
  must(Number.isSafeInteger(startTime));
  const startMs = startTime < 2 ** 32 ? startTime * 1000 : startTime;
  return startMs >= FRAME.startMs && startMs < FRAME.stopMs ? { tsuid, startMs, fields } : undefined;
}

function object(one: Naive, { points, problems, annotations }: Reading, asked: Asked): void {
  if (one.kind !== 'object') throw new Wrong();
  const add = (kind: string, count = 1): void => {
    problems[kind] = (problems[kind] ?? 0) + count;
  };
  const seen = new Set<string>();
  let [other, aggregated, nameless] = [false, false, false];
  let bad = false;
  let tags: [string, string][] = [];
  const found: [number, string][] = [];
  const noted: NonNullable<ReturnType<typeof annotation>>[] = [];
  const objection = (): string | undefined => (other ? 'other-metric' : aggregated ? 'aggregated' : bad ? 'bad-label' : undefined);
  for (const [, key, value] of one.pairs) {
    if (ONCE.includes(key)) must(!seen.has(key));
    seen.add(key);
    must(key !== 'error');
    if (key === 'metric') {
      if (value.kind !== 'text') throw new Wrong();
      must(inUtf8(value.raw));
      other = value.text !== METRIC;
      nameless = value.text === '';
    } else if (key === 'tags') {
      if (value.kind !== 'object') throw new Wrong();
      tags = value.pairs.map(([name, raw, tag]) => {
        if (tag.kind !== 'text') throw new Wrong();
        must(inUtf8(raw) && inUtf8(tag.raw));
        return [name, tag.text];
      });
      must(tags.length <= 256);
      const texts = tags.flat();
      bad = new Set(tags.map(([name]) => name)).size < tags.length || texts.some((text) => text === '' || !text.isWellFormed());
      bad ||= tags.some(([name]) => name === '__name__');
    } else if (key === 'aggregateTags') {
      must(value.kind === 'list' || (value.kind === 'word' && value.word === 'null'));
      aggregated = value.kind === 'list' && value.items.length > 0;
    } else if (key === 'annotations' || key === 'globalAnnotations') {
      must(value.kind === 'list' || (value.kind === 'word' && value.word === 'null'));
      if (value.kind !== 'list') continue;
      if (key === 'annotations' && asked.annotations) noted.push(...value.items.flatMap((item) => annotation(item) ?? []));
      else if (value.items.length > 0) add('annotations');
    } else if (key === 'dps') {
      dps(value, objection() === undefined ? add : () => undefined, found, asked.seconds);
    }
  }
  if (!seen.has('metric')) {
    if (!seen.has('statsSummary')) add('unknown-object');
    return;
  }
  // So a series comes that has annotations and no point.
  const untold = nameless && found.length === 0;
  const why = objection();
  const labels = JSON.stringify([['__name__', METRIC], ...tags]);
  const told = !untold && seen.has('tags') && why === undefined ? labels : null;
  for (const { tsuid, startMs, fields } of noted) annotations.push(JSON.stringify([told, tsuid, startMs, fields]));
  if (untold) return;
  if (why !== undefined) add(why, Math.max(1, found.length));
  else {
    for (const [ms, number] of found) points.push([labels, ms, number]);
  }
}

function dps(value: Naive, add: (kind: string) => void, found: [number, string][], seconds: boolean): void {
  if (value.kind === 'word' && value.word === 'null') return;
  let pairs: (readonly [string, Naive])[];
  if (value.kind === 'object') pairs = value.pairs.map(([, raw, item]) => [raw, item] as const);
  else if (value.kind === 'list')
    pairs = value.items.map((item) => {
      if (item.kind !== 'list' || item.items.length !== 2) throw new Wrong();
      const [time, number] = item.items as [Naive, Naive];
      if (time.kind !== 'word') throw new Wrong();
      return [time.word, number] as const;
    });
  else throw new Wrong();
  for (const [time, item] of pairs) {
    must(/^\d{1,13}$/.test(time));
    const ms = seconds && time.length <= 10 ? Number(time) * 1000 : Number(time);
    must(item.kind === 'word' || item.kind === 'text');
    const bare = item.kind === 'word' ? item.word : (item as { raw: string }).raw;
    const number = bare.length <= LONGEST && NUMBER.test(bare);
    let problem: string | undefined;
    if (bare === 'null') problem = 'null';
    else if (/^[-+]?Inf(inity)?$/i.test(bare)) problem = 'infinite';
    else if (!number) {
      must(item.kind === 'text' || /^([-+]?NaN|true|false)$/i.test(bare));
      must(item.kind === 'text' || !/^(true|false)$/i.test(bare) || bare === bare.toLowerCase());
      problem = 'nan';
    }
    if (ms < FRAME.startMs || ms >= FRAME.stopMs) add('outside-frame');
    else if (problem !== undefined) add(problem);
    else {
      if (found.at(-1)?.[0] === ms) add('duplicate-time');
      found.push([ms, bare]);
    }
  }
}

type Outcome = Reading | { code: string; at: number | undefined };

async function scanned(parts: Buffer[], asked: Asked): Promise<Outcome> {
  const lines: Buffer[] = [];
  const scanner = new ReplyScanner({ metric: METRIC, frame: FRAME, what: 'the test', ...asked }, async (bytes) => {
    lines.push(Buffer.from(bytes));
  });
  try {
    for (const part of parts) {
      const wait = scanner.push(part);
      if (wait !== undefined) await wait;
    }
    const summary = await scanner.end();
    const points = Buffer.concat(lines).toString('latin1').split('\n').slice(0, -1).flatMap(pointsIn);
    expect(summary.points).toBe(points.length);
    expect(summary.series.reduce((sum, series) => sum + series.points, 0)).toBe(points.length);
    const annotations = summary.found.map(({ labels, tsuid, startMs, fields }) =>
      JSON.stringify([
        labels === undefined ? null : labelsIn(naiveJson(Buffer.from(labels).toString('latin1'), () => false)),
        tsuid,
        startMs,
        fields,
      ]),
    );
    return { points, annotations, problems: Object.fromEntries(summary.problems.map(({ kind, count }) => [kind, count])) };
  } catch (error) {
    await scanner.abandon();
    if (!(error instanceof LongshoreError)) throw error;
    const at = /at byte (\d+)\)$/.exec(error.message)?.[1];
    return { code: error.data.code, at: at === undefined ? undefined : Number(at) };
  }
}

function labelsIn(labels: Naive | undefined): string {
  if (labels?.kind !== 'object') throw new Error('no labels');
  return JSON.stringify(labels.pairs.map(([name, , value]) => [name, (value as { text: string }).text]));
}

/** The points of an import line. */
function pointsIn(line: string): Point[] {
  const read = naiveJson(line, (word) => NUMBER.test(word));
  if (read?.kind !== 'object') throw new Error(`no line: ${line}`);
  const [metric, values, times] = read.pairs.map(([, , value]) => value);
  if (metric?.kind !== 'object' || values?.kind !== 'list' || times?.kind !== 'list') throw new Error(`no line: ${line}`);
  const labels = labelsIn(metric);
  expect(times.items.length).toBe(values.items.length);
  return times.items.map((time, at) => [labels, Number((time as { word: string }).word), (values.items[at] as { word: string }).word]);
}

const TEXTS = ['host', 'a', 'größe', '日本', '😀', 'it\'s "x"', '\\', 'b|c=d{e}', '__name__', '', 'x'.repeat(70)];
const VALUES = ['1', '0', '-0', '2.5', '-3', '1.5E10', '4.9E-324', '9223372036854775807', '-9223372036854775808', '0.30000001192092896'];
const ODD_VALUES = [
  'NaN',
  'null',
  'Infinity',
  '-Infinity',
  '"NaN"',
  '"42"',
  'true',
  '"',
  '007',
  '1.',
  '1e',
  '--1',
  '+1',
  '1'.repeat(257),
  'nan',
  'null"',
  'Infinity"',
];
const EXTRAS = [
  '"tsuids":["000001"]',
  '"annotations":[{"tsuid":"01","notes":"a \\"b\\" ]}","custom":{"x":[1,2.5,null]}}]',
  '"annotations":[]',
  '"annotations":null',
  '"annotations":{}',
  '"annotations":[{"tsuid":"01","startTime":1678233600},]',
  '"annotations":[,{"tsuid":"01","startTime":1678233600}{"tsuid":"02","startTime":1678233601}]',
  '"annotations":[{"tsuid":"01","startTime":1678233600,"notes":"größe \\u00e9"}, {"startTime":1678233600123,"endTime":0,"tsuid":"02"}]',
  '"annotations":[{"tsuid":"01","startTime":1678237200},{"custom":{"x":"]}"},"tsuid":"03","startTime":1678233601.0}]',
  '"globalAnnotations":[{}]',
  '"query":{"aggregator":"none","x":[[],{},[{"y":"\\\\"}]]}',
  '"stats":{"a":NaN,"b":-1.5e3,"c":true}',
];

function text(dice: Dice): string {
  const plain = JSON.stringify(dice.pick(TEXTS));
  return dice.oneIn(6) ? plain.replace(/[a-zä-ü]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`) : plain;
}

function series(dice: Dice): string {
  let ms = FRAME.startMs + (dice.oneIn(6) ? -5 : dice.below(1000));
  const list = dice.oneIn(2);
  const space = dice.oneIn(8) ? ' ' : '';
  const entries = dice.times(dice.below(6), () => {
    ms += dice.oneIn(8) ? -dice.below(3) : dice.below(dice.oneIn(8) ? 4_000_000 : 100_000);
    const value = dice.oneIn(12) ? dice.pick(ODD_VALUES) : dice.pick(VALUES);
    return list ? `[${space}${ms},${space}${value}]` : `"${ms}":${value}${space}`;
  });
  const tags = dice.times(dice.below(4), () => `${text(dice)}${space}:${text(dice)}`);
  const parts = [
    `"metric":${dice.oneIn(12) ? text(dice) : '"kilda.a"'}`,
    `"tags":{${tags.join()}}`,
    `"aggregateTags":[${dice.oneIn(12) ? text(dice) : ''}]`,
    `"dps":${list ? `[${entries.join()}]` : `{${entries.join()}}`}`,
    ...(dice.oneIn(3) ? [dice.pick(EXTRAS)] : []),
  ];
  if (dice.oneIn(3)) parts.sort(() => dice.below(3) - 1);
  return `{${parts.join(`${space},${space}`)}}`;
}

function reply(dice: Dice): Buffer {
  const objects = dice.times(dice.below(4), () => series(dice));
  if (dice.oneIn(12)) objects.push('{"statsSummary":{"avgHBaseTime":1.0}}');
  if (dice.oneIn(20)) objects.push('{"error":{"code":500,"message":"boom"}}');
  return Buffer.from(`[${objects.join()}]`);
}

fuzz(
  'a damaged reply gives what a plain reader finds in it, or an error that names the place, wherever it is cut into pieces',
  4_000,
  async (dice) => {
    const whole = reply(dice);
    const bytes = dice.oneIn(10) ? whole : damaged(whole, dice);
    const asked = { seconds: dice.oneIn(4), annotations: dice.oneIn(2) };
    const outcome = await scanned([bytes], asked);
    const shown = bytes.toString('latin1');
    // How long a number may be depends on the room there is for it.
    if (/[^\s,[\]{}]{257}/.test(shown)) return;
    const expected = plainly(bytes, asked);
    if ('code' in outcome) {
      expect(expected, `${outcome.code} at ${outcome.at}: ${shown}`).toBeUndefined();
      expect(outcome.code).toMatch(/^LSH_TSDB_(MALFORMED_REPLY|TRUNCATED_REPLY|ERROR_IN_REPLY)$/);
      if (outcome.code === 'LSH_TSDB_MALFORMED_REPLY') expect(outcome.at).toBeLessThanOrEqual(bytes.length);
    } else expect(outcome, shown).toEqual(expected);
    const inPieces = await scanned(pieces(bytes, dice), asked);
    // The place may be that of the token or one in it.
    expect('code' in inPieces ? inPieces.code : inPieces, `in pieces: ${shown}`).toEqual('code' in outcome ? outcome.code : outcome);
  },
);
