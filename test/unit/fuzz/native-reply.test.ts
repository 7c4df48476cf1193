/**
 * The reader of native blocks on damaged replies, against a plain second one that follows the format number by number in BigInt: what it
 * takes, it takes rightly.
 */
import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import { expect } from 'vitest';
import { storeBlock } from '../../../packages/sandbox/src/victoria-metrics/decimal.ts';
import { nativeReply } from '../../../packages/sandbox/src/victoria-metrics/native.ts';
import type { BlockLayout } from '../../../packages/tsdb/src/client/victoriametrics/native/block.ts';
import { NativeBlock, readHead } from '../../../packages/tsdb/src/client/victoriametrics/native/block.ts';
import { Undecodable } from '../../../packages/tsdb/src/client/victoriametrics/native/int64s.ts';
import { NativeNames } from '../../../packages/tsdb/src/client/victoriametrics/native/names.ts';
import { NativeReply } from '../../../packages/tsdb/src/client/victoriametrics/native/reply.ts';
import type { TimeRange } from '../../../packages/tsdb/src/model.ts';
import type { Dice } from './harness.ts';
import { damaged, fuzz, pieces } from './harness.ts';

type Point = [key: string, ms: number, value: number];

interface Case {
  layout: BlockLayout;
  range: TimeRange;
  reply: Buffer;
}

const block = new NativeBlock();

/** By the reader that is tested; the message of the error in place of points. */
function read({ layout, range }: Case, parts: readonly Buffer[]): Point[] | string {
  const names = new NativeNames();
  const points: Point[] = [];
  const reply = new NativeReply(range, (buffer, nameStart, nameEnd, blockStart, blockEnd) => {
    const key = names.keyAt(buffer, nameStart, nameEnd);
    block.decode(readHead(layout, buffer, blockStart, blockEnd), range);
    for (let at = block.from; at < block.to; at++) points.push([key, block.times[at]!, block.values[at]! + 0]);
  });
  try {
    for (const part of parts) reply.push(part);
    reply.end();
    return points;
  } catch (error) {
    if (error instanceof Undecodable) return error.message;
    throw error;
  }
}

class Wrong extends Error {}

/** Bytes one after another. */
class Bytes {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(count: number): Buffer {
    if (count > this.left) throw new Wrong('cut off');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  unsigned(): bigint {
    let number = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.take(1)[0]!;
      number |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return number;
    }
  }

  signed(): bigint {
    const number = BigInt.asUintN(64, this.unsigned());
    return (number >> 1n) ^ -(number & 1n);
  }
}

function list(bytes: Buffer, type: number, first: bigint, count: number): bigint[] {
  const packed = type === 1 || type === 4;
  const data = new Bytes(packed ? zstdDecompressSync(bytes, { maxOutputLength: 1 << 22 }) : bytes);
  const found = [first];
  let step = type === 2 ? data.signed() : 0n;
  while (found.length < count) {
    if (type === 4 || type === 6) step = data.signed();
    else if (type === 1 || type === 5) step = BigInt.asIntN(64, step + data.signed());
    else if (type !== 2 && type !== 3) throw new Wrong('no such type');
    found.push(BigInt.asIntN(64, found.at(-1)! + step));
  }
  if (data.left > 0) throw new Wrong('something is left');
  return found;
}

const TOP = 2n ** 63n;

function plainValue(whole: bigint, exponent: number): number {
  if (whole === TOP - 1n) return Number.POSITIVE_INFINITY;
  if (whole === TOP - 2n) return Number.NaN;
  if (whole === -TOP) return Number.NEGATIVE_INFINITY;
  const size = Math.abs(exponent);
  // The server's own power is the product of two entries of a table.
  const power = size > 308 ? Number.POSITIVE_INFINITY : Number(`1e${size - (size % 32)}`) * Number(`1e${size % 32}`);
  return (exponent < 0 ? Number(whole) / power : exponent > 0 ? Number(whole) * power : Number(whole)) + 0;
}

function plainName(bytes: Buffer): string {
  const texts: number[][] = [[]];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === 1) texts.push([]);
    else if (byte === 0) texts.at(-1)!.push(bytes[++at]! - 48);
    else texts.at(-1)!.push(byte);
  }
  const [metric = '', ...labels] = texts.slice(0, -1).map((text) => Buffer.from(text).toString());
  const pairs = [['__name__', metric]];
  for (let at = 0; at < labels.length; at += 2) pairs.push([labels[at]!, labels[at + 1] ?? '']);
  return JSON.stringify(pairs.filter(([, value]) => value !== '').sort(([a = ''], [b = '']) => (a < b ? -1 : a > b ? 1 : 0)));
}

function plainly({ layout, range }: Case, reply: Buffer): Point[] {
  const bytes = new Bytes(reply);
  const points: Point[] = [];
  const head = bytes.take(16);
  if (head.readBigUInt64BE(0) !== BigInt(range.startMs) * 2n || head.readBigUInt64BE(8) !== BigInt(range.stopMs - 1) * 2n)
    throw new Wrong('other times');
  while (bytes.left > 0) {
    const key = plainName(bytes.take(bytes.take(4).readUInt32BE(0)));
    const data = new Bytes(bytes.take(bytes.take(4).readUInt32BE(0)));
    const firstTime = data.signed();
    if (layout === 'full') data.signed();
    const firstValue = data.signed();
    const count = Number(data.unsigned());
    const exponent = Number(data.signed());
    const [timesType, valuesType] = data.take(layout === 'full' ? 3 : 2) as unknown as [number, number];
    const times = list(data.take(Number(data.unsigned())), timesType, firstTime, count);
    const values = list(data.take(Number(data.unsigned())), valuesType, firstValue, count);
    for (const [at, time] of times.entries()) {
      const ms = Number(time);
      if (ms >= range.startMs && ms < range.stopMs) points.push([key, ms, plainValue(values[at]!, exponent)]);
    }
  }
  return points;
}

const { replies }: { replies: { layout: BlockLayout; startMs: number; stopMs: number; reply: string }[] } = JSON.parse(
  readFileSync(new URL('../../vectors/tsdb/vm_native.json', import.meta.url), 'utf8'),
);
/** Long ones take long. */
const RECORDED: Case[] = replies
  .map(({ layout, startMs, stopMs, reply }) => ({ layout, range: { startMs, stopMs }, reply: Buffer.from(reply, 'base64') }))
  .filter(({ reply }) => reply.length < 1_500);

const START_MS = 1_678_233_600_000;

function made(dice: Dice): Case {
  const range = { startMs: START_MS, stopMs: START_MS + 100_000 };
  const full = dice.oneIn(2);
  const series = dice.times(1 + dice.below(3), (at) => {
    let ms = START_MS - (dice.oneIn(3) ? 5_000 : 0);
    const step = dice.pick([0, 1000, -1]);
    const rows = 1 + dice.below(dice.oneIn(4) ? 120 : 12);
    const times = Float64Array.from(dice.times(rows, () => (ms += step < 0 ? dice.below(3_000) : step)));
    const kind = dice.below(4);
    const values = Float64Array.from(
      dice.times(rows, (row) =>
        kind === 0 ? 7 : kind === 1 ? row * 3 : kind === 2 ? dice.below(2 ** 30) * 2 ** dice.below(30) : dice.below(1e6) / 100,
      ),
    );
    const decimals = storeBlock(values);
    return {
      labels: [
        ['__name__', 'a'],
        [`l${at}`, dice.pick(['x', 'ö\u0000\u0001', 'y'])],
      ] as const,
      block: { times, values, decimals },
    };
  });
  const reply = Buffer.concat([...nativeReply(range.startMs, range.stopMs - 1, series, full, 'true')]);
  return { layout: full ? 'full' : 'bare', range, reply };
}

fuzz('a damaged native reply is refused, or what a plain reader finds in it, wherever it is cut into pieces', 4_000, (dice) => {
  const one = dice.oneIn(4) ? dice.pick(RECORDED) : made(dice);
  const whole = dice.oneIn(20);
  const bytes = whole ? one.reply : damaged(one.reply, dice);
  const found = read(one, [bytes]);
  const shown = `${one.layout} ${JSON.stringify(one.range)} ${bytes.toString('base64')}`;
  if (whole) expect(typeof found, `${String(found)}: ${shown}`).toBe('object');
  if (typeof found === 'string') expect(found, shown).toMatch(/./);
  else expect(found, shown).toEqual(plainly(one, bytes));
  expect(read(one, pieces(bytes, dice)), `in pieces: ${shown}`).toEqual(found);
});
