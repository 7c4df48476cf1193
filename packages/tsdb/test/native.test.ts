/** Native blocks: as real servers have sent them, as the stand-in writes them, and broken in every way. */
import { readFileSync } from 'node:fs';
import { fc, test as prop } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { storeBlock } from '../../sandbox/src/victoria-metrics/decimal.ts';
import { encodeBlock, encodeWholes, nativeReply } from '../../sandbox/src/victoria-metrics/native.ts';
import { compareChunk } from '../src/client/victoriametrics/compare.ts';
import { canonicalKey, SeriesKeys } from '../src/client/victoriametrics/labels.ts';
import { viewLines } from '../src/client/victoriametrics/lines.ts';
import type { BlockLayout } from '../src/client/victoriametrics/native/block.ts';
import { NativeBlock, readHead } from '../src/client/victoriametrics/native/block.ts';
import { ChunkConfirm, ConfirmBuffers, NotConfirmed } from '../src/client/victoriametrics/native/confirm.ts';
import { decodeInt64s, floatOf, Undecodable } from '../src/client/victoriametrics/native/int64s.ts';
import { NativeNames } from '../src/client/victoriametrics/native/names.ts';
import { NativeReply } from '../src/client/victoriametrics/native/reply.ts';
import { SentPoints } from '../src/client/victoriametrics/native/sent.ts';
import type { Comparison, TimeRange } from '../src/model.ts';

interface Recorded {
  version: string;
  layout: BlockLayout;
  name: string;
  startMs: number;
  stopMs: number;
  lines: string[];
  reply: string;
}

const { replies }: { replies: Recorded[] } = JSON.parse(
  readFileSync(new URL('../../../test/vectors/tsdb/vm_native.json', import.meta.url), 'utf8'),
);

type Points = Map<string, [ms: number, value: number][]>;

/** All points of a reply by the keys of their series, pushed in pieces of so many bytes. */
function decoded(reply: Buffer, layout: BlockLayout, range: TimeRange, piece = reply.length): Points {
  const names = new NativeNames();
  const block = new NativeBlock();
  const points: Points = new Map();
  const parts = new NativeReply(range, (buffer, nameStart, nameEnd, blockStart, blockEnd) => {
    const key = names.keyAt(buffer, nameStart, nameEnd);
    block.decode(readHead(layout, buffer, blockStart, blockEnd), range);
    const list = points.get(key) ?? [];
    points.set(key, list);
    for (let at = block.from; at < block.to; at++) list.push([block.times[at]!, block.values[at]!]);
  });
  for (let at = 0; at < reply.length; at += piece) parts.push(reply.subarray(at, at + piece));
  parts.end();
  for (const list of points.values()) list.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return points;
}

function parsed(lines: string[]): Points {
  const points: Points = new Map();
  for (const line of lines) {
    const { metric, values, timestamps } = JSON.parse(line) as { metric: object; values: number[]; timestamps: number[] };
    const key = canonicalKey(JSON.stringify(metric), 'a recording');
    const list = points.get(key) ?? [];
    points.set(key, list);
    for (const [at, ms] of timestamps.entries()) list.push([ms, values[at]!]);
  }
  for (const list of points.values()) list.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return points;
}

function confirm(lines: string, layout: BlockLayout, range: TimeRange, reply: Buffer) {
  const options = { layout, keys: new SeriesKeys('vm'), names: new NativeNames(), buffers: new ConfirmBuffers() };
  const confirming = new ChunkConfirm(Buffer.from(lines), range, options);
  const parts = new NativeReply(
    range,
    (...part) => confirming.take(...part),
    () => confirming.settle(),
  );
  parts.push(reply);
  parts.end();
  return confirming.finish();
}

describe('what real servers have sent', () => {
  const each = replies.map((recorded) => [`${recorded.version}: ${recorded.name}`, recorded] as const);

  it.each(each)('%s says what its JSON lines say', (_, { layout, reply, lines, ...range }) => {
    const bytes = Buffer.from(reply, 'base64');
    expect(decoded(bytes, layout, range)).toEqual(parsed(lines));
    expect(decoded(bytes, layout, range, 7)).toEqual(parsed(lines));
  });

  it.each(each)('%s confirms its own JSON lines', async (_, { layout, reply, lines, ...range }) => {
    const text = lines.map((line) => `${line}\n`).join('');
    const native = confirm(text, layout, range, Buffer.from(reply, 'base64'));
    const json = await compareChunk(Buffer.from(text), [Buffer.from(text)]);
    expect(native).toEqual(json);
    expect(native.comparison.matched).toBe(native.comparison.points);
  });

  it.each(each)('%s cannot be read in the layout of the other version as anything but a fault, or other points', (_, recorded) => {
    const { layout, reply, lines, ...range } = recorded;
    const other = layout === 'full' ? 'bare' : 'full';
    let wrong: Points | undefined;
    try {
      wrong = decoded(Buffer.from(reply, 'base64'), other, range);
    } catch (error) {
      expect(error).toBeInstanceOf(Undecodable);
    }
    expect(wrong).not.toEqual(parsed(lines));
  });

  it.each(each)(
    '%s is refused when a byte is cut off, added or changed, or is what JSON lines of it would confirm too',
    async (_, recorded) => {
      const { layout, reply, lines, ...range } = recorded;
      const bytes = Buffer.from(reply, 'base64');
      const text = lines.map((line) => `${line}\n`).join('');
      const outcome = (broken: Buffer): Comparison | undefined => {
        try {
          return confirm(text, layout, range, broken).comparison;
        } catch (error) {
          if (error instanceof Undecodable || error instanceof NotConfirmed) return undefined;
          throw error;
        }
      };
      // Of long replies not every byte, which would take minutes.
      const step = Math.ceil(bytes.length / 150);
      for (let length = 0; length < bytes.length; length += step) expect(outcome(bytes.subarray(0, length))).toBeUndefined();
      expect(outcome(bytes.subarray(0, -1))).toBeUndefined();
      expect(outcome(Buffer.concat([bytes, Buffer.from([0])]))).toBeUndefined();
      for (let at = 0; at < bytes.length; at++) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 0x15;
        const found = outcome(changed);
        // What is changed may be a row outside of the range, a digit the sink may lose, or a bit that zstd has no use for.
        if (found !== undefined) {
          const { comparison } = await compareChunk(Buffer.from(text), [printed(decoded(changed, layout, range))]);
          expect({ ...found, examples: [] }).toEqual({ ...comparison, examples: [] });
        }
      }
    },
  );
});

/** The points as JSON lines. */
function printed(points: Points): Buffer {
  const lines = [...points].map(([key, list]) => {
    const metric = JSON.stringify(Object.fromEntries(JSON.parse(key) as [string, string][]));
    return `{"metric":${metric},"values":[${list.map(([, value]) => value)}],"timestamps":[${list.map(([ms]) => ms)}]}\n`;
  });
  return Buffer.from(lines.join(''));
}

const T0 = 1_678_233_600_000;
const EVERYTHING = { startMs: 1, stopMs: T0 * 2 };

describe('numbers', () => {
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const lists = fc.oneof(
    fc.array(int64, { minLength: 1, maxLength: 60 }),
    fc.array(fc.integer(), { minLength: 1, maxLength: 300 }).map((list) => list.map(BigInt)),
    fc.array(fc.integer({ min: -70, max: 70 }), { minLength: 1, maxLength: 300 }).map((list) => list.map(BigInt)),
    fc.array(fc.maxSafeInteger(), { minLength: 1, maxLength: 60 }).map((list) => list.map(BigInt)),
    fc.tuple(int64, int64, fc.integer({ min: 1, max: 50 })).map(([first, step, count]) => {
      return Array.from({ length: count }, (_, at) => BigInt.asIntN(64, first + step * BigInt(at)));
    }),
  );

  prop.prop([lists, fc.nat(), fc.nat()])('of all sizes come back as the nearest float64, whole lists and parts of them', (list, a, b) => {
    const { type, data } = encodeWholes(list);
    const first = { hi: Number(BigInt.asIntN(32, list[0]! >> 32n)), lo: Number(BigInt.asUintN(32, list[0]!)) };
    const wanted = list.map((one) => {
      if (one >= 2n ** 63n - 2n) return one === 2n ** 63n - 1n ? Number.POSITIVE_INFINITY : Number.NaN;
      return one === -(2n ** 63n) ? Number.NEGATIVE_INFINITY : Number(one);
    });
    const [from, to] = [a % (list.length + 1), b % (list.length + 1)].sort((x, y) => x - y) as [number, number];
    for (const [start, stop] of [
      [0, list.length],
      [from, to],
    ] as const) {
      const into = new Float64Array(list.length + 1);
      const special = decodeInt64s(into, { count: list.length, type, first, data, start: 0, end: data.length }, start, stop);
      expect([...into.subarray(start, stop)]).toEqual(wanted.slice(start, stop));
      if (stop > start) expect(special).toBe(!wanted.slice(start, stop).every(Number.isFinite));
      expect(into[list.length]).toBe(0);
    }
    for (const count of [list.length - 1, list.length + 1]) {
      // Nothing but the count says how many equal numbers there are, or how many steps of one size.
      if (count < 2 || type === 2 || type === 3) continue;
      const read = () => decodeInt64s(new Float64Array(count), { count, type, first, data, start: 0, end: data.length }, 0, count);
      expect(read).toThrow(Undecodable);
    }
  });

  it('that are special are told by all their bits', () => {
    expect(floatOf({ hi: 0x7fff_ffff, lo: 0xffff_ffff })).toBe(Number.POSITIVE_INFINITY);
    expect(floatOf({ hi: 0x7fff_ffff, lo: 0xffff_fffe })).toBeNaN();
    expect(floatOf({ hi: 0x7fff_ffff, lo: 0xffff_fffd })).toBe(2 ** 63);
    expect(floatOf({ hi: -0x8000_0000, lo: 0 })).toBe(Number.NEGATIVE_INFINITY);
    expect(floatOf({ hi: -0x8000_0000, lo: 1 })).toBe(-(2 ** 63));
  });

  it.each([
    ['of an unknown type', 7, []],
    ['of type 0', 0, []],
    ['that are equal, and something more', 3, [0]],
    ['of a constant step that is cut off', 2, [0x80]],
    ['of a constant step, and something more', 2, [2, 2]],
    ['longer than 64 bits', 6, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2, 0]],
    ['of eleven bytes', 6, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0]],
    ['that are no zstd frame', 4, [1, 2, 3]],
  ])('%s are refused', (_, type, bytes) => {
    const data = Buffer.from(bytes);
    const list = { count: 3, type, first: { hi: 0, lo: 0 }, data, start: 0, end: data.length };
    expect(() => decodeInt64s(new Float64Array(3), list, 0, 3)).toThrow(Undecodable);
  });
});

describe('the lines of a chunk', () => {
  const digits = fc.stringMatching(/^[0-9]{1,20}$/);
  const number = fc.oneof(
    fc
      .tuple(fc.constantFrom('', '-'), digits, fc.option(digits))
      .map(([sign, whole, places]) => `${sign}${whole}${places === null ? '' : `.${places}`}`),
    fc.double({ noNaN: true }).map(String),
    fc.integer().map(String),
    fc.constantFrom(
      '1e15',
      '-2.5E-7',
      '0.0',
      '-0',
      '000000000000.5',
      '9007199254740993',
      '9007199254740992.5',
      '1e400',
      '+1',
      'null',
      '1.2.3',
      '-',
      '.5',
      '5.',
    ),
  );
  const time = fc.oneof(
    fc.integer({ min: 0, max: 4e12 }),
    fc.integer({ min: 1e12, max: 9_999_999_999_999 }),
    fc.constantFrom(0, 1, 999_999_999_999, 1e12, 1e13),
  );

  prop.prop([fc.array(fc.tuple(number, time), { minLength: 1, maxLength: 40 }), fc.nat({ max: 40 })])(
    'are read as numbers, exactly',
    (points, cut) => {
      const parts = [points.slice(0, cut), points.slice(cut)].map(
        (part) => `{"metric":{"__name__":"a"},"values":[${part.map(([value]) => value)}],"timestamps":[${part.map(([, ms]) => ms)}]}\n`,
      );
      const lines = [...viewLines(Buffer.from(parts.join('')), 'a test')];
      const sent = new SentPoints(1);
      expect(sent.read(lines)).toBe(true);
      for (const [at, [text]] of points.entries())
        if (sent.rough[at] === 1) expect(Math.abs(sent.values[at]! - Number(text))).toBeLessThan(Math.abs(Number(text)) * 1e-14);
      sent.refine(lines);
      expect(sent.count).toBe(points.length);
      expect([...sent.times.subarray(0, sent.count)]).toEqual(points.map(([, ms]) => ms));
      const wanted = points.map(([text]) => (text === 'null' ? Number.NaN : Number(text)));
      expect([...sent.values.subarray(0, sent.count)]).toEqual(wanted);
    },
  );

  it.each([
    ['[1,2]', '[1678233600000]'],
    ['[1]', '[1678233600000,1678233600001]'],
    ['[]', '[1678233600000]'],
  ])('are refused with values %s and timestamps %s', (values, times) => {
    const line = Buffer.from(`{"metric":{"__name__":"a"},"values":${values},"timestamps":${times}}\n`);
    expect(new SentPoints(1).read([...viewLines(line, 'a test')])).toBe(false);
  });
});

const values = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -99_999, max: 99_999 }).map((one) => one / 100),
  fc.constantFrom(0, 1, -1, 2 ** 63, 1e15, 1e-12),
);
const rowsOf = fc
  .array(fc.tuple(fc.nat({ max: 100_000 }), values), { minLength: 1, maxLength: 300 })
  .map((rows) => rows.toSorted((a, b) => a[0] - b[0]))
  .map((rows) => {
    const values = Float64Array.from(rows, ([, value]) => value);
    const decimals = storeBlock(values);
    return { times: Float64Array.from(rows, ([offset]) => T0 + offset), values, decimals };
  });

describe('blocks', () => {
  prop.prop([rowsOf, fc.boolean(), fc.nat({ max: 110_000 }), fc.nat({ max: 110_000 })])(
    'of the stand-in come back with exactly the rows of a range',
    (rows, full, a, b) => {
      const layout = full ? 'full' : 'bare';
      const bytes = encodeBlock(rows, full);
      const block = new NativeBlock();
      const range = { startMs: T0 + Math.min(a, b), stopMs: T0 + Math.max(a, b) };
      block.decode(readHead(layout, bytes, 0, bytes.length), range);
      const inside = [...rows.times.keys()].filter((at) => rows.times[at]! >= range.startMs && rows.times[at]! < range.stopMs);
      expect([...block.times.subarray(block.from, block.to)]).toEqual(inside.map((at) => rows.times[at]));
      // A zero is a zero, whatever its sign: a number too small for a double comes back as either.
      expect([...block.values.subarray(block.from, block.to)].map((value) => value + 0)).toEqual(inside.map((at) => rows.values[at]! + 0));
      for (const end of [bytes.length - 1, bytes.length + 1]) {
        const data = Buffer.concat([bytes, Buffer.from([0])]);
        expect(() => block.decode(readHead(layout, data, 0, end), range)).toThrow(Undecodable);
      }
    },
  );

  it('are refused when they have too many rows, or numbers that are rounded', () => {
    const rows = { times: Float64Array.from({ length: 3 }, (_, at) => T0 + at), values: Float64Array.of(1, 5, 2) };
    const bytes = encodeBlock(rows, true);
    const block = new NativeBlock();
    const bits = bytes.indexOf(64, 14);
    const changed = (at: number, byte: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy[at] = byte;
      return copy;
    };
    expect(() => block.decode(readHead('full', bytes, 0, bytes.length), EVERYTHING)).not.toThrow();
    expect(() => block.decode(readHead('full', changed(bits, 40), 0, bytes.length), EVERYTHING)).toThrow('rounded to 40 bits');
    expect(() => block.decode(readHead('full', changed(bits - 4, 0), 0, bytes.length), EVERYTHING)).toThrow('no rows');
    const many = { times: new Float64Array(16_385).fill(T0), values: new Float64Array(16_385) };
    const long = encodeBlock(many, true);
    expect(() => block.decode(readHead('full', long, 0, long.length), EVERYTHING)).toThrow('more than there can be');
  });
});

describe('a reply', () => {
  const range = { startMs: T0, stopMs: T0 + 1000 };
  const block = { times: Float64Array.of(T0), values: Float64Array.of(1) };
  const reply = Buffer.concat([...nativeReply(T0, T0 + 999, [{ labels: [['__name__', 'a']], block }], true, 'true')]);

  it('begins with the times that were asked for', () => {
    expect(decoded(reply, 'full', range).size).toBe(1);
    expect(() => decoded(reply, 'full', { ...range, stopMs: T0 + 999 })).toThrow('times that were asked for');
    expect(() => decoded(Buffer.from('remoteAddr: "127.0.0.1"; unsupported path'), 'full', range)).toThrow('times that were asked for');
  });

  it('has no parts of a size no part has', () => {
    const long = Buffer.from(reply);
    long.writeUInt32BE(0x7265_6d6f, 16);
    expect(() => decoded(long, 'full', range)).toThrow('is said to have 1919249775 bytes');
  });

  it.each([
    ['cut off', Buffer.from('a\u0001b')],
    ['without a value of a label', Buffer.from('a\u0001b\u0001')],
    ['with an escape that is not known', Buffer.from('a\u00003\u0001')],
    ['empty', Buffer.alloc(0)],
  ])('has no names %s', (_, name) => {
    expect(() => new NativeNames().keyAt(name, 0, name.length)).toThrow(Undecodable);
  });

  prop.prop([fc.dictionary(fc.string({ minLength: 1, unit: 'grapheme' }), fc.string({ unit: 'binary' }))])(
    'has names that are those of JSON lines',
    (labels) => {
      const given = Object.entries(labels).filter(([name, value]) => value.isWellFormed() && name.isWellFormed() && value !== '');
      const pairs = [['__name__', 'kilda.a'] as const, ...given.filter(([name]) => name !== '__name__')];
      const [, part] = [...nativeReply(T0, T0 + 999, [{ labels: pairs, block }], true, 'true')];
      const end = 4 + part!.readUInt32BE(0);
      expect(new NativeNames().keyAt(part!, 4, end)).toBe(canonicalKey(JSON.stringify(Object.fromEntries(pairs)), 'a test'));
    },
  );
});
