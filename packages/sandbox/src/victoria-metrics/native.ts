/**
 * The native format of `/api/v1/export/native`, written as the real server writes it: the times asked for, then each block behind the name
 * of its series. Read from its source, and compared with real servers of both versions.
 */
import { constants, zstdCompressSync } from 'node:zlib';
import { blockDecimals } from './decimal.ts';
import type { NativeExport } from './settings.ts';
import type { Block, Labels } from './store.ts';

export interface NativePart {
  labels: Labels;
  block: Block;
}

type Whole = number | bigint;

/** How a list of numbers is stored; the numbers of the types are those on the wire. */
const CONSTANT_STEP = 2;
const CONSTANT = 3;
const STEPS = { packed: 4, plain: 6 };
const STEPS_OF_STEPS = { packed: 1, plain: 5 };
const UNKNOWN_TYPE = 9;
const ALL_BITS = 64;
/** Shorter lists are not worth compressing. */
const LEAST_PACKED_BYTES = 128;
const MOST_PACKED_SHARE = 0.9;
/** Beyond it differences of differences may not be exact. */
const NARROW = 2 ** 50;

/** The whole reply, a piece for each block. */
export function* nativeReply(
  startMs: number,
  endMs: number,
  parts: Iterable<NativePart>,
  full: boolean,
  kind: Exclude<NativeExport, 'absent'>,
): Generator<Buffer> {
  const head = Buffer.alloc(16);
  head.writeBigUInt64BE(BigInt(startMs) * 2n, 0);
  head.writeBigUInt64BE(BigInt(endMs) * 2n, 8);
  let last: Buffer = head;
  for (const { labels, block } of parts) {
    yield last;
    last = Buffer.concat([withLength(nameOf(labels)), withLength(encodeBlock(block, full, kind))]);
  }
  yield kind === 'cut' ? last.subarray(0, -1) : last;
}

function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function nameOf(labels: Labels): Buffer {
  const metric = labels.find(([name]) => name === '__name__')?.[1] ?? '';
  const others = labels.filter(([name]) => name !== '__name__').flat();
  return Buffer.concat([metric, ...others].map(nameText));
}

function nameText(text: string): Buffer {
  const bytes: number[] = [];
  for (const byte of Buffer.from(text)) {
    if (byte < 3) bytes.push(0, 48 + byte);
    else bytes.push(byte);
  }
  return Buffer.from([...bytes, 1]);
}

/** One block. `full`: with its last time and the bits that are kept of each number. */
export function encodeBlock(stored: Block, full: boolean, kind: Exclude<NativeExport, 'absent'> = 'true'): Buffer {
  const block = kind === 'wrong' || kind === 'short' ? falsified(stored, kind) : stored;
  const { mantissas, exponent } = block.decimals ?? blockDecimals(block.values);
  const timeList = [...block.times];
  const times = encodeWholes(timeList);
  const values = encodeWholes(mantissas);
  const out: number[] = [];
  signed(out, timeList[0] as number);
  if (full) signed(out, timeList.at(-1) as number);
  signed(out, mantissas[0] as Whole);
  unsigned(out, BigInt(timeList.length));
  signed(out, exponent);
  out.push(times.type, kind === 'strange' ? UNKNOWN_TYPE : values.type);
  if (full) out.push(ALL_BITS);
  const head = Buffer.from(out);
  const extra = Buffer.alloc(kind === 'long' ? 1 : 0);
  return Buffer.concat([head, withVarLength(times.data), withVarLength(values.data), extra]);
}

function falsified({ times, values }: Block, kind: 'wrong' | 'short'): Block {
  const count = kind === 'short' && times.length > 1 ? times.length - 1 : times.length;
  const block = { times: times.slice(0, count), values: values.slice(0, count) };
  if (kind === 'wrong') block.values[0] = (block.values[0] as number) + 1;
  return block;
}

function withVarLength(data: Buffer): Buffer {
  const length: number[] = [];
  unsigned(length, BigInt(data.length));
  return Buffer.concat([Buffer.from(length), data]);
}

/** A list of 64-bit numbers as the server would store it; the first of them stands elsewhere. */
export function encodeWholes(list: readonly Whole[]): { type: number; data: Buffer } {
  const wholes = list.every((one) => typeof one === 'number' && Math.abs(one) < NARROW) ? list : list.map(BigInt);
  const changes = differences(wholes);
  const out: number[] = [];
  if (changes.every((change) => Number(change) === 0)) return { type: CONSTANT, data: Buffer.alloc(0) };
  if (changes.every((change) => change === changes[0])) {
    signed(out, changes[0] as Whole);
    return { type: CONSTANT_STEP, data: Buffer.from(out) };
  }
  const gauge = isGauge(wholes);
  for (const number of gauge ? changes : [changes[0] as Whole, ...differences(changes)]) signed(out, number);
  const types = gauge ? STEPS : STEPS_OF_STEPS;
  const plain = Buffer.from(out);
  if (plain.length >= LEAST_PACKED_BYTES) {
    const packed = zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: levelOf(list.length) } });
    if (packed.length <= MOST_PACKED_SHARE * plain.length) return { type: types.packed, data: packed };
  }
  return { type: types.plain, data: plain };
}

function differences(list: readonly Whole[]): Whole[] {
  return list.slice(1).map((one, at) => {
    const before = list[at] as Whole;
    return typeof one === 'number' ? one - Number(before) : BigInt.asIntN(64, one - BigInt(before));
  });
}

/** Falls, and not only now and then to less than an eighth as counters do that start anew, or is below zero somewhere. */
function isGauge(list: readonly Whole[]): boolean {
  if ((list[0] as Whole) < 0) return true;
  let resets = 0;
  for (let at = 1; at < list.length; at += 1) {
    const before = list[at - 1] as Whole;
    const one = list[at] as Whole;
    if (one >= before) continue;
    if (one < 0 || one > (typeof before === 'number' ? Math.floor(before / 8) : before >> 3n)) return true;
    resets += 1;
  }
  return resets > 2 && resets > list.length >> 3;
}

function levelOf(count: number): number {
  if (count <= 64) return 1;
  if (count <= 256) return 2;
  if (count <= 1024) return 3;
  return count <= 4096 ? 4 : 5;
}

function signed(out: number[], value: Whole): void {
  if (typeof value === 'number' && Math.abs(value) < NARROW) {
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
    out.push(rest);
    return;
  }
  const whole = BigInt(value);
  unsigned(out, BigInt.asUintN(64, (whole << 1n) ^ (whole >> 63n)));
}

function unsigned(out: number[], value: bigint): void {
  let rest = value;
  for (; rest >= 128n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  out.push(Number(rest));
}
