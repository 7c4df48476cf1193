/**
 * Damaged files of the kilda tools' folders, against a plain reader that goes through rows by regular expressions: the same rows, or a reason for
 * each that is none; and never another place to go on from than the one that was written.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LongshoreError, systemClock, systemRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import { afterAll, beforeAll, expect } from 'vitest';
import { linesIn, rowIn, surveyLines } from '../../../packages/tsdb/src/client/kilda/dump-file.ts';
import { type KildaFolder, kildaFolder } from '../../../packages/tsdb/src/client/kilda/index.ts';
import { rowMiddle, rowText } from '../../../packages/tsdb/src/client/kilda/rows.ts';
import type { Dice } from './harness.ts';
import { damaged, fuzz, pieces } from './harness.ts';

const FRAME_S = 180;
const START_MS = 1_678_233_600_000;

type PlainRow = [ms: number, metric: string, tags: [string, string][], value: string];

/** A field in quotes, those in it doubled; or one without a quote at its beginning. A pipe stands behind each. */
const FIELD = /(?:"((?:[^"]|"")*)"|((?!")[^|]*))\|/y;
const TAG_TEXT = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/sy;
const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|(.))/gsu;
const NAMED = new Map([...'abfnrtv'].map((letter, at) => [letter, '\u0007\b\f\n\r\t\v'[at]!]));
const NUMBER = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;

function plainFields(line: string): string[] | undefined {
  const fields: string[] = [];
  for (FIELD.lastIndex = 0; FIELD.lastIndex <= line.length; ) {
    const found = FIELD.exec(`${line}|`);
    if (found === null) return undefined;
    fields.push(found[1]?.replaceAll('""', '"') ?? found[2]!);
  }
  return fields;
}

function plainText(raw: string): string | undefined {
  let wrong = false;
  const text = raw.replace(ESCAPE, (whole, x, u, big, octal, other: string | undefined) => {
    const hex: string | undefined = x ?? u ?? big;
    if (hex !== undefined) {
      const code = Number.parseInt(hex, 16);
      if (code > 0x10ffff) wrong = true;
      return wrong ? '' : String.fromCodePoint(code);
    }
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
    if (other === '\n') return '';
    if (other === '\\' || other === "'" || other === '"') return other;
    if ('xuU'.includes(other!)) wrong = true;
    return NAMED.get(other!) ?? whole;
  });
  return wrong ? undefined : text;
}

function plainTags(text: string): [string, string][] | undefined {
  const inner = /^ *\{(.*)\} *$/s.exec(text)?.[1];
  if (inner === undefined) return undefined;
  const tags: [string, string][] = [];
  let at = 0;
  const blanks = (): void => {
    while (inner[at] === ' ') at++;
  };
  const string = (): string | undefined => {
    TAG_TEXT.lastIndex = at;
    const found = TAG_TEXT.exec(inner);
    if (found === null) return undefined;
    at = TAG_TEXT.lastIndex;
    return plainText(found[1] ?? found[2]!);
  };
  for (blanks(); at < inner.length; blanks()) {
    const key = string();
    blanks();
    if (key === undefined || inner[at++] !== ':') return undefined;
    blanks();
    const value = string();
    if (value === undefined) return undefined;
    tags.push([key, value]);
    blanks();
    if (at < inner.length && inner[at++] !== ',') return undefined;
  }
  const names = tags.map(([key]) => key);
  const odd =
    new Set(names).size < names.length || names.includes('__name__') || tags.flat().some((one) => one === '' || !one.isWellFormed());
  return odd ? undefined : tags;
}

/** The row in the bytes of a line with its end; undefined when there is none. */
function plainRow(bytes: Buffer): PlainRow | undefined {
  const line = bytes.toString('utf8');
  if (!line.endsWith('\r\n') || !Buffer.from(line).equals(bytes)) return undefined;
  const fields = plainFields(line.slice(0, -2));
  if (fields?.length !== 4) return undefined;
  const [time, metric, tagText, value] = fields as [string, string, string, string];
  const ms = Math.round(Number(time) * 1000);
  const tags = plainTags(tagText);
  if (!NUMBER.test(time) || time.startsWith('-') || !Number.isSafeInteger(ms) || metric === '' || tags === undefined) return undefined;
  return NUMBER.test(value) && Number.isFinite(Number(value)) ? [ms, metric, tags, value] : undefined;
}

/** Places of lines with their ends. */
function plainLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += lines.at(-1)!.length) {
    const feed = bytes.indexOf(10, at);
    lines.push(bytes.subarray(at, feed < 0 ? bytes.length : feed + 1));
  }
  return lines;
}

/** What a dump would go on from; `odd`: the byte of what no dump leaves. */
function plainSurvey(bytes: Buffer): object {
  const rows: { ms: number; at: number; frame: number }[] = [];
  let at = 0;
  let odd: number | undefined;
  for (const line of plainLines(bytes)) {
    if (line.at(-1) !== 10) break;
    const row = plainRow(line);
    const frame = row === undefined ? 0 : Math.floor(row[0] / (FRAME_S * 1000));
    if (row === undefined || frame < (rows.at(-1)?.frame ?? 0)) {
      odd = at;
      break;
    }
    rows.push({ ms: row[0], at, frame });
    at += line.length;
  }
  const last = rows.at(-1)?.frame;
  return {
    wholeBytes: rows.find(({ frame }) => frame === last)?.at ?? 0,
    first: rows[0] === undefined ? undefined : rows[0].frame * FRAME_S,
    resume: last === undefined ? undefined : last * FRAME_S,
    lastMs: last === undefined ? undefined : Math.max(...rows.map(({ ms }) => ms)),
    odd,
  };
}

async function* streamed(parts: readonly Buffer[]): AsyncGenerator<Buffer, void, undefined> {
  yield* parts;
}

const TEXTS = ['h1', 'größe', "it's", '"', '|', 'both \' and "', '\\', '\u00a0', '😀', '\n', 'a,b: {c}', '{}'];

/** As other programs may spell them, or nobody. */
const SPELLINGS = [
  String.raw`{'a': '\101\x41\u00e9\U0001f600\q\7'}`,
  String.raw`{'a': '\777', 'b': '\0'}`,
  String.raw`{'\a\b\f\n\r\t\v': '\'\"\\'}`,
  `"{'a' :""b"", }"`,
  `{ 'a':'b','c' : 'd'}`,
  `{'h': '1', 'h': '2'}`,
  `{'__name__': 'kilda.b'}`,
  `{'h': ''}`,
  '{}',
  '{,}',
];

function file(dice: Dice): Buffer {
  let ms = START_MS + dice.below(1000) * dice.below(2);
  let text = '';
  for (let left = dice.below(8); left > 0; left--) {
    ms += dice.oneIn(10) ? -dice.below(200_000) : dice.below(dice.oneIn(3) ? 400_000 : 60_000);
    const tags = new Map(dice.times(dice.below(3), (at) => [dice.oneIn(2) ? `t${at}` : dice.pick(TEXTS), dice.pick(TEXTS)] as const));
    const value = dice.oneIn(3)
      ? `${dice.below(1000)}.${dice.below(1000)}`
      : dice.pick(['1', '-3', '9223372036854775807', '1E22', '4.9E-324']);
    text += rowText(ms, rowMiddle(dice.oneIn(8) ? 'größe "|"' : 'kilda.a', tags), value);
    if (dice.oneIn(8)) text += `${ms / 1000}|kilda.a|${dice.pick(SPELLINGS)}|1\r\n`;
    if (dice.oneIn(20)) text += '\r\n';
  }
  return Buffer.from(text);
}

fuzz(
  'damaged rows are those of a plain reader, each of the others has its reason, wherever the file is cut into pieces',
  4_000,
  async (dice) => {
    const whole = file(dice);
    const bytes = dice.oneIn(10) ? whole : damaged(whole, dice);
    const shown = JSON.stringify(bytes.toString('latin1'));
    const lines: Buffer[] = [];
    for await (const line of linesIn(streamed(pieces(bytes, dice)), 'a file', 1 << 20)) lines.push(line);
    expect(lines, shown).toEqual(plainLines(bytes));
    for (const line of lines.filter((one) => one.at(-1) === 10)) {
      const row = rowIn(line);
      const expected = plainRow(line);
      if ('wrong' in row) {
        expect(expected, `${row.wrong}: ${JSON.stringify(line.toString('latin1'))}`).toBeUndefined();
        expect(row.wrong).toMatch(/./);
      } else expect([row.timestampMs, row.metric, row.tags, row.value], JSON.stringify(line.toString('latin1'))).toEqual(expected);
    }
    const { irregular, firstFrameS, resumeS, wholeBytes, lastMs } = await surveyLines(streamed(lines), FRAME_S);
    const odd = irregular === undefined ? undefined : Number(/at byte (\d+)$/.exec(irregular)?.[1]);
    expect({ wholeBytes, first: firstFrameS, resume: resumeS, lastMs, odd }, shown).toEqual(plainSurvey(bytes));
  },
);

let path: string;
let folder: KildaFolder;
beforeAll(() => {
  path = mkdtempSync(join(tmpdir(), 'longshore-fuzz-kilda-'));
  const deps = { clock: systemClock, random: systemRandom, log: silentLog, signal: new AbortController().signal };
  const address = pathToFileURL(path).href;
  folder = kildaFolder.connect({ name: 'a', system: 'folder', address, settings: {}, secrets: {} }, deps);
});
afterAll(() => rmSync(path, { recursive: true, force: true }));

async function orRefused<T>(run: () => Promise<T>, name: string): Promise<T | 'refused'> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    expect(error.data.code).toBe('LSH_TSDB_FOLDER');
    expect(error.message).toContain(name);
    return 'refused';
  }
}

function plainJson(bytes: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

fuzz(
  'what is damaged of the notes beside the rows is refused, or says what stands there',
  300,
  async (dice) => {
    const [start, offset] = [START_MS / 1000 + dice.below(1e6), dice.below(1e9)];
    const sinks = dice.times(dice.below(3), (at) => `http://sink-${at}:4242`);
    const change = (text: string): Buffer => (dice.oneIn(10) ? Buffer.from(text) : damaged(Buffer.from(text), dice));
    const dump = change(`{"start": ${start}.0, "end": ${start + FRAME_S - 1}.0}`);
    const restore = change(`{"offset": ${offset}}`);
    const doubt = change(JSON.stringify({ sinks }));
    writeFileSync(join(path, 'a.dmeta.json'), dump);
    writeFileSync(join(path, 'a.ndjson.rmeta.json'), restore);
    writeFileSync(join(path, '.restoring.json'), doubt);
    const said = plainJson(restore).offset;
    const isOffset = Number.isSafeInteger(said) && (said as number) >= 0;
    expect(await orRefused(() => folder.restored('a'), 'a.ndjson.rmeta.json'), String(restore)).toBe(isOffset ? said : 'refused');
    const named = plainJson(doubt).sinks;
    const isList = Array.isArray(named) && named.every((one) => typeof one === 'string');
    expect(await orRefused(() => folder.inDoubt(), '.restoring.json'), String(doubt)).toEqual(isList ? named : 'refused');
    // Without them a dump finds out by itself how far it has come.
    const { start: from, end } = plainJson(dump);
    const isFrame = Number.isFinite(from) && Number.isFinite(end);
    expect(await folder.dumpMeta('a'), String(dump)).toEqual(isFrame ? { startS: from, endS: end } : undefined);
  },
  20_000,
);
