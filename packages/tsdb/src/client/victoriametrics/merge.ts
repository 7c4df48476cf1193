/** One series, point by point: what was sent and what was found, merged by time. The slow way, for lines that could not be settled as a whole. */
import type { ComparisonExample } from '../../model.ts';
import { BadExport } from './errors.ts';
import type { LineView } from './lines.ts';
import { DIFFERENT, fullNumber, judge, MATCHED } from './values.ts';

/** A point that the sink does not have: where its parts are in a line of the chunk. */
export interface Missing {
  line: LineView;
  valueStart: number;
  valueEnd: number;
  timeStart: number;
  timeEnd: number;
}

export interface SeriesMerge {
  matched: number;
  missing: Missing[];
  extra: number;
  different: number;
  precisionLost: number;
  /** Part of `different`: cut at a decimal place by a neighbour nobody knows; the magnitude it would have had. */
  unexplained: number;
  magnitude: number;
  examples: Omit<ComparisonExample, 'labels'>[];
}

/** The points of some lines, in order of time. Offsets are into the line's own buffer. */
interface Points {
  lines: LineView[];
  count: number;
  times: Float64Array;
  lineOf: Uint32Array;
  timeStarts: Uint32Array;
  timeEnds: Uint32Array;
  valueStarts: Uint32Array;
  valueEnds: Uint32Array;
  /** Indices in order of time; undefined when they are in order as they come. */
  order: Uint32Array | undefined;
}

const COMMA = 44;
const EXAMPLES_PER_KIND = 3;

/** `explained` says whether a value of that magnitude is known near. */
export function mergeSeries(sentLines: LineView[], foundLines: LineView[], explained: (magnitude: number) => boolean): SeriesMerge {
  const sent = pointsOf(sentLines);
  const found = pointsOf(foundLines);
  const merge = new Merge(sent, found, explained);
  let at = 0;
  let bt = 0;
  while (at < sent.count || bt < found.count) {
    const time = Math.min(timeOf(sent, at), timeOf(found, bt));
    const aFrom = at;
    const bFrom = bt;
    while (at < sent.count && timeOf(sent, at) === time) at++;
    while (bt < found.count && timeOf(found, bt) === time) bt++;
    merge.sameTime(aFrom, at, bFrom, bt);
  }
  return merge.result;
}

class Merge {
  readonly result: SeriesMerge = {
    matched: 0,
    missing: [],
    extra: 0,
    different: 0,
    precisionLost: 0,
    unexplained: 0,
    magnitude: 0,
    examples: [],
  };
  readonly #sent: Points;
  readonly #found: Points;
  readonly #explained: (magnitude: number) => boolean;

  constructor(sent: Points, found: Points, explained: (magnitude: number) => boolean) {
    this.#sent = sent;
    this.#found = found;
    this.#explained = explained;
  }

  /** Points of one time. Values that are equal are paired first, then the rest in order of value, so that a wrong one beside a right one is an extra one. */
  sameTime(aFrom: number, aTo: number, bFrom: number, bTo: number): void {
    if (aTo - aFrom === 1 && bTo - bFrom === 1) {
      this.#pair(indexOf(this.#sent, aFrom), indexOf(this.#found, bFrom));
      return;
    }
    let sent = this.#byValue(this.#sent, aFrom, aTo);
    let found = this.#byValue(this.#found, bFrom, bTo);
    if (sent.length > 0 && found.length > 0) {
      for (const accept of [this.#isMatch, this.#isCut]) [sent, found] = this.#pairOff(sent, found, accept);
      const pairs = Math.min(sent.length, found.length);
      for (let index = 0; index < pairs; index++) this.#pair(sent[index]!, found[index]!);
      sent = sent.slice(pairs);
      found = found.slice(pairs);
    }
    for (const index of sent) this.#isMissing(index);
    for (const index of found) this.#isExtra(index);
  }

  /** Pairs what `accept` takes, walking both lists in order of value; gives back what is left of them. */
  #pairOff(sent: number[], found: number[], accept: (verdict: number) => boolean): [number[], number[]] {
    const leftSent: number[] = [];
    const leftFound: number[] = [];
    let bt = 0;
    for (const index of sent) {
      const value = this.#valueOf(this.#sent, index);
      while (bt < found.length && this.#valueOf(this.#found, found[bt]!) < value && !accept(this.#judge(index, found[bt]!))) {
        leftFound.push(found[bt]!);
        bt++;
      }
      if (bt < found.length && accept(this.#judge(index, found[bt]!))) {
        this.#pair(index, found[bt]!);
        bt++;
      } else leftSent.push(index);
    }
    return [leftSent, [...leftFound, ...found.slice(bt)]];
  }

  readonly #isMatch = (verdict: number): boolean => verdict === MATCHED;
  readonly #isCut = (verdict: number): boolean => verdict !== DIFFERENT;

  #byValue(points: Points, from: number, to: number): number[] {
    const indices: number[] = [];
    for (let at = from; at < to; at++) indices.push(indexOf(points, at));
    return indices.length < 2 ? indices : indices.sort((a, b) => this.#valueOf(points, a) - this.#valueOf(points, b) || a - b);
  }

  #valueOf(points: Points, index: number): number {
    return fullNumber(bufferOf(points, index), points.valueStarts[index]!, points.valueEnds[index]!);
  }

  #judge(sentIndex: number, foundIndex: number): number {
    const { valueStarts: aStarts, valueEnds: aEnds } = this.#sent;
    const { valueStarts: bStarts, valueEnds: bEnds } = this.#found;
    const a = bufferOf(this.#sent, sentIndex);
    const b = bufferOf(this.#found, foundIndex);
    return judge(a, aStarts[sentIndex]!, aEnds[sentIndex]!, b, bStarts[foundIndex]!, bEnds[foundIndex]!);
  }

  #pair(sentIndex: number, foundIndex: number): void {
    const verdict = this.#judge(sentIndex, foundIndex);
    const { result } = this;
    if (verdict === MATCHED) {
      result.matched++;
      return;
    }
    const lost = verdict !== DIFFERENT && this.#explained(verdict);
    if (lost) result.precisionLost++;
    else result.different++;
    if (!lost && verdict !== DIFFERENT) {
      result.unexplained++;
      result.magnitude = Math.max(result.magnitude, verdict);
    }
    const kind = lost ? 'precision-lost' : 'different';
    if (this.#wants(kind)) {
      const timestampMs = this.#sent.times[sentIndex]!;
      result.examples.push({ kind, timestampMs, expected: textOf(this.#sent, sentIndex), found: textOf(this.#found, foundIndex) });
    }
  }

  #isMissing(index: number): void {
    const { lines, lineOf, valueStarts, valueEnds, timeStarts, timeEnds, times } = this.#sent;
    this.result.missing.push({
      line: lines[lineOf[index]!]!,
      valueStart: valueStarts[index]!,
      valueEnd: valueEnds[index]!,
      timeStart: timeStarts[index]!,
      timeEnd: timeEnds[index]!,
    });
    if (this.#wants('missing')) {
      this.result.examples.push({ kind: 'missing', timestampMs: times[index]!, expected: textOf(this.#sent, index) });
    }
  }

  #isExtra(index: number): void {
    this.result.extra++;
    if (this.#wants('extra')) {
      this.result.examples.push({ kind: 'extra', timestampMs: this.#found.times[index]!, found: textOf(this.#found, index) });
    }
  }

  #wants(kind: ComparisonExample['kind']): boolean {
    return this.result.examples.filter((example) => example.kind === kind).length < EXAMPLES_PER_KIND;
  }
}

function pointsOf(lines: LineView[]): Points {
  const capacity = lines.reduce((sum, line) => sum + Math.ceil((line.timesEnd - line.timesStart + 1) / 2), 0);
  const points: Points = {
    lines,
    count: 0,
    times: new Float64Array(capacity),
    lineOf: new Uint32Array(capacity),
    timeStarts: new Uint32Array(capacity),
    timeEnds: new Uint32Array(capacity),
    valueStarts: new Uint32Array(capacity),
    valueEnds: new Uint32Array(capacity),
    order: undefined,
  };
  let ascending = true;
  let last = Number.NEGATIVE_INFINITY;
  for (const [lineIndex, line] of lines.entries()) {
    const { buffer, timesStart, timesEnd, valuesStart, valuesEnd } = line;
    let value = valuesStart;
    let time = timesStart;
    while (time < timesEnd && value < valuesEnd) {
      const timeEnd = itemEnd(buffer, time, timesEnd);
      const valueEnd = itemEnd(buffer, value, valuesEnd);
      const at = points.count++;
      const ms = fullNumber(buffer, time, timeEnd);
      if (!Number.isInteger(ms)) throw unequal('a timestamp is no whole number', line);
      if (ms < last) ascending = false;
      last = ms;
      points.times[at] = ms;
      points.lineOf[at] = lineIndex;
      points.timeStarts[at] = time;
      points.timeEnds[at] = timeEnd;
      points.valueStarts[at] = value;
      points.valueEnds[at] = valueEnd;
      time = timeEnd + 1;
      value = valueEnd + 1;
    }
    // Behind the last item both have gone one too far; a comma that nothing follows stops one of them short of that.
    const whole = timesStart === timesEnd ? valuesStart === valuesEnd : time === timesEnd + 1 && value === valuesEnd + 1;
    if (!whole) throw unequal('a line has more values than timestamps, or fewer', line);
  }
  if (!ascending) {
    const { times, count } = points;
    points.order = Uint32Array.from({ length: count }, (_, index) => index).sort((a, b) => times[a]! - times[b]! || a - b);
  }
  return points;
}

function unequal(reason: string, line: LineView): Error {
  return BadExport({ sink: 'a series', reason, excerpt: line.buffer.toString('utf8', line.labelsStart, line.labelsEnd) });
}

function itemEnd(buffer: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && buffer[at] !== COMMA) at++;
  return at;
}

function indexOf(points: Points, position: number): number {
  return points.order === undefined ? position : points.order[position]!;
}

function timeOf(points: Points, position: number): number {
  return position < points.count ? points.times[indexOf(points, position)]! : Number.POSITIVE_INFINITY;
}

function bufferOf(points: Points, index: number): Buffer {
  return points.lines[points.lineOf[index]!]!.buffer;
}

function textOf(points: Points, index: number): string {
  return bufferOf(points, index).toString('latin1', points.valueStarts[index], points.valueEnds[index]);
}
