/**
 * Names of series in native blocks: the metric's name, then names and values of the labels in turn, each ended by a byte 1. The bytes 0, 1
 * and 2 inside of them are written as 0 and a digit (read in `lib/storage/metric_name.go`).
 */
import { keyOfPairs } from '../labels.ts';
import { Undecodable } from './int64s.ts';

const ESCAPE = 0;
const END = 1;
const ZERO = 48;
/** More names than this in one client's hands, and the cache starts over. */
const CACHED_NAMES = 200_000;

/** Canonical keys, the same as `SeriesKeys` gives for the labels as JSON. */
export class NativeNames {
  readonly #cache = new Map<string, string>();

  /** Throws `Undecodable`. */
  keyAt(buffer: Buffer, start: number, end: number): string {
    const raw = buffer.toString('latin1', start, end);
    const known = this.#cache.get(raw);
    if (known !== undefined) return known;
    const key = keyOf(buffer.subarray(start, end));
    if (this.#cache.size >= CACHED_NAMES) this.#cache.clear();
    this.#cache.set(raw, key);
    return key;
  }
}

/** The metric's name in a canonical key. */
export function metricOf(key: string): string {
  const pairs = JSON.parse(key) as [string, string][];
  return pairs.find(([name]) => name === '__name__')?.[1] ?? '';
}

function keyOf(name: Buffer): string {
  const [metric = '', ...labels] = texts(name);
  if (labels.length % 2 !== 0) throw new Undecodable('a label has no value');
  const pairs: [string, string][] = metric === '' ? [] : [['__name__', metric]];
  for (let at = 0; at < labels.length; at += 2) if (labels[at + 1] !== '') pairs.push([labels[at]!, labels[at + 1]!]);
  return keyOfPairs(pairs);
}

function texts(name: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < name.length; ) {
    const end = name.indexOf(END, at);
    if (end < 0) throw new Undecodable('the name of a series is cut off');
    found.push(text(name.subarray(at, end)));
    at = end + 1;
  }
  if (found.length === 0) throw new Undecodable('a series has no name');
  return found;
}

function text(bytes: Buffer): string {
  if (!bytes.includes(ESCAPE)) return bytes.toString('utf8');
  const plain: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    let byte = bytes[at]!;
    if (byte === ESCAPE) {
      byte = (bytes[++at] ?? 0) - ZERO;
      if (byte < 0 || byte > 2) throw new Undecodable('the name of a series has an escape that is not known');
    }
    plain.push(byte);
  }
  return Buffer.from(plain).toString('utf8');
}
