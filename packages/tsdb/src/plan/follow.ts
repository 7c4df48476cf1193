/**
 * Which windows a source that is still written to is read in, and when. Pure.
 *
 * Window `unit` is read as soon as it has closed and, for points that come late, once more when the grace is over. The last window is open: it
 * ends when a person has asked for the end.
 */
import type { TimeRange } from '../model.ts';
import type { BatchPlan } from './batches.ts';
import { batchName } from './batches.ts';

/** Windows that wait for their second reading are live: so many at most, so that they leave room for those that close meanwhile. */
export const MAX_WAITING_WINDOWS = 10;

/** The name of the last, open window. */
export const LAST = 'last';

type Windows = Pick<BatchPlan, 'startMs' | 'intervalMs'>;

/** When the first window closes: windows begin at multiples of the interval since the epoch. */
export function firstCloseMs({ startMs, intervalMs }: Windows): number {
  return (Math.floor(startMs / intervalMs) + 1) * intervalMs;
}

/** How many windows have closed by then. */
export function closedBy(windows: Windows, atMs: number): number {
  return atMs < firstCloseMs(windows) ? 0 : Math.floor((atMs - firstCloseMs(windows)) / windows.intervalMs) + 1;
}

/** Where window `unit` begins, and the one before it ends. */
export function windowStartMs(windows: Windows, unit: number): number {
  return unit === 0 ? windows.startMs : firstCloseMs(windows) + (unit - 1) * windows.intervalMs;
}

/** The range of a window by its name; of the last one it may be empty. */
export function followedWindow(windows: Windows, name: string, finishAtMs: number | undefined): TimeRange {
  if (!name.startsWith(LAST)) {
    const unit = Number(/^b(\d+)/.exec(name)?.[1]);
    return { startMs: windowStartMs(windows, unit), stopMs: windowStartMs(windows, unit + 1) };
  }
  if (finishAtMs === undefined) throw new TypeError('the last window is open until a person has asked for the end');
  return { startMs: windowStartMs(windows, closedBy(windows, finishAtMs)), stopMs: finishAtMs };
}

/** Folder name of a window; `redo` counts how often it is done again. */
export function windowName(unit: number | typeof LAST, redo: number): string {
  if (unit !== LAST) return batchName(unit, redo);
  return redo === 0 ? LAST : `${LAST}-r${redo}`;
}

/** Folder name of a window's second reading. */
export const secondName = (window: string): string => `${window}-2`;

/** When a window is read once more; undefined where its reading had begun no sooner than that. */
export function secondReadingAt({ stopMs }: TimeRange, graceMs: number, readAtMs: number): number | undefined {
  return readAtMs >= stopMs + graceMs ? undefined : stopMs + graceMs;
}
