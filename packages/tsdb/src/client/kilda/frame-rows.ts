/**
 * Import lines as rows of a kilda dump: frames in their order, inside a frame series as the source gave them, inside a series points
 * by time. What a query gave of a frame that goes on in the next query waits for the rest of it.
 */
import { labelPairs } from '../labels.ts';
import { viewLines } from '../victoriametrics/lines.ts';
import { rowMiddle, rowText } from './rows.ts';

export interface Frames {
  rows: Buffer;
  points: number;
  /** The last frame that has any, s. */
  lastFrameS: number;
}

export class FrameRows {
  readonly #metric: string;
  readonly #frameMs: number;
  readonly #middles = new Map<string, string>();
  /** Frame start, ms → series → its rows. */
  readonly #frames = new Map<number, Map<string, { text: string; points: number }>>();

  constructor(metric: string, frameS: number) {
    this.#metric = metric;
    this.#frameMs = frameS * 1000;
  }

  /** Whole import lines. */
  add(lines: Buffer): void {
    for (const view of viewLines(lines, 'a reply')) {
      const labels = lines.toString('utf8', view.labelsStart, view.labelsEnd);
      const values = lines.toString('latin1', view.valuesStart, view.valuesEnd).split(',');
      const times = lines.toString('latin1', view.timesStart, view.timesEnd).split(',');
      const middle = this.#middle(labels);
      for (const [at, time] of times.entries()) {
        const ms = Number(time);
        const rows = this.#rows(ms - (ms % this.#frameMs), labels);
        rows.text += rowText(ms, middle, values[at]!);
        rows.points += 1;
      }
    }
  }

  #middle(labels: string): string {
    let middle = this.#middles.get(labels);
    if (middle === undefined) {
      middle = rowMiddle(
        this.#metric,
        labelPairs(labels).filter(([key]) => key !== '__name__'),
      );
      this.#middles.set(labels, middle);
    }
    return middle;
  }

  #rows(frame: number, labels: string): { text: string; points: number } {
    let series = this.#frames.get(frame);
    if (series === undefined) {
      series = new Map();
      this.#frames.set(frame, series);
    }
    let rows = series.get(labels);
    if (rows === undefined) {
      rows = { text: '', points: 0 };
      series.set(labels, rows);
    }
    return rows;
  }

  /** Takes out the frames that end at `untilMs` or before; undefined when they have no point. */
  take(untilMs: number): Frames | undefined {
    const done = [...this.#frames.keys()].filter((start) => start + this.#frameMs <= untilMs).sort((a, b) => a - b);
    const last = done.at(-1);
    if (last === undefined) return undefined;
    let text = '';
    let points = 0;
    for (const start of done) {
      for (const rows of this.#frames.get(start)!.values()) {
        text += rows.text;
        points += rows.points;
      }
      this.#frames.delete(start);
    }
    return { rows: Buffer.from(text), points, lastFrameS: last / 1000 };
  }
}
