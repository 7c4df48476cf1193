import { fc, test as prop } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { labelPairs } from '../src/client/labels.ts';
import { flagDurationMs, risen } from '../src/client/victoriametrics/counters.ts';
import { canonicalKey, SeriesKeys } from '../src/client/victoriametrics/labels.ts';
import { countItems, viewLines, wholeLines } from '../src/client/victoriametrics/lines.ts';
import { selector } from '../src/client/victoriametrics/selector.ts';
import { fullNumber } from '../src/client/victoriametrics/values.ts';
import { moment } from '../src/client/victoriametrics/wire.ts';

async function* pieces(buffer: Buffer, cuts: number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const cut of [...cuts.map((part) => part % (buffer.length + 1)), buffer.length].sort((a, b) => a - b)) {
    if (cut > at) yield buffer.subarray(at, cut);
    at = Math.max(at, cut);
  }
}

describe('lines', () => {
  const anySeries = fc.record({
    metric: fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), { noNullPrototype: true }),
    values: fc.array(fc.integer(), { minLength: 1, maxLength: 5 }),
  });

  prop.prop([fc.array(anySeries, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 8 })])(
    'are found wherever the stream is cut',
    async (all, cuts) => {
      const text = all
        .map(({ metric, values }) => `${JSON.stringify({ metric, values, timestamps: values.map((_, ms) => ms) })}\n`)
        .join('');
      const seen: unknown[] = [];
      for await (const block of wholeLines(pieces(Buffer.from(text), cuts), 'vm')) {
        for (const line of viewLines(block, 'vm')) {
          const part = (from: number, to: number): string => block.toString('utf8', from, to);
          expect(countItems(block, line.timesStart, line.timesEnd)).toBe(countItems(block, line.valuesStart, line.valuesEnd));
          seen.push({
            metric: JSON.parse(part(line.labelsStart, line.labelsEnd)),
            values: JSON.parse(`[${part(line.valuesStart, line.valuesEnd)}]`),
          });
        }
      }
      expect(seen).toEqual(JSON.parse(JSON.stringify(all)));
    },
  );

  it('are not made of half a line at a clean end', async () => {
    const read = async (): Promise<void> => {
      for await (const block of wholeLines(pieces(Buffer.from('{"metric":{},"values":[1],"timestamps":[1]}\n{"metric"'), []), 'vm'))
        expect(block.length).toBeGreaterThan(0);
    };
    await expect(read()).rejects.toMatchObject({ code: 'LSH_VM_EXPORT', message: expect.stringContaining('ends inside a line') });
  });

  it('have a bound', async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) yield Buffer.alloc(1024 * 1024, '1');
    }
    await expect(wholeLines(endless(), 'vm').next()).rejects.toMatchObject({ code: 'LSH_VM_EXPORT' });
  });
});

describe('labels', () => {
  prop.prop([fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), { noNullPrototype: true })])(
    'have one key in any order',
    (labels) => {
      const backwards = Object.fromEntries(Object.entries({ ...labels, empty: '' }).reverse());
      const keys = new SeriesKeys('vm');
      const forwardText = Buffer.from(JSON.stringify({ ...labels, empty: '' }));
      const backwardText = Buffer.from(JSON.stringify(backwards));
      expect(keys.keyAt(forwardText, 0, forwardText.length)).toBe(keys.keyAt(backwardText, 0, backwardText.length));
      expect(keys.keyAt(forwardText, 0, forwardText.length)).toBe(canonicalKey(String(forwardText), 'vm'));
    },
  );

  it.each([
    ['{"a":"1","a":"2"}', 'a label stands there twice'],
    ['{"a":"1","\\u0061":"2"}', 'a label stands there twice'],
    ['{"a":"1"x,"b":"2"}', 'no object of texts'],
    ['{,"a":"1"}', 'no object of texts'],
    ['{"a":"1",}', 'no object of texts'],
    ['{"a":1}', 'no object of texts'],
    ['["a"]', 'no object of texts'],
    ['', 'no object of texts'],
    ['{"a":"\\x"}', 'no text of JSON'],
  ])('%s are none', (text, reason) => {
    for (const read of [canonicalKey, labelPairs])
      expect(() => read(text, 'the sink')).toThrow(new RegExp(`what the sink exports is not whole: .*${reason}`));
  });

  it('are the same as pairs and as JSON', () =>
    expect(labelPairs('{"b":"\\u00e9\\"","1":""}')).toEqual([
      ['b', 'é"'],
      ['1', ''],
    ]));

  it('differ when a text moves from one to the other', () => {
    expect(canonicalKey('{"a":"b\\",\\"c"}', 'vm')).not.toBe(canonicalKey('{"a":"b","c":""}', 'vm'));
  });
});

describe('numbers', () => {
  prop.prop([fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer())])('are read as JavaScript reads them', (number) => {
    for (const text of [String(number), number.toFixed(6), number.toPrecision(17)]) {
      expect(fullNumber(Buffer.from(`[${text}]`), 1, text.length + 1)).toEqual(Number(text) === 0 ? expect.closeTo(0) : Number(text));
    }
  });

  it.each(['', '-', '.', 'null', '"x"', '1,2'])('are not made of %j', (text) =>
    expect(fullNumber(Buffer.from(text), 0, text.length)).toBeNaN(),
  );
  it.each([
    ['"Infinity"', Infinity],
    ['"-Infinity"', -Infinity],
    ['1.5E10', 1.5e10],
    ['4.2e-05', 4.2e-5],
  ])('%s is %d', (text, number) => {
    expect(fullNumber(Buffer.from(text), 0, text.length)).toBe(number);
  });
});

describe('selectors and moments', () => {
  it('quote what is in a name', () => {
    expect(selector('kilda.a"b\\c größe{}\n', { host: 'x"', 'a-b c': '1' })).toBe(
      '{__name__="kilda.a\\"b\\\\c größe{}\\x0a",host="x\\"",a\\-b\\ c="1"}',
    );
  });

  it('carry three tenths of a ms past every rounding', () => expect(moment(1_678_233_600_001)).toBe('2023-03-08T00:00:00.0013Z'));
});

describe('counters', () => {
  it.each([
    ['1m0s', 60_000],
    ['720h0m0s', 2_592_000_000],
    ['0s', 0],
    ['0', 0],
    ['1.5s', 1500],
    ['1d', 86_400_000],
    ['12', undefined],
    ['', undefined],
  ])('a flag of %j is %s ms', (text, ms) => expect(flagDurationMs(text)).toBe(ms));

  it('show what rose, also across a restart', () => {
    const before = { ignored: { small_timestamp: 5 }, invalid: { vmimport: 7 }, inserted: 9 };
    const after = { ignored: { small_timestamp: 6, big_timestamp: 0 }, invalid: { vmimport: 2 }, inserted: 3 };
    expect(risen(before, after)).toEqual({ 'ignored small_timestamp': 1, 'invalid vmimport': 2 });
  });
});
