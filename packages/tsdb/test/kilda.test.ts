/** The formats of the kilda tools, against an independent reading of them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fc, test as property } from '@fast-check/vitest';
import { systemClock, systemRandom } from '@longshore/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DumpFile, FrameRows, fileName, kildaFolder, parseRow, putObject, rowIn, survey } from '../src/client/kilda/index.ts';
import { asciiJson, dumpedNumber, floatRepr, parseTagsRepr, tagsRepr, textRepr } from '../src/client/kilda/python.ts';
import { rowMiddle, rowText } from '../src/client/kilda/rows.ts';

describe('numbers as Python writes them', () => {
  test.each([
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [0.1, '0.1'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [4.2e-5, '4.2e-05'],
    [-1.25e-7, '-1.25e-07'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [1e22, '1e+22'],
    [123456.789, '123456.789'],
    [9007199254740992, '9007199254740992.0'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [5e-324, '5e-324'],
  ])('%d is %s', (value, text) => expect(floatRepr(value)).toBe(text));

  test.each([
    ['9007199254740993', '9007199254740992.0'],
    ['9223372036854775807', '9.223372036854776e+18'],
    ['3.0', '3'],
    ['-0.0', '0'],
    ['1E22', '10000000000000000000000'],
    ['0.30000001192092896', '0.30000001192092896'],
  ])('%s is dumped as %s', (text, dumped) => expect(dumpedNumber(text)).toBe(dumped));

  property.prop([fc.double({ noNaN: true, noDefaultInfinity: true })])('read back as the same double', (value) => {
    expect(Number(floatRepr(value))).toBe(value);
  });
});

/** Names of any letters; a lone surrogate cannot stand in UTF-8. */
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const tags = fc.uniqueArray(fc.tuple(text, text), { selector: ([key]) => key, maxLength: 8 });

describe('texts and tags', () => {
  test('a quote inside turns the quotes', () => {
    expect(textRepr("it's")).toBe('"it\'s"');
    expect(textRepr('both \' and "')).toBe(`'both \\' and "'`);
    expect(textRepr('a\u00a0b\u{e0001}\n')).toBe("'a\\xa0b\\U000e0001\\n'");
    expect(asciiJson('größe\u007f😀')).toBe('"gr\\u00f6\\u00dfe\\u007f\\ud83d\\ude00"');
  });

  property.prop([tags])('tags come back as they were', (pairs) => {
    expect(parseTagsRepr(tagsRepr(pairs))).toEqual(pairs);
  });
});

const number = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);
const timeMs = fc.integer({ min: 4_294_967_296, max: 9_999_999_999_999 });

describe('rows', () => {
  property.prop([timeMs, text.filter((name) => name !== ''), tags.filter((pairs) => pairs.every((pair) => !pair.includes(''))), number], {
    numRuns: 1_000,
  })('come back as they were', (ms, metric, pairs, value) => {
    const row = rowText(ms, rowMiddle(metric, pairs), value);
    expect(row.endsWith('\r\n')).toBe(true);
    const found = parseRow(row.slice(0, -2));
    if (/[\r\n]/.test(metric)) return;
    expect(found).toMatchObject({ timestampMs: ms, metric, tags: pairs });
    expect(Number((found as { value: string }).value) + 0).toBe(Number(value) + 0);
    expect(JSON.parse(putObject(found as Parameters<typeof putObject>[0]))).toMatchObject({ metric, timestamp: ms });
  });

  test.each([
    ["{'h': '1', 'h': '2'}", 'one stands there twice'],
    ["{'h': ''}", 'one is empty'],
    ["{'': '1'}", 'one is empty'],
    ["{'h': '\\ud800'}", 'one is no Unicode text'],
    ["{'__name__': 'b'}", '__name__ is the name of the metric'],
  ])('tags that no series has, %s, are none', (pairs, reason) => {
    expect(parseRow(`1678233600.0|kilda.a|${pairs}|1`)).toEqual({ wrong: expect.stringContaining(reason) });
  });

  test('a time before 1970 is none, nor is a row that is not UTF-8', () => {
    expect(parseRow("-1678233600.0|kilda.a|{'h': '1'}|1")).toEqual({ wrong: '"-1678233600.0" is no time' });
    expect(rowIn(Buffer.from("1678233600.0|kilda.a|{'h': 'gr\xf6\xdfe'}|1\r\n", 'latin1'))).toEqual({ wrong: 'it is not UTF-8' });
  });
});

describe('frames', () => {
  const line = (host: string, times: number[], values: string[]): string =>
    `{"metric":{"__name__":"kilda.a","host":"${host}"},"values":[${values.join(',')}],"timestamps":[${times.join(',')}]}\n`;
  const HOUR = 1_678_233_600_000;

  test('a query of many frames gives the rows of queries of one frame each, whatever their borders', () => {
    const whole = Buffer.from(
      line('a', [HOUR, HOUR + 60_000, HOUR + 180_000], ['1', '2.5', '3']) + line('b', [HOUR + 1, HOUR + 359_999], ['4', '5']),
    );
    const once = new FrameRows('kilda.a', 180);
    once.add(whole);
    const expected = once.take(Number.POSITIVE_INFINITY)!;
    const parts = new FrameRows('kilda.a', 180);
    parts.add(Buffer.from(line('a', [HOUR, HOUR + 60_000], ['1', '2.5']) + line('b', [HOUR + 1], ['4'])));
    expect(parts.take(HOUR + 100_000)).toBeUndefined();
    parts.add(Buffer.from(line('a', [HOUR + 180_000], ['3']) + line('b', [HOUR + 359_999], ['5'])));
    expect(parts.take(HOUR + 360_000)).toEqual(expected);
    expect(expected.rows.toString().split('\r\n')[1]).toBe("1678233660.0|kilda.a|{'host': 'a'}|2.5");
    expect(expected).toMatchObject({ points: 5, lastFrameS: HOUR / 1000 + 180 });
  });
});

describe('a folder', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'longshore-kilda-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const deps = {
    clock: systemClock,
    random: systemRandom,
    signal: new AbortController().signal,
    log: { debug() {}, info() {}, warn() {}, error() {} },
  };
  const open = () =>
    kildaFolder.connect({ name: 'f', system: 'folder', address: pathToFileURL(dir).href, settings: {}, secrets: {} }, deps);

  test('names cannot lead out of it', () => {
    expect(fileName('kilda.a/b')).toBe('kilda.a%2Fb');
    expect(fileName('../x')).toBe('%2E.%2Fx');
    expect(fileName('größe-1_2.3')).toBe('größe-1_2.3');
  });

  const row = (s: number, value: number): string => rowText(s * 1000, rowMiddle('kilda.a', [['h', '1']]), String(value));

  test('the last frame is not believed, nor anything behind a row that was cut', async () => {
    const path = join(dir, 'kilda.a.ndjson');
    const whole = row(0, 1) + row(100, 2);
    await writeFile(path, whole + row(180, 3) + row(200, 4).slice(0, 12));
    expect(await survey(path, 180)).toMatchObject({ firstFrameS: 0, resumeS: 180, wholeBytes: whole.length, lastMs: 180_000 });
    await writeFile(path, `${whole}${row(180, 3)}\n${row(180, 3)}`);
    expect(await survey(path, 180)).toMatchObject({ resumeS: 180, wholeBytes: whole.length, irregular: expect.stringContaining('blank') });
  });

  test('rows that are there already stay, and what a restore has read is not sent again', async () => {
    await using folder = open();
    const before = row(0, 1) + row(10, 2);
    await writeFile(folder.rowsPath('kilda.a'), before);
    await folder.setRestored('kilda.a', before.length);
    {
      await using file = await DumpFile.open(folder, 'kilda.a', 0);
      await file.write(Buffer.from(before + row(20, 3)), { startS: 0, endS: 179 });
      await file.finish();
    }
    expect(await readFile(folder.rowsPath('kilda.a'), 'utf8')).toBe(before + row(20, 3));
    expect(await folder.restored('kilda.a')).toBe(before.length);
    {
      await using file = await DumpFile.open(folder, 'kilda.a', 0);
      await file.write(Buffer.from(row(0, 9)), { startS: 0, endS: 179 });
      await file.finish();
    }
    expect(await readFile(folder.rowsPath('kilda.a'), 'utf8')).toBe(row(0, 9));
    expect(await folder.restored('kilda.a')).toBe(0);
  });
});
