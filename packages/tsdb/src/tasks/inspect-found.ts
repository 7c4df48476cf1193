/** What looking at time series has found, a metric each, and how it is told. */
import type { TaskContext } from '@longshore/core';

export const MAX_NOTES = 50;

/** What is known of one metric. */
export class Found {
  points: number = 0;
  chunks: number = 0;
  bytes: number = 0;
  damaged: number = 0;
  readonly series: Set<string> = new Set();
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;

  within(firstMs: number | undefined, lastMs: number | undefined): void {
    if (firstMs !== undefined) this.#firstMs = Math.min(this.#firstMs, firstMs);
    if (lastMs !== undefined) this.#lastMs = Math.max(this.#lastMs, lastMs);
  }

  tell(context: Pick<TaskContext<unknown>, 'tally'>, metric: string): void {
    const { points, chunks, bytes, damaged } = this;
    for (const [column, value] of Object.entries({ points, series: this.series.size, chunks, bytes, damaged }))
      context.tally(metric, column, value);
  }

  times(): string | undefined {
    return this.points === 0 ? undefined : `from ${new Date(this.#firstMs).toISOString()} to ${new Date(this.#lastMs).toISOString()}`;
  }
}

/** Rows of the report, and the first and last time of each metric as notes, up to a bound. */
export function tellAll(context: Pick<TaskContext<unknown>, 'tally' | 'note'>, metrics: ReadonlyMap<string, Found>): void {
  let notes = 0;
  for (const [metric, found] of metrics) {
    found.tell(context, metric);
    const times = found.times();
    if (times === undefined) continue;
    notes += 1;
    if (notes <= MAX_NOTES) context.note({ level: 'info', row: metric, text: times });
  }
  if (notes > MAX_NOTES) context.note({ level: 'info', text: `the times of ${notes - MAX_NOTES} more metrics are not told` });
}

export function foundOf(metrics: Map<string, Found>, metric: string): Found {
  const found = metrics.get(metric) ?? new Found();
  metrics.set(metric, found);
  return found;
}
