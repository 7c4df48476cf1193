/** Which series metrics have, as their sources have told: kept for a while, since a source reads the whole metric to tell it. */
import type { ListedSeries } from './parts.ts';

/** Points that come with new series after that are late ones: they are not in a window that had been read before either. */
const KEPT_MS = 600_000;
const MAX_LISTS = 8;

export interface SeriesList {
  /** When it was asked for. */
  takenMs: number;
  series: readonly ListedSeries[];
}

export class SeriesLists {
  readonly #lists = new Map<string, SeriesList>();

  /** A list that was begun after `stopMs`, so that whoever has points before that is in it. */
  get(key: string, stopMs: number, nowMs: number): SeriesList | undefined {
    const list = this.#lists.get(key);
    return list !== undefined && list.takenMs >= stopMs && nowMs - list.takenMs < KEPT_MS ? list : undefined;
  }

  set(key: string, list: SeriesList): void {
    this.#lists.delete(key);
    this.#lists.set(key, list);
    const oldest = this.#lists.keys().next();
    if (this.#lists.size > MAX_LISTS && !oldest.done) this.#lists.delete(oldest.value);
  }
}
