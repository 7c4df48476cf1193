/**
 * Turns the reply of `/api/query` into import lines while it arrives, in one pass over its bytes.
 *
 * No number is parsed into a double and printed again: values and timestamps are copied as text, so 64-bit integers and the
 * digits of floats survive. Memory is one input buffer and two output buffers, whatever the size of the reply.
 *
 * Reply grammar (OpenTSDB 2.x): a list of objects with `metric`, `tags`, `aggregateTags`, `dps` and others in any order;
 * `dps` is a list of pairs with the flag `arrays`, else an object keyed by time. `NaN` may stand bare among the values.
 */
import { isUtf8 } from 'node:buffer';
import type { LongshoreError } from '@longshore/core';
import type { FrameSummary, LineSink, SeriesDigest, SourceAnnotation, SourceProblem, TimeRange } from '../../model.ts';
import { addedHashes, hashText } from '../../point-hash.ts';
import * as byte from './bytes.ts';
import { ErrorInReply, MalformedReply, TruncatedReply } from './errors.ts';
import { annotationMs } from './global-annotations.ts';
import { ReplyInput } from './input.ts';
import { LineHead, rewritten } from './labels.ts';
import { Lines } from './lines.ts';
import { SeriesPoints } from './points.ts';
import { Problems } from './problems.ts';
import { errorText } from './replies.ts';
import { SkippedValue } from './skip.ts';

export interface ScannerOptions {
  metric: string;
  /** Points outside are a problem and not written. */
  frame: TimeRange;
  /** What was asked for when it had to be wider than the frame: points outside the frame but in here are left out silently. */
  asked?: TimeRange;
  /** Timestamps of at most 10 digits are seconds, as in a reply without the flag `ms`, unless they lie in what was asked for. Default: every timestamp is in ms. */
  seconds?: boolean;
  /** Annotations are wanted; otherwise some in the reply are a problem. */
  annotations?: boolean;
  /** For messages: `query kilda.a from otsdb-old`. */
  what: string;
}

/** Points that come before the tags they belong to are held in memory, up to here. OpenTSDB itself never sends them so. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

const KEYS: readonly (readonly [Uint8Array, Key])[] = (
  [
    ['metric', 'metric'],
    ['tags', 'tags'],
    ['aggregateTags', 'aggregateTags'],
    ['dps', 'dps'],
    ['error', 'error'],
    ['annotations', 'annotations'],
    ['globalAnnotations', 'globalAnnotations'],
    ['statsSummary', 'stats'],
  ] as const
).map(([name, key]) => [Buffer.from(name), key]);

/** Between the tags and the points of nearly every object. */
const USUAL_MIDDLE = Buffer.from(',"aggregateTags":[],"dps":');

/** Of `null`. */
const LOWER_N = 0x6e;

type Key = 'other' | 'metric' | 'tags' | 'aggregateTags' | 'dps' | 'error' | 'annotations' | 'globalAnnotations' | 'stats';
const USUAL_KEYS: readonly Key[] = ['metric', 'tags', 'aggregateTags', 'dps'];
type State =
  | 'start'
  | 'first-element'
  | 'next-element'
  | 'element'
  | 'first-key'
  | 'next-key'
  | 'key'
  | 'value'
  | 'skip'
  | 'points'
  | 'first-annotation'
  | 'annotation'
  | 'next-annotation'
  | 'emit-held'
  | 'done';
type Step = 'go' | 'need-input' | 'need-output';

/** `labels` are absent where the source has not told the series of it. */
export interface FoundAnnotation extends Omit<SourceAnnotation, 'labels'> {
  labels?: string;
  tsuid: string;
}

export type ScannedFrame = Omit<FrameSummary, 'replyBytes' | 'annotations'> & { found: FoundAnnotation[] };

/** Undefined when it is none. */
function annotationIn(bytes: Buffer): FoundAnnotation | undefined {
  if (!isUtf8(bytes)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { tsuid, ...fields } = value as Record<string, unknown>;
  const startMs = annotationMs(fields);
  return startMs === undefined || typeof tsuid !== 'string' ? undefined : { tsuid, startMs, fields };
}

export class ReplyScanner {
  readonly #options: ScannerOptions;
  readonly #input: ReplyInput = new ReplyInput();
  readonly #metric: Buffer;
  /** How nearly every object begins. */
  readonly #usualStart: Buffer;
  readonly #head: LineHead;
  readonly #lines: Lines;
  readonly #problems: Problems;
  readonly #points: SeriesPoints;
  readonly #skipped: SkippedValue;
  readonly #series = new Map<string, SeriesDigest>();
  #total = 0;
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;

  #state: State = 'start';
  /** The reply is one object, which only an error may be. */
  #bare = false;
  #key: Key = 'other';

  // What the current object has shown so far.
  readonly #keys = new Set<Key>();
  #sawMetric = false;
  #sawTags = false;
  #sawAggregateTags = false;
  #sawStats = false;
  #otherMetric: string | undefined;
  #aggregated = false;
  readonly #aggregateTags = new Set<string>();
  /** Of the current object; of all objects, the tsuid in place of the labels where the source has not told the series. */
  #own: FoundAnnotation[] = [];
  readonly #annotations: FoundAnnotation[] = [];

  constructor(options: ScannerOptions, sink: LineSink) {
    this.#options = options;
    this.#metric = Buffer.from(JSON.stringify(options.metric.toWellFormed()));
    this.#usualStart = Buffer.from(`{"metric":${this.#metric},"tags":`);
    this.#head = new LineHead(options.metric);
    this.#lines = new Lines(sink);
    this.#problems = new Problems(options.metric);
    this.#skipped = new SkippedValue(this.#input);
    const { frame, asked = frame, seconds = false } = options;
    this.#points = new SeriesPoints(this.#input, this.#lines, this.#head, { frame, asked, seconds }, this.#problems);
  }

  /** Bytes taken in so far. */
  get received(): number {
    return this.#input.received;
  }

  /** Takes the next bytes; the chunk may be reused afterwards. Returns a promise only when the sink has to be waited for. */
  push(chunk: Uint8Array): Promise<void> | undefined {
    let at = 0;
    while (at < chunk.length) {
      at += this.#take(chunk, at);
      if (!this.#scan()) return this.#pushRest(chunk, at);
    }
    return undefined;
  }

  async #pushRest(chunk: Uint8Array, from: number): Promise<void> {
    let at = from;
    for (;;) {
      await this.#lines.handOver();
      while (this.#scan()) {
        if (at >= chunk.length) return;
        at += this.#take(chunk, at);
      }
    }
  }

  /** The reply is over: hands the last lines to the sink and waits for it. Throws LSH_TSDB_TRUNCATED_REPLY when it cannot have been all. */
  async end(): Promise<ScannedFrame> {
    while (!this.#scan()) await this.#lines.handOver();
    if (this.#state !== 'done') throw TruncatedReply({ what: this.#options.what, bytes: this.received });
    await this.#lines.handOver();
    await this.#lines.settled();
    this.#lines.release();
    const summary: ScannedFrame = {
      points: this.#total,
      series: [...this.#series.values()],
      lineBytes: this.#lines.written,
      problems: this.#problems.list(),
      found: this.#annotations,
      ...(this.#aggregateTags.size === 0 ? {} : { aggregateTags: [...this.#aggregateTags] }),
    };
    if (this.#total > 0) {
      summary.firstMs = this.#firstMs;
      summary.lastMs = this.#lastMs;
    }
    return summary;
  }

  /** After a failure: waits until the sink has let go of the buffers it was given. Never throws. */
  async abandon(): Promise<void> {
    await this.#lines.settled().catch(() => undefined); // the failure that ended the scan is the one to be told
    this.#lines.release();
  }

  #take(chunk: Uint8Array, at: number): number {
    const count = this.#input.take(chunk, at);
    if (count === 0) throw this.#malformed('a part of it is too long');
    return count;
  }

  #malformed(reason: string): LongshoreError {
    return MalformedReply({ what: this.#options.what, at: this.#input.position, reason });
  }

  /** Scans what is there. False when the output must be handed over before it can go on. */
  #scan(): boolean {
    try {
      for (;;) {
        const step = this.#step();
        if (step !== 'go') return step === 'need-input';
      }
    } catch (error) {
      throw error instanceof SyntaxError ? this.#malformed(error.message) : error;
    }
  }

  #step(): Step {
    switch (this.#state) {
      case 'points':
        return this.#scanPoints();
      case 'first-annotation':
      case 'annotation':
      case 'next-annotation':
        return this.#scanAnnotation(this.#state);
      case 'value':
        return this.#scanValue();
      case 'skip':
        return this.#skipValue();
      case 'emit-held':
        return this.#emitHeld();
      case 'key':
        return this.#scanKey();
      case 'next-element':
        return this.#scanUsualStart() || this.#scanPunctuation(this.#state);
      default:
        return this.#scanPunctuation(this.#state);
    }
  }

  /** From the end of one object to the points of the next, if it is written as OpenTSDB writes it and all there. */
  #scanUsualStart(): Step | undefined {
    const input = this.#input;
    const { bytes, end } = input;
    const start = this.#usualStart;
    let at = input.at + 1;
    if (at + start.length > end || bytes[at - 1] !== byte.COMMA || !byte.matches(bytes, at, start)) return undefined;
    at = this.#head.read(bytes, at + start.length, end);
    if (at < 0 || at + USUAL_MIDDLE.length >= end || !byte.matches(bytes, at, USUAL_MIDDLE)) return undefined;
    this.#beginObject();
    this.#sawMetric = true;
    this.#sawTags = true;
    this.#sawAggregateTags = true;
    for (const key of USUAL_KEYS) this.#keys.add(key);
    input.at = at + USUAL_MIDDLE.length;
    this.#state = 'value';
    this.#key = 'dps';
    return this.#scanValue();
  }

  #scanPunctuation(state: State): Step {
    const input = this.#input;
    input.at = byte.skipSpace(input.bytes, input.at, input.end);
    if (input.at >= input.end) return 'need-input';
    const found = input.bytes[input.at]!;
    if (state === 'start' && found === byte.OPEN_LIST) this.#state = 'first-element';
    else if (state === 'start' && found === byte.OPEN_OBJECT) {
      this.#bare = true;
      this.#beginObject();
    } else if ((state === 'first-element' || state === 'element') && found === byte.OPEN_OBJECT) this.#beginObject();
    else if ((state === 'first-element' || state === 'next-element') && found === byte.CLOSE_LIST) this.#state = 'done';
    else if (state === 'next-element' && found === byte.COMMA) this.#state = 'element';
    else if (state === 'first-key' && found === byte.QUOTE) {
      this.#state = 'key';
      return 'go';
    } else if (state === 'next-key' && found === byte.COMMA) this.#state = 'key';
    else if ((state === 'first-key' || state === 'next-key') && found === byte.CLOSE_OBJECT) this.#endObject();
    else throw this.#malformed(`unexpected ${JSON.stringify(String.fromCharCode(found))}`);
    input.at++;
    return 'go';
  }

  #scanKey(): Step {
    const input = this.#input;
    const { bytes, end } = input;
    const at = byte.skipSpace(bytes, input.at, end);
    if (at >= end) return 'need-input';
    if (bytes[at] !== byte.QUOTE) throw this.#malformed('a key was expected');
    const close = byte.stringEnd(bytes, at + 1, end);
    if (close === byte.INCOMPLETE) return 'need-input';
    if (close === byte.INVALID) throw this.#malformed('a control character or a wrong escape in a key');
    const colon = byte.skipSpace(bytes, close + 1, end);
    if (colon >= end) return 'need-input';
    if (bytes[colon] !== byte.COLON) throw this.#malformed('a colon was expected');
    this.#key = 'other';
    for (const [name, key] of KEYS) {
      if (name.length !== close - at - 1 || !byte.matches(bytes, at + 1, name)) continue;
      this.#key = key;
      break;
    }
    if (this.#key !== 'other') {
      if (this.#keys.has(this.#key)) throw this.#malformed(`${this.#key} twice in one object`);
      this.#keys.add(this.#key);
    }
    if (this.#key === 'stats') this.#sawStats = true;
    input.at = colon + 1;
    this.#state = 'value';
    return 'go';
  }

  #scanValue(): Step {
    const input = this.#input;
    input.at = byte.skipSpace(input.bytes, input.at, input.end);
    if (input.at >= input.end) return 'need-input';
    switch (this.#key) {
      case 'metric':
        return this.#scanMetric();
      case 'tags':
        return this.#scanTags();
      case 'annotations':
        return this.#options.annotations === true && this.#input.bytes[this.#input.at] === byte.OPEN_LIST
          ? this.#beginAnnotations()
          : this.#scanList();
      case 'aggregateTags':
      case 'globalAnnotations':
        return this.#scanList();
      case 'dps':
        return this.#beginPoints();
      case 'error':
        return this.#scanError();
      default:
        return this.#beginSkip();
    }
  }

  #scanMetric(): Step {
    const input = this.#input;
    const { bytes, at, end } = input;
    if (bytes[at] !== byte.QUOTE) throw this.#malformed('the name of a metric was expected');
    const close = byte.stringEnd(bytes, at + 1, end);
    if (close === byte.INCOMPLETE) return 'need-input';
    if (close === byte.INVALID) throw this.#malformed('a control character or a wrong escape in a name');
    this.#sawMetric = true;
    if (close + 1 - at !== this.#metric.length || !byte.matches(bytes, at, this.#metric)) {
      if (!isUtf8(bytes.subarray(at, close + 1))) throw this.#malformed('a name is not UTF-8');
      const name = rewritten(bytes.toString('utf8', at, close + 1));
      if (name !== this.#metric.toString()) this.#otherMetric = name ?? 'unreadable';
    }
    return this.#behindValue(close + 1);
  }

  #scanTags(): Step {
    const input = this.#input;
    const next = this.#head.read(input.bytes, input.at, input.end);
    if (next === byte.INCOMPLETE) return 'need-input';
    if (next === byte.INVALID) throw this.#malformed('tags are no flat object of strings, not UTF-8, or too many or too long');
    this.#sawTags = true;
    return this.#behindValue(next);
  }

  /** A list of which only matters whether it is empty. */
  #scanList(): Step {
    const { bytes, at, end } = this.#input;
    if (bytes[at] !== byte.OPEN_LIST && bytes[at] !== LOWER_N)
      throw this.#malformed(this.#key === 'aggregateTags' ? 'aggregateTags is no list of names' : `${this.#key} is no list`);
    if (bytes[at] === byte.OPEN_LIST) {
      const inside = byte.skipSpace(bytes, at + 1, end);
      if (inside >= end) return 'need-input';
      if (bytes[inside] !== byte.CLOSE_LIST) {
        if (this.#key === 'aggregateTags') {
          const behind = byte.valueEnd(bytes, at, end);
          if (behind === byte.INCOMPLETE) return 'need-input';
          if (behind === byte.INVALID) throw this.#malformed('aggregateTags is no list of names');
          this.#aggregated = true;
          this.#addAggregated(bytes.toString('utf8', at, behind));
        } else this.#problems.add('annotations', 1, () => bytes.toString('utf8', inside, Math.min(end, inside + 160)));
      }
    }
    if (this.#key === 'aggregateTags') this.#sawAggregateTags = true;
    return this.#beginSkip();
  }

  #beginAnnotations(): Step {
    this.#input.at++;
    this.#state = 'first-annotation';
    return 'go';
  }

  /** One of the list, the comma behind it, or its end. */
  #scanAnnotation(state: 'first-annotation' | 'annotation' | 'next-annotation'): Step {
    const input = this.#input;
    const { bytes, end } = input;
    input.at = byte.skipSpace(bytes, input.at, end);
    const { at } = input;
    if (at >= end) return 'need-input';
    if (bytes[at] === byte.CLOSE_LIST && state !== 'annotation') return this.#behindValue(at + 1);
    if (state === 'next-annotation') {
      if (bytes[at] !== byte.COMMA) throw this.#malformed('a comma was expected between annotations');
      input.at = at + 1;
      this.#state = 'annotation';
      return 'go';
    }
    if (bytes[at] !== byte.OPEN_OBJECT) throw this.#malformed('an annotation was expected');
    const behind = byte.valueEnd(bytes, at, end);
    if (behind === byte.INCOMPLETE) return 'need-input';
    const found = behind < 0 ? undefined : annotationIn(bytes.subarray(at, behind));
    if (found === undefined) throw this.#malformed('an annotation is none');
    const { startMs, stopMs } = this.#options.frame;
    if (found.startMs >= startMs && found.startMs < stopMs) this.#own.push(found);
    input.at = behind;
    this.#state = 'next-annotation';
    return 'go';
  }

  #addAggregated(list: string): void {
    try {
      for (const tag of JSON.parse(list) as unknown[]) if (typeof tag === 'string') this.#aggregateTags.add(tag);
    } catch {
      throw this.#malformed('aggregateTags is no list of names');
    }
  }

  #scanError(): Step {
    const { bytes, at, end } = this.#input;
    const close = byte.valueEnd(bytes, at, end);
    if (close === byte.INCOMPLETE) return 'need-input';
    const value = bytes.toString('utf8', at, close < 0 ? end : close);
    throw ErrorInReply({ what: this.#options.what, reason: errorText(`{"error":${value}}`) });
  }

  #behindValue(at: number): Step {
    this.#input.at = at;
    this.#state = 'next-key';
    return 'go';
  }

  #beginSkip(): Step {
    this.#skipped.begin();
    this.#state = 'skip';
    return 'go';
  }

  #skipValue(): Step {
    return this.#skipped.scan() ? this.#behindValue(this.#input.at) : 'need-input';
  }

  #beginObject(): void {
    this.#state = 'first-key';
    if (this.#keys.size > 0) this.#keys.clear();
    this.#sawMetric = false;
    this.#sawTags = false;
    this.#sawAggregateTags = false;
    this.#sawStats = false;
    this.#otherMetric = undefined;
    this.#aggregated = false;
    this.#own = [];
    this.#points.beginSeries();
  }

  /** Why the points of this object are not to be written, as far as it is known. */
  #objection(): SourceProblem['kind'] | undefined {
    if (this.#otherMetric !== undefined) return 'other-metric';
    if (this.#aggregated) return 'aggregated';
    return this.#sawTags && this.#head.bad !== undefined ? 'bad-label' : undefined;
  }

  #beginPoints(): Step {
    const input = this.#input;
    const found = input.bytes[input.at];
    if (found === LOWER_N) return this.#beginSkip(); // null: no points
    if (found !== byte.OPEN_LIST && found !== byte.OPEN_OBJECT) throw this.#malformed('points were expected');
    const complete = this.#sawMetric && this.#sawTags && this.#sawAggregateTags;
    this.#points.mode = this.#objection() !== undefined ? 'drop' : complete ? 'emit' : 'hold';
    this.#points.beginPoints(found === byte.OPEN_LIST);
    this.#state = 'points';
    return 'go';
  }

  #scanPoints(): Step {
    const step = this.#points.scan();
    if (this.#points.heldBytes > MAX_HELD_BYTES) throw this.#malformed('tags come too long after their points');
    if (step !== 'closed') return step;
    this.#state = 'next-key';
    return 'go';
  }

  #endObject(): void {
    if (this.#bare) throw this.#malformed('an object in place of a list');
    this.#state = 'next-element';
    const points = this.#points;
    if (!this.#sawMetric) {
      if (!this.#sawStats) this.#problems.add('unknown-object', 1, () => 'an object without a metric');
      return;
    }
    // A series that has annotations in an hour, and no point, comes without its names.
    const nameless = this.#otherMetric === '""' && points.points === 0;
    if (this.#own.length > 0) {
      const told = !nameless && this.#sawTags && this.#objection() === undefined;
      for (const one of this.#own) this.#annotations.push(told ? { ...one, labels: this.#head.labels } : one);
    }
    if (nameless) return;
    const objection = this.#objection();
    if (objection !== undefined) {
      const example = (): string => this.#otherMetric ?? (this.#sawTags ? this.#head.labels : 'an object without tags');
      this.#problems.add(objection, Math.max(1, points.points), example);
      return;
    }
    if (!this.#sawTags) this.#head.readNone();
    if (points.points === 0) return;
    this.#addDigest();
    if (points.held.length > 0) this.#state = 'emit-held';
  }

  #addDigest(): void {
    const { points, laneA, laneB, pointA, pointB, exact, firstMs, greatestMs } = this.#points;
    const labels = this.#head.labels;
    const known = this.#series.get(labels);
    const digest: SeriesDigest = { labels, points, hash: hashText(laneA, laneB) };
    if (exact) digest.pointsHash = hashText(pointA, pointB);
    if (known !== undefined) {
      digest.points += known.points;
      digest.hash = addedHashes(known.hash, digest.hash);
      if (known.pointsHash === undefined || digest.pointsHash === undefined) delete digest.pointsHash;
      else digest.pointsHash = addedHashes(known.pointsHash, digest.pointsHash);
    }
    this.#series.set(labels, digest);
    this.#total += points;
    this.#firstMs = Math.min(this.#firstMs, firstMs);
    this.#lastMs = Math.max(this.#lastMs, greatestMs);
  }

  #emitHeld(): Step {
    const { held } = this.#points;
    for (let body = held[0]; body !== undefined; body = held[0]) {
      if (!this.#lines.append(this.#head, body)) return 'need-output';
      held.shift();
    }
    this.#state = 'next-element';
    return 'go';
  }
}
