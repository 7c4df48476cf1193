/**
 * Whether a sink holds exactly a chunk, by its native blocks: every point once, values within the sink's precision, and nothing else.
 *
 * This only ever confirms. Anything that is missing, doubled, foreign, wrong, or merely unusual is left to the comparison of JSON lines
 * (`compare.ts`), which says what it is; what is confirmed here is what that would have found too, number for number.
 *
 * Memory: the chunk, a megabyte of blocks, and the numbers of the series whose rows came in several blocks.
 */
import type { Comparison, TimeRange } from '../../../model.ts';
import type { ChunkComparison } from '../compare.ts';
import { EXAMPLES_PER_KIND } from '../compare.ts';
import type { SeriesKeys } from '../labels.ts';
import type { LineView } from '../lines.ts';
import { viewLines } from '../lines.ts';
import { DIFFERENT, explains, judgeNumbers, MATCHED, RELATIVE_SMALL } from '../values.ts';
import type { BlockHead, BlockLayout } from './block.ts';
import { lowerBound, NativeBlock, readHead } from './block.ts';
import type { NativeNames } from './names.ts';
import { SentPoints } from './sent.ts';
import { TakenBlocks } from './taken.ts';

interface Expected {
  lines: LineView[];
  /** Kept only while part of the points has been found. */
  points: SentPoints | undefined;
  found: Uint8Array | undefined;
  open: number;
  complete: boolean;
  largest: number;
  /** One example of lost precision has been given. */
  told: boolean;
}

/** The sink does not hold exactly the chunk, or not in a way that is told here; why, in a few words. */
export class NotConfirmed extends Error {}

/** All that was found is right, and something is not there, or not yet. */
export class Incomplete extends NotConfirmed {}

const SMALL = 1e6;

/** Buffers for one comparison after the other. */
export class ConfirmBuffers {
  readonly block: NativeBlock = new NativeBlock();
  readonly points: SentPoints = new SentPoints(8192);
}

export interface ConfirmOptions {
  layout: BlockLayout;
  keys: SeriesKeys;
  names: NativeNames;
  buffers: ConfirmBuffers;
  /** Keys of series that are known to be there, of the chunk and in the sink: they are left out on both sides. */
  settled?: ReadonlySet<string> | undefined;
}

export class ChunkConfirm {
  readonly #options: ConfirmOptions;
  readonly #range: TimeRange;
  readonly #taken = new TakenBlocks<string>((key, head) => this.#look(key, head));
  readonly #series = new Map<string, Expected>();
  readonly #comparison: Comparison = { points: 0, matched: 0, missing: 0, extra: 0, different: 0, precisionLost: 0, examples: [] };

  /** `lines`: the import lines of one chunk, whole and uncompressed. Throws LSH_VM_EXPORT when they cannot be read. */
  constructor(lines: Buffer, range: TimeRange, options: ConfirmOptions) {
    this.#options = options;
    this.#range = range;
    for (const line of viewLines(lines, 'the chunk')) {
      const key = options.keys.keyAt(lines, line.labelsStart, line.labelsEnd);
      if (options.settled?.has(key)) continue;
      const known = this.#series.get(key);
      if (known === undefined)
        this.#series.set(key, { lines: [line], points: undefined, found: undefined, open: 0, complete: false, largest: -1, told: false });
      else known.lines.push(line);
    }
  }

  /** A part of a native reply, see `NativeReply`. Throws `NotConfirmed`, or `Undecodable`. */
  take(buffer: Buffer, nameStart: number, nameEnd: number, blockStart: number, blockEnd: number): void {
    const { names, layout, settled } = this.#options;
    const key = names.keyAt(buffer, nameStart, nameEnd);
    if (!settled?.has(key)) this.#taken.add(key, readHead(layout, buffer, blockStart, blockEnd));
  }

  /** Looks at the parts that were taken since; to be called before their bytes change. Throws as `take`. */
  settle(): void {
    this.#taken.settle();
  }

  #look(key: string, head: BlockHead): void {
    const { block, points: scratch } = this.#options.buffers;
    block.decode(head, this.#range);
    const rows = block.to - block.from;
    if (rows === 0) return;
    const expected = this.#series.get(key);
    if (expected === undefined) throw new NotConfirmed('there is a series that was not sent');
    if (expected.complete) throw new NotConfirmed('there are more points than were sent');
    if (expected.points === undefined) {
      const points = this.#read(expected, scratch);
      if (points.count === rows) {
        this.#whole(expected, points, block);
        return;
      }
      expected.points = points.copy();
      expected.found = new Uint8Array(points.count);
      expected.open = points.count;
    }
    this.#part(expected, expected.points, expected.found!, block);
  }

  /** What the comparison has come to; all parts have been taken and settled. Throws `NotConfirmed`. */
  finish(): ChunkComparison {
    for (const { complete, lines } of this.#series.values())
      if (!complete && lines.some(({ timesStart, timesEnd }) => timesEnd > timesStart)) throw new Incomplete('points are missing');
    return {
      comparison: this.#comparison,
      missingSeries: 0,
      foreign: { series: 0, points: 0 },
      unexplained: { points: 0, magnitude: 0 },
    };
  }

  #read(expected: Expected, points: SentPoints): SentPoints {
    if (!points.read(expected.lines)) throw new NotConfirmed('a line has more values than timestamps, or fewer');
    if (!points.ordered) throw new NotConfirmed('points were not sent in order of time');
    return points;
  }

  /** The rows are, one by one, the points of a series. */
  #whole(expected: Expected, points: SentPoints, block: NativeBlock): void {
    const { times, values, rough, count } = points;
    const { times: foundTimes, values: foundValues, from } = block;
    let lost = 0;
    for (let at = 0; at < count; at++) {
      if (times[at] !== foundTimes[from + at]) throw new NotConfirmed('points are missing, or at other times');
      const found = foundValues[from + at]!;
      if (values[at] === found && rough[at] === 0) continue;
      if (!isNear(values[at]!, found)) lost += this.#judge(expected, points, at, found);
    }
    this.#complete(expected, count, lost);
  }

  /** The rows are some of the points of a series, each of which is found once. */
  #part(expected: Expected, points: SentPoints, seen: Uint8Array, block: NativeBlock): void {
    const { times, count } = points;
    let at = lowerBound(times, count, block.times[block.from]!);
    for (let row = block.from; row < block.to; row++) {
      const time = block.times[row]!;
      const found = block.values[row]!;
      while (at < count && times[at]! < time) at++;
      let place = at;
      let lost = 0;
      // Of several points of one time any that fits, which must be without loss: which of them lost something could not be told.
      for (; place < count && times[place] === time; place++) {
        if (seen[place] === 1) continue;
        lost = isNear(points.values[place]!, found) ? 0 : this.#lost(expected, points, place, found);
        if (lost === 0 || (lost === 1 && points.distinct)) break;
      }
      if (place >= count || times[place] !== time) throw new NotConfirmed('there are points that were not sent, or with other values');
      if (lost === 1) this.#exampleOf(expected, points, place, found);
      this.#comparison.precisionLost += lost;
      seen[place] = 1;
      expected.open--;
    }
    if (expected.open > 0) return;
    expected.points = undefined;
    expected.found = undefined;
    this.#complete(expected, count, 0);
  }

  /** `lost`: of these, those not counted yet. */
  #complete(expected: Expected, count: number, lost: number): void {
    const comparison = this.#comparison;
    comparison.points += count;
    comparison.precisionLost += lost;
    comparison.matched = comparison.points - comparison.precisionLost;
    expected.complete = true;
  }

  /** 0: a match, 1: precision was lost, for a reason that is known. Throws `NotConfirmed` when it is neither. */
  #judge(expected: Expected, points: SentPoints, at: number, found: number): number {
    const lost = this.#lost(expected, points, at, found);
    if (lost < 0) throw new NotConfirmed('a value is different');
    if (lost === 0) return 0;
    if (!points.distinct) throw new NotConfirmed('of several points of one time some have lost precision');
    this.#exampleOf(expected, points, at, found);
    return 1;
  }

  #lost(expected: Expected, points: SentPoints, at: number, found: number): number {
    if (points.rough[at] === 1) points.refine(expected.lines);
    const verdict = judgeNumbers(points.values[at]!, found);
    if (verdict === MATCHED) return 0;
    if (expected.largest < 0) expected.largest = largestOf(points);
    return verdict !== DIFFERENT && explains(expected.largest, verdict) ? 1 : -1;
  }

  #exampleOf(expected: Expected, points: SentPoints, at: number, found: number): void {
    const { examples } = this.#comparison;
    const line = expected.lines[0]!;
    if (expected.told || examples.length >= EXAMPLES_PER_KIND) return;
    expected.told = true;
    examples.push({
      kind: 'precision-lost',
      labels: line.buffer.toString('utf8', line.labelsStart, line.labelsEnd),
      timestampMs: points.times[at]!,
      expected: String(points.values[at]),
      found: String(found),
    });
  }
}

/**
 * Most values whose digits the sink has shortened. Only ever true for a match: far enough inside of the tolerance that the digits left out
 * of a rough value cannot change the verdict, and not for whole numbers, which have none.
 */
function isNear(sent: number, found: number): boolean {
  const size = Math.abs(sent);
  return size < SMALL && Math.abs(sent - found) < size * (RELATIVE_SMALL * 0.98) && !Number.isInteger(sent);
}

function largestOf({ values, count }: SentPoints): number {
  let largest = 0;
  for (let at = 0; at < count; at++) {
    const size = Math.abs(values[at]!);
    if (size > largest && size < Number.POSITIVE_INFINITY) largest = size;
  }
  return largest;
}
