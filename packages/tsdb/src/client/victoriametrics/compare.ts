/**
 * A chunk against what the sink holds of it: exact in time, as exact in value as the sink is (`values.ts`).
 *
 * Lines whose timestamps are the same bytes on both sides are settled at once; only where their values are written differently
 * are numbers looked at. What remains of a series (lines in other cuts, points missing, doubled, foreign or wrong) is kept
 * and merged by time at the end. Memory: the chunk, and of the export only lines that could not be settled.
 */
import type { Comparison, ComparisonExample } from '../../model.ts';
import { BadExport } from './errors.ts';
import { SeriesKeys } from './labels.ts';
import type { LineView } from './lines.ts';
import { countItems, viewLines } from './lines.ts';
import type { SeriesMerge } from './merge.ts';
import { mergeSeries } from './merge.ts';
import { importLinesOf } from './missing.ts';
import { alikeFrom, DIFFERENT, explains, fullNumber, judge, MATCHED } from './values.ts';

export interface CompareOptions {
  /** Also give import lines of exactly the missing points. */
  missingLines?: boolean;
  /** Largest magnitude the metric has near the chunk, where that is known: explains cuts by neighbours outside of the chunk. */
  largestNear?: number;
  /** Keys seen before; shared between chunks of one metric, most labels are known already. */
  keys?: SeriesKeys;
  /** For messages about lines that cannot be read. */
  sink?: string;
}

export interface ChunkComparison {
  comparison: Comparison;
  /** Whole import lines; sending them completes the chunk. Present when asked for. */
  missingLines?: Buffer[];
  missingSeries: number;
  /** The part of `extra` in series that the chunk does not have at all. */
  foreign: { series: number; points: number };
  /**
   * The part of `different` that is exactly a value cut at a decimal place, by a neighbour larger than any seen: a block may
   * reach over the ends of the chunk. `magnitude` explains all of it. See `largestNear`.
   */
  unexplained: { points: number; magnitude: number };
}

/** Examples kept of each kind. */
export const EXAMPLES_PER_KIND = 3;

interface Expected {
  lines: LineView[];
  points: number[];
  /** The first line that is not settled. */
  next: number;
  found: LineView[];
  largest: number;
}

const COMMA = 44;
const DOT = 46;
const BRACKET = 93;

/**
 * `lines`: the import lines of one chunk, whole and uncompressed. `exported`: buffers of whole export lines of the same
 * metric and range, as `exportRange` yields them; they are not kept. Throws LSH_VM_EXPORT when either cannot be read.
 */
export async function compareChunk(
  lines: Buffer,
  exported: AsyncIterable<Buffer> | Iterable<Buffer>,
  options: CompareOptions = {},
): Promise<ChunkComparison> {
  const compare = new ChunkCompare(lines, options);
  for await (const block of exported) compare.take(block);
  return compare.finish();
}

class ChunkCompare {
  readonly #options: CompareOptions;
  readonly #sink: string;
  readonly #keys: SeriesKeys;
  readonly #series = new Map<string, Expected>();
  readonly #foreign = new Set<string>();
  readonly #comparison: Comparison = { points: 0, matched: 0, missing: 0, extra: 0, different: 0, precisionLost: 0, examples: [] };
  #foreignPoints = 0;

  constructor(lines: Buffer, options: CompareOptions) {
    this.#options = options;
    this.#sink = options.sink ?? 'the sink';
    this.#keys = options.keys ?? new SeriesKeys(this.#sink);
    for (const line of viewLines(lines, 'the chunk')) {
      const key = this.#keys.keyAt(lines, line.labelsStart, line.labelsEnd);
      const points = countItems(lines, line.timesStart, line.timesEnd);
      this.#comparison.points += points;
      const known = this.#series.get(key);
      if (known === undefined) this.#series.set(key, { lines: [line], points: [points], next: 0, found: [], largest: -1 });
      else {
        known.lines.push(line);
        known.points.push(points);
      }
    }
  }

  take(block: Buffer): void {
    for (const line of viewLines(block, this.#sink)) {
      const key = this.#keys.keyAt(block, line.labelsStart, line.labelsEnd);
      const expected = this.#series.get(key);
      if (expected === undefined) this.#takeForeign(key, line);
      else if (!this.#settle(expected, line)) expected.found.push(detached(line));
    }
  }

  #takeForeign(key: string, line: LineView): void {
    const points = countItems(line.buffer, line.timesStart, line.timesEnd);
    if (points !== countItems(line.buffer, line.valuesStart, line.valuesEnd))
      throw BadExport({ sink: this.#sink, reason: 'a line has more values than timestamps, or fewer', excerpt: labelsOf(line) });
    this.#foreign.add(key);
    this.#foreignPoints += points;
    this.#comparison.extra += points;
    if (points > 0 && this.#wants('extra')) {
      const { buffer, timesStart, valuesStart } = line;
      this.#comparison.examples.push({
        kind: 'extra',
        labels: labelsOf(line),
        timestampMs: fullNumber(buffer, timesStart, itemEnd(buffer, timesStart, line.timesEnd)),
        found: buffer.toString('latin1', valuesStart, itemEnd(buffer, valuesStart, line.valuesEnd)),
      });
    }
  }

  /** Whether this line is exactly the next one of its series, values within precision. */
  #settle(expected: Expected, found: LineView): boolean {
    const sent = expected.lines[expected.next];
    if (sent === undefined) return false;
    const a = sent.buffer;
    const b = found.buffer;
    if (a.compare(b, found.timesStart, found.timesEnd, sent.timesStart, sent.timesEnd) !== 0) return false;
    const points = expected.points[expected.next]!;
    let lost = 0;
    if (a.compare(b, found.valuesStart, found.valuesEnd, sent.valuesStart, sent.valuesEnd) !== 0) {
      lost = this.#lostIn(expected, sent, found);
      if (lost < 0) return false;
    }
    this.#comparison.matched += points - lost;
    this.#comparison.precisionLost += lost;
    expected.next++;
    return true;
  }

  /** How many values of two lines with equal timestamps lost precision; -1 as soon as one is different, or their numbers are. */
  #lostIn(expected: Expected, sent: LineView, found: LineView): number {
    const a = sent.buffer;
    const b = found.buffer;
    const aEnd = sent.valuesEnd;
    const bEnd = found.valuesEnd;
    let at = sent.valuesStart;
    let bt = found.valuesStart;
    let lost = 0;
    let example: ComparisonExample | undefined;
    for (let index = 0; at < aEnd && bt < bEnd; index++) {
      const aItem = at;
      const bItem = bt;
      // A bracket stands behind the last item of either list, so that nothing here runs over its end.
      let dot = -1;
      let byte = a[at];
      while (byte === b[bt] && byte !== COMMA && byte !== BRACKET) {
        if (byte === DOT) dot = at;
        at++;
        bt++;
        byte = a[at];
      }
      if (byte !== b[bt]) {
        const aSplit = at;
        const bSplit = bt;
        while (a[at] !== COMMA && a[at] !== BRACKET) at++;
        while (b[bt] !== COMMA && b[bt] !== BRACKET) bt++;
        if (dot < 0 || at === aSplit || !alikeFrom(a, aItem, dot, aSplit, at, b, bSplit, bt)) {
          const verdict = at === aSplit && bt === bSplit ? MATCHED : judge(a, aItem, at, b, bItem, bt);
          if (verdict !== MATCHED) {
            if (verdict === DIFFERENT || !explains(this.#largestOf(expected), verdict)) return -1;
            lost++;
            example ??= {
              kind: 'precision-lost',
              labels: labelsOf(sent),
              timestampMs: timeAt(sent, index),
              expected: a.toString('latin1', aItem, at),
              found: b.toString('latin1', bItem, bt),
            };
          }
        }
      }
      at++;
      bt++;
    }
    // Behind the last item both have gone one too far; anything else means that one list is longer.
    if (at !== aEnd + 1 || bt !== bEnd + 1) return -1;
    if (example !== undefined && this.#wants('precision-lost')) this.#comparison.examples.push(example);
    return lost;
  }

  #largestOf(expected: Expected): number {
    if (expected.largest < 0) {
      expected.largest = expected.lines.reduce((most, line) => Math.max(most, largestIn(line)), this.#options.largestNear ?? 0);
    }
    return expected.largest;
  }

  #wants(kind: ComparisonExample['kind']): boolean {
    let have = 0;
    for (const example of this.#comparison.examples) if (example.kind === kind) have++;
    return have < EXAMPLES_PER_KIND;
  }

  finish(): ChunkComparison {
    const comparison = this.#comparison;
    const unexplained = { points: 0, magnitude: 0 };
    const missingLines: Buffer[] = [];
    let missingSeries = 0;
    for (const expected of this.#series.values()) {
      const open = expected.lines.slice(expected.next);
      if (open.length === 0 && expected.found.length === 0) continue;
      if (expected.found.length === 0) {
        missingSeries++;
        this.#allMissing(open, expected.points.slice(expected.next), missingLines);
        continue;
      }
      let withFound: number | undefined;
      const merged = mergeSeries(open, expected.found, (magnitude) => {
        withFound ??= expected.found.reduce((most, line) => Math.max(most, largestIn(line)), this.#largestOf(expected));
        return explains(withFound, magnitude);
      });
      this.#add(merged, open[0] ?? expected.lines[0]!);
      unexplained.points += merged.unexplained;
      unexplained.magnitude = Math.max(unexplained.magnitude, merged.magnitude);
      if (merged.missing.length > 0) {
        missingSeries++;
        if (this.#options.missingLines) missingLines.push(...importLinesOf(merged.missing));
      }
    }
    return {
      comparison,
      missingSeries,
      foreign: { series: this.#foreign.size, points: this.#foreignPoints },
      unexplained,
      ...(this.#options.missingLines ? { missingLines } : {}),
    };
  }

  #allMissing(open: LineView[], points: number[], missingLines: Buffer[]): void {
    for (const [index, line] of open.entries()) {
      const count = points[index]!;
      this.#comparison.missing += count;
      if (this.#options.missingLines && count > 0) missingLines.push(line.buffer.subarray(line.start, line.end));
      if (count > 0 && this.#wants('missing')) {
        const { buffer, valuesStart, valuesEnd } = line;
        const expected = buffer.toString('latin1', valuesStart, itemEnd(buffer, valuesStart, valuesEnd));
        this.#comparison.examples.push({ kind: 'missing', labels: labelsOf(line), timestampMs: timeAt(line, 0), expected });
      }
    }
  }

  #add(merged: SeriesMerge, line: LineView): void {
    const comparison = this.#comparison;
    comparison.matched += merged.matched;
    comparison.missing += merged.missing.length;
    comparison.extra += merged.extra;
    comparison.different += merged.different;
    comparison.precisionLost += merged.precisionLost;
    for (const example of merged.examples) {
      if (this.#wants(example.kind)) comparison.examples.push({ ...example, labels: labelsOf(line) });
    }
  }
}

/** A copy of a line, so that the block it came in can go. */
function detached(line: LineView): LineView {
  const { start } = line;
  return {
    buffer: Buffer.from(line.buffer.subarray(start, line.end)),
    start: 0,
    end: line.end - start,
    labelsStart: line.labelsStart - start,
    labelsEnd: line.labelsEnd - start,
    valuesStart: line.valuesStart - start,
    valuesEnd: line.valuesEnd - start,
    timesStart: line.timesStart - start,
    timesEnd: line.timesEnd - start,
  };
}

function labelsOf(line: LineView): string {
  return line.buffer.toString('utf8', line.labelsStart, line.labelsEnd);
}

function itemEnd(buffer: Buffer, start: number, end: number): number {
  const comma = buffer.indexOf(COMMA, start);
  return comma < 0 || comma > end ? end : comma;
}

function timeAt(line: LineView, index: number): number {
  return Number(line.buffer.toString('latin1', line.timesStart, line.timesEnd).split(',')[index]);
}

/** The largest magnitude among a line's values. */
function largestIn(line: LineView): number {
  const { buffer, valuesStart, valuesEnd } = line;
  let largest = 0;
  for (let at = valuesStart; at < valuesEnd; ) {
    const end = itemEnd(buffer, at, valuesEnd);
    const size = Math.abs(fullNumber(buffer, at, end));
    if (size > largest && size < Number.POSITIVE_INFINITY) largest = size;
    at = end + 1;
  }
  return largest;
}
