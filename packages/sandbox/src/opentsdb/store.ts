/**
 * The points of the stand-in. A stored series is a sorted Float64Array of times beside the number texts; a computed one costs no memory,
 * whatever its length. Number texts go into replies as they are.
 */

/** A series to be stored; points in any order, times in ms. */
export interface SeriesInput {
  metric: string;
  tags: Record<string, string>;
  points: Iterable<readonly [ms: number, text: string]>;
}

/** A series that is computed when it is asked for: a point at `phaseMs + k·stepMs` within `[startMs, stopMs)`. */
export interface VirtualSeriesInput {
  metric: string;
  tags: Record<string, string>;
  startMs: number;
  stopMs: number;
  stepMs: number;
  phaseMs?: number;
  value: (ms: number) => string;
}

export interface TsdbSeries {
  readonly metric: string;
  readonly tags: readonly (readonly [key: string, value: string])[];
  readonly tsuid: string;
  /** Points with `start <= time <= end`, in order of time. */
  range(startMs: number, endMs: number): PointRange;
}

export interface PointRange {
  readonly length: number;
  time(at: number): number;
  /** `length` is allowed too: the point after the last one, should there be one. */
  text(at: number): string | undefined;
}

function lowerBound(times: Float64Array, length: number, time: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] as number) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

class StoredPoints implements TsdbSeries {
  readonly metric: string;
  readonly tags: [string, string][];
  readonly tsuid: string;
  #times = new Float64Array(16);
  #texts: string[] = [];

  constructor(metric: string, tags: [string, string][], tsuid: string) {
    this.metric = metric;
    this.tags = tags;
    this.tsuid = tsuid;
  }

  get length(): number {
    return this.#texts.length;
  }

  /** Keeps points of equal time; a real server could not hold them, a client must survive them. */
  add(points: Iterable<readonly [number, string]>): void {
    let ordered = true;
    let last = this.length > 0 ? (this.#times[this.length - 1] as number) : Number.NEGATIVE_INFINITY;
    for (const [ms, text] of points) {
      this.#push(ms, text);
      ordered &&= ms >= last;
      last = ms;
    }
    if (ordered) return;
    const order = Array.from(this.#texts.keys()).sort((a, b) => (this.#times[a] as number) - (this.#times[b] as number) || a - b);
    this.#times = Float64Array.from(order, (at) => this.#times[at] as number);
    this.#texts = order.map((at) => this.#texts[at] as string);
  }

  /** A point as `/api/put` stores it: of equal times the last one stays. */
  put(ms: number, text: string): void {
    const at = lowerBound(this.#times, this.length, ms);
    if (at < this.length && this.#times[at] === ms) this.#texts[at] = text;
    else if (at === this.length) this.#push(ms, text);
    else {
      this.#push(0, '');
      this.#times.copyWithin(at + 1, at, this.length - 1);
      this.#times[at] = ms;
      this.#texts.splice(at, 0, text);
      this.#texts.pop();
    }
  }

  remove(startMs: number, endMs: number): void {
    const low = lowerBound(this.#times, this.length, startMs);
    const high = lowerBound(this.#times, this.length, endMs + 1);
    this.#times.copyWithin(low, high, this.length);
    this.#texts.splice(low, high - low);
  }

  range(startMs: number, endMs: number): PointRange {
    const low = lowerBound(this.#times, this.length, startMs);
    const high = Math.max(low, lowerBound(this.#times, this.length, endMs + 1));
    return { length: high - low, time: (at) => this.#times[low + at] as number, text: (at) => this.#texts[low + at] };
  }

  #push(ms: number, text: string): void {
    if (this.length === this.#times.length) {
      const larger = new Float64Array(this.#times.length * 2);
      larger.set(this.#times);
      this.#times = larger;
    }
    this.#times[this.length] = ms;
    this.#texts.push(text);
  }
}

class ComputedPoints implements TsdbSeries {
  readonly metric: string;
  readonly tags: [string, string][];
  readonly tsuid: string;
  readonly #first: number;
  readonly #count: number;
  readonly #step: number;
  readonly #value: (ms: number) => string;

  constructor(input: VirtualSeriesInput, tags: [string, string][], tsuid: string) {
    this.metric = input.metric;
    this.tags = tags;
    this.tsuid = tsuid;
    this.#step = input.stepMs;
    this.#value = input.value;
    const phase = input.phaseMs ?? 0;
    this.#first = phase + Math.ceil((input.startMs - phase) / input.stepMs) * input.stepMs;
    this.#count = Math.max(0, Math.ceil((input.stopMs - this.#first) / input.stepMs));
  }

  range(startMs: number, endMs: number): PointRange {
    const low = Math.min(Math.max(0, Math.ceil((startMs - this.#first) / this.#step)), this.#count);
    const high = Math.max(low, Math.min(this.#count, Math.floor((endMs - this.#first) / this.#step) + 1));
    const time = (at: number): number => this.#first + (low + at) * this.#step;
    return { length: high - low, time, text: (at) => (low + at < this.#count ? this.#value(time(at)) : undefined) };
  }
}

/** Names get ids in the order in which they are first seen, as in the real id tables. */
class Names {
  readonly #ids = new Map<string, string>();

  id(name: string): string {
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = (this.#ids.size + 1).toString(16).toUpperCase().padStart(6, '0');
      this.#ids.set(name, id);
    }
    return id;
  }
  /** Undefined for an id that nobody has. */
  named(id: string): string | undefined {
    for (const [name, own] of this.#ids) if (own === id) return name;
    return undefined;
  }
  has(name: string): boolean {
    return this.#ids.has(name);
  }
  sorted(): string[] {
    return [...this.#ids.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }
}

/** Up to 32 bits are seconds. */
export function annotationMs({ startTime }: { startTime: number }): number {
  return startTime > 0xffff_ffff ? startTime : startTime * 1000;
}

export type NameKind = 'metrics' | 'tagk' | 'tagv';

/** A remark on a series, or on none (`tsuid` empty): as the server keeps it. */
export interface StoredAnnotation {
  tsuid: string;
  description: string;
  notes: string;
  custom?: Record<string, string>;
  startTime: number;
  endTime: number;
}

export class TsdbStore {
  /** By series and start. */
  readonly #annotations = new Map<string, StoredAnnotation>();
  readonly names: Record<NameKind, Names> = { metrics: new Names(), tagk: new Names(), tagv: new Names() };
  readonly #byMetric = new Map<string, Map<string, TsdbSeries>>();

  /** Adds points to a series, making it when it is new. */
  add(input: SeriesInput): void {
    this.#stored(input.metric, input.tags).add(input.points);
  }

  addVirtual(input: VirtualSeriesInput): void {
    const { tags, tsuid } = this.#identify(input.metric, input.tags);
    this.#of(input.metric).set(tsuid, new ComputedPoints(input, tags, tsuid));
  }

  /** A metric that has a name and no data. */
  addName(metric: string): void {
    this.names.metrics.id(metric);
  }

  put(metric: string, tags: Record<string, string>, ms: number, text: string): void {
    this.#stored(metric, tags).put(ms, text);
  }

  series(metric: string): TsdbSeries[] {
    return [...(this.#byMetric.get(metric)?.values() ?? [])];
  }

  byTsuid(tsuid: string): TsdbSeries | undefined {
    for (const group of this.#byMetric.values()) {
      const found = group.get(tsuid);
      if (found) return found;
    }
    return undefined;
  }

  /** Fields that are given replace those of one that is there. */
  annotate(given: Partial<StoredAnnotation> & { startTime: number }): StoredAnnotation {
    const { tsuid = '', startTime } = given;
    const key = `${tsuid} ${startTime}`;
    const before = this.#annotations.get(key) ?? { tsuid, description: '', notes: '', startTime, endTime: 0 };
    const { description, notes, custom, endTime } = { ...before, ...given };
    const kept = { tsuid, description, notes, ...(custom === undefined ? {} : { custom }), startTime, endTime };
    this.#annotations.set(key, kept);
    return kept;
  }

  /** Those that begin within `[startMs, endMs]`, in order of time. */
  annotationsOf(tsuid: string, startMs: number, endMs: number): StoredAnnotation[] {
    return [...this.#annotations.values()]
      .filter((one) => one.tsuid === tsuid && annotationMs(one) >= startMs && annotationMs(one) <= endMs)
      .sort((a, b) => annotationMs(a) - annotationMs(b));
  }

  /** Series of a metric that have annotations, whether or not they have points. */
  annotated(metric: string): string[] {
    const id = this.names.metrics.id(metric);
    return [...new Set([...this.#annotations.values()].map(({ tsuid }) => tsuid))].filter((tsuid) => tsuid !== '' && tsuid.startsWith(id));
  }

  /** Deletes points; computed series stay. */
  remove(series: TsdbSeries, startMs: number, endMs: number): void {
    if (series instanceof StoredPoints) series.remove(startMs, endMs);
  }

  #of(metric: string): Map<string, TsdbSeries> {
    let group = this.#byMetric.get(metric);
    if (!group) {
      group = new Map();
      this.#byMetric.set(metric, group);
    }
    return group;
  }

  #identify(metric: string, tags: Record<string, string>): { tags: [string, string][]; tsuid: string } {
    const parts = Object.entries(tags)
      .map(([key, value]) => ({ key, value, id: this.names.tagk.id(key) + this.names.tagv.id(value) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    return { tags: parts.map(({ key, value }) => [key, value]), tsuid: this.names.metrics.id(metric) + parts.map(({ id }) => id).join('') };
  }

  #stored(metric: string, given: Record<string, string>): StoredPoints {
    const { tags, tsuid } = this.#identify(metric, given);
    const group = this.#of(metric);
    const known = group.get(tsuid);
    if (known instanceof StoredPoints) return known;
    if (known) throw new TypeError(`the series ${tsuid} of ${metric} is computed; points cannot be added to it`);
    const made = new StoredPoints(metric, tags, tsuid);
    group.set(tsuid, made);
    return made;
  }
}
