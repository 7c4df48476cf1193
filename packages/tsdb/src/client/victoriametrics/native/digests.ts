/**
 * Whether a sink holds exactly what whole metrics have in a range, by its native blocks and by sums that were made when the points were
 * read from the source: of each series the count and a hash over all points (`point-hash.ts`). Nothing that was sent is looked at again.
 *
 * This only ever confirms, and only values that the sink gives back exactly. A metric of which it cannot is left to the comparison with
 * what was sent (`confirm.ts`), chunk by chunk. Memory is per series, never per point.
 */
import type { TimeRange } from '../../../model.ts';
import { lanesOf, PointSum } from '../../../point-hash.ts';
import type { SeriesKeys } from '../labels.ts';
import type { BlockLayout } from './block.ts';
import { readHead } from './block.ts';
import type { ConfirmBuffers } from './confirm.ts';
import { metricOf, type NativeNames } from './names.ts';
import { TakenBlocks } from './taken.ts';

/** What is to be found of one series. */
export interface PointDigest {
  /** The `metric` object of its lines, as text. */
  labels: string;
  points: number;
  /** Absent: it cannot be confirmed here. */
  pointsHash?: string;
}

export interface MetricDigests {
  metric: string;
  range: TimeRange;
  /** A series may come several times: its parts are added up. */
  series: readonly PointDigest[];
}

export interface DigestVerdict {
  /** `incomplete`: all that was found may be right, and something is not there, or not yet. `unclear`: to be looked at in another way. */
  verdict: 'confirmed' | 'incomplete' | 'unclear';
  /** Keys of the series (see `SeriesKeys`) that were confirmed all the same. */
  settled: ReadonlySet<string>;
}

interface Metric {
  range: TimeRange;
  /** There is something that was not sent. */
  foreign: boolean;
  series: Map<string, Series>;
}

interface Series {
  metric: Metric;
  /** A part of it has no hash. */
  unknown: boolean;
  expected: PointSum;
  found: PointSum;
}

export interface DigestOptions {
  layout: BlockLayout;
  keys: SeriesKeys;
  names: NativeNames;
  buffers: ConfirmBuffers;
}

export class DigestConfirm {
  readonly #options: DigestOptions;
  readonly #metrics = new Map<string, Metric>();
  readonly #series = new Map<string, Series>();
  readonly #taken: TakenBlocks<Series>;

  /** A metric comes once. Throws LSH_VM_EXPORT when labels cannot be read. */
  constructor(metrics: readonly MetricDigests[], options: DigestOptions) {
    this.#options = options;
    this.#taken = new TakenBlocks(({ metric, found }, head) => {
      const { block } = options.buffers;
      block.decode(head, metric.range);
      found.addRows(block.times, block.values, block.from, block.to);
    });
    for (const { metric: name, range, series } of metrics) {
      const metric: Metric = { range, foreign: false, series: new Map() };
      this.#metrics.set(name, metric);
      for (const digest of series) this.#expect(metric, digest);
    }
  }

  #expect(metric: Metric, { labels, points, pointsHash }: PointDigest): void {
    const key = this.#options.keys.keyOf(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { metric, unknown: false, expected: new PointSum(), found: new PointSum() };
      this.#series.set(key, series);
      metric.series.set(key, series);
    }
    if (pointsHash === undefined) series.unknown = true;
    else series.expected.add(points, lanesOf(pointsHash));
  }

  /** A part of a native reply, see `NativeReply`. Throws `Undecodable`. */
  take(buffer: Buffer, nameStart: number, nameEnd: number, blockStart: number, blockEnd: number): void {
    const key = this.#options.names.keyAt(buffer, nameStart, nameEnd);
    const series = this.#series.get(key);
    if (series === undefined) {
      // Its rows may lie outside of the range; whether they do is not worth finding out here.
      const metric = this.#metrics.get(metricOf(key));
      if (metric !== undefined) metric.foreign = true;
    } else if (!series.unknown) this.#taken.add(series, readHead(this.#options.layout, buffer, blockStart, blockEnd));
  }

  /** Looks at the parts that were taken since; to be called before their bytes change. Throws as `take`. */
  settle(): void {
    this.#taken.settle();
  }

  /** By metric; all parts have been taken and settled. */
  finish(): Map<string, DigestVerdict> {
    return new Map([...this.#metrics].map(([name, metric]) => [name, verdictOf(metric)]));
  }
}

function verdictOf({ foreign, series }: Metric): DigestVerdict {
  const settled = new Set<string>();
  let incomplete = false;
  let unclear = foreign;
  for (const [key, { unknown, expected, found }] of series) {
    if (unknown) unclear = true;
    else if (found.equals(expected)) settled.add(key);
    else if (found.points < expected.points) incomplete = true;
    else unclear = true;
  }
  return { verdict: unclear ? 'unclear' : incomplete ? 'incomplete' : 'confirmed', settled };
}
