/** Rows of a kilda dump as a chunk of a batch: import lines, and what they hold. */
import type { DumpFolder } from '@longshore/spool';
import type { SeriesDigest } from '../model.ts';
import { MAX_POINTS_PER_LINE } from '../model.ts';
import { PointSum, TimestampHash } from '../point-hash.ts';

interface Series {
  /** Values by times. */
  at: Map<number, string>;
}

export class ChunkOfRows {
  readonly startMs: number;
  points: number = 0;
  readonly #metric: string;
  readonly #series = new Map<string, Series>();

  constructor(metric: string, startMs: number) {
    this.#metric = metric;
    this.startMs = startMs;
  }

  /** A row that is there already, as a second dump of the original repeats its last frame, is taken once. False when another value has its place. */
  add({ tags, timestampMs, value }: { tags: [string, string][]; timestampMs: number; value: string }): boolean {
    const texts = [['__name__', this.#metric] as const, ...tags].map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    const labels = `{${texts.join(',')}}`;
    const series = this.#series.get(labels) ?? { at: new Map<number, string>() };
    this.#series.set(labels, series);
    const there = series.at.get(timestampMs);
    if (there !== undefined) return Number(there) === Number(value);
    series.at.set(timestampMs, value);
    this.points += 1;
    return true;
  }

  /** Into the folder, as a chunk up to `stopMs`; nothing without points. */
  async commit(folder: DumpFolder, stopMs: number): Promise<void> {
    if (this.points === 0) return;
    const chunk = folder.beginChunk();
    try {
      const digests: SeriesDigest[] = [];
      let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (const [labels, { at }] of this.#series) {
        const times = Float64Array.from(at.keys()).sort();
        const hash = new TimestampHash();
        for (const ms of times) hash.addMs(ms);
        const sum = new PointSum();
        sum.addRows(
          times,
          Float64Array.from(times, (ms) => Number(at.get(ms))),
          0,
          times.length,
        );
        digests.push({ labels, points: times.length, hash: hash.hash, pointsHash: sum.hash });
        firstMs = Math.min(firstMs, times[0]!);
        lastMs = Math.max(lastMs, times.at(-1)!);
        for (let from = 0; from < times.length; from += MAX_POINTS_PER_LINE) {
          const some = [...times.subarray(from, from + MAX_POINTS_PER_LINE)];
          const values = some.map((ms) => at.get(ms)!);
          await chunk.write(Buffer.from(`{"metric":${labels},"values":[${values.join(',')}],"timestamps":[${some.join(',')}]}\n`));
        }
      }
      const { startMs, points } = this;
      await chunk.commit({ metric: this.#metric, startMs, stopMs, points, series: digests, firstMs, lastMs });
    } catch (error) {
      await chunk.rollback();
      throw error;
    }
  }
}
