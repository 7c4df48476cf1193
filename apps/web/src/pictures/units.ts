/** What is known of each unit of a bulk stage, and how they are laid out as windows in rows. Pure. */
import type { StageSpec, StageState, StoredPlan, TaskView } from '../wire.ts';

/** One letter a unit, so that a row of them is a string that is quickly compared. */
export type Cell = 'p' | 'q' | 'd' | 'r' | 's' | 'w' | 'v' | 'f' | 'n';

export const CELLS: Readonly<Record<Cell, { word: string; sign: string }>> = {
  p: { word: 'planned', sign: '' },
  q: { word: 'queued', sign: '' },
  d: { word: 'first step runs', sign: '' },
  r: { word: 'ready for its second step', sign: '' },
  s: { word: 'second step runs', sign: '' },
  w: { word: 'waits', sign: '‖' },
  v: { word: 'done', sign: '' },
  f: { word: 'failed', sign: '×' },
  n: { word: 'not run', sign: '–' },
};

/** Which letter stands for several units: the one that needs a person most, or that moves. */
const WORST: readonly Cell[] = ['f', 'w', 's', 'd', 'r', 'q', 'n', 'p', 'v'];

const SECOND = /\.(restore|compare|follow-(restore|close))/;
/** All that is left of a window that was followed: it waits to be read once more. */
const REREAD = /\.follow-(reread|close)/;

/** Units are named by the number at the end of their tasks' ids, `dump-b0000002-r1`. */
export function unitOfTask(task: string): number | undefined {
  const found = /(\d+)(?:-r\d+)?$/.exec(task);
  return found ? Number(found[1]) : undefined;
}

export function cellsOf(stage: StageState, spec: StageSpec, live: readonly TaskView[], failed: ReadonlySet<number>, over: boolean): Cell[] {
  const { count = 0, only, endless } = spec.bulk ?? { count: 0 };
  // Of what goes on until its end is asked for, only what has come due is known.
  const units = only ?? Array.from({ length: endless ? stage.cursor : count }, (_, at) => at);
  const tasks = Map.groupBy(live, ({ unit }) => unit);
  const ended = over || stage.endedAt !== undefined;
  return units.map((unit, at) => {
    const mine = tasks.get(unit);
    if (mine && !ended) return liveCell(mine);
    if (at >= stage.cursor) return ended ? 'n' : 'p';
    return failed.has(unit) && stage.failed > 0 ? 'f' : 'v';
  });
}

function liveCell(tasks: readonly TaskView[]): Cell {
  if (tasks.every(({ task, state }) => REREAD.test(task) && state !== 'running')) return 'r';
  if (tasks.some(({ state, notBefore }) => state === 'gated' || notBefore !== undefined)) return 'w';
  const running = tasks.find(({ state }) => state === 'running');
  if (running) return SECOND.test(running.task) ? 's' : 'd';
  return tasks.every(({ task }) => SECOND.test(task)) ? 'r' : 'q';
}

export interface Row {
  label: string;
  cells: string;
  /** Index in the list of cells of the first one here. */
  first: number;
}

export interface Layout {
  columns: number;
  rows: Row[];
  /** Units behind one drawn cell. */
  each: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const MOST_CELLS = 1_440;
const PLAIN_COLUMNS = 50;

export interface Windows {
  startMs: number;
  stopMs: number;
  intervalMs: number;
  slices: number;
}

/** The kind's windows, where its plan keeps any and the stage moves them: what comes after an endless one is a window of its own. */
export function windowsOf(plan: StoredPlan, spec?: StageSpec): Windows | undefined {
  if (spec?.bulk && !spec.bulk.endless && !spec.bulk.only && plan.stages.some(({ bulk }) => bulk?.endless)) return undefined;
  const { startMs, stopMs, intervalMs, metrics } = (typeof plan.data === 'object' && plan.data !== null ? plan.data : {}) as Record<
    string,
    unknown
  >;
  if (typeof startMs !== 'number' || typeof stopMs !== 'number' || typeof intervalMs !== 'number') return undefined;
  const units = plan.stages.find(({ bulk }) => bulk && !bulk.only)?.bulk?.count ?? 0;
  const windows = Math.floor((stopMs - 1) / intervalMs) - Math.floor(startMs / intervalMs) + 1;
  const slices = windows > 0 && units % windows === 0 ? units / windows : 1;
  return Array.isArray(metrics) ? { startMs, stopMs, intervalMs, slices: Math.max(1, slices) } : undefined;
}

/** `3 March 07:00 to 08:00 UTC`, with the slice of the metrics where there are several. */
export function windowName({ startMs, intervalMs, slices }: Windows, unit: number): string {
  const from = (Math.floor(startMs / intervalMs) + Math.floor(unit / slices)) * intervalMs;
  const text = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ');
  const slice = slices > 1 ? `, metrics ${(unit % slices) + 1} of ${slices}` : '';
  return `${text(from)} to ${text(from + intervalMs).slice(intervalMs < DAY_MS ? 11 : 0)} UTC${slice}`;
}

/** Rows of days where windows are shorter than a day, of weeks where they are days, else of a fixed width. */
export function layOut(cells: readonly Cell[], windows: Windows | undefined, units: readonly number[] | undefined): Layout {
  const each = Math.max(1, Math.ceil(cells.length / MOST_CELLS));
  if (each > 1 || !windows || units) return plainRows(merge(cells, each), each);
  const { startMs, intervalMs, slices } = windows;
  const day = intervalMs < DAY_MS && DAY_MS % intervalMs === 0 && intervalMs >= HOUR_MS / 4;
  const perRow = day ? DAY_MS / intervalMs : 7;
  if (perRow * slices > 96) return plainRows(cells, 1);
  const firstWindow = Math.floor(startMs / intervalMs);
  const rows: Row[] = [];
  // The first row begins where its day begins: empty places keep the columns in line.
  const lead = day ? firstWindow % perRow : 0;
  const before = lead * slices;
  for (let at = -before; at < cells.length; at += perRow * slices) {
    const from = Math.max(0, at);
    const row = cells.slice(from, at + perRow * slices).join('');
    const date = new Date((firstWindow + Math.floor(from / slices)) * intervalMs).toISOString().slice(0, 10);
    rows.push({ label: date, cells: ' '.repeat(from - at) + row, first: at });
  }
  return { columns: perRow * slices, rows, each: 1 };
}

export interface Tick {
  text: string;
  /** From 1, as CSS counts. */
  column: number;
  span: number;
}

/** Hours above the columns, every six, where a row is a day. */
export function rulerOf(windows: Windows | undefined, columns: number, plain: boolean): Tick[] {
  if (plain || !windows || windows.intervalMs >= DAY_MS || columns !== (DAY_MS / windows.intervalMs) * windows.slices) return [];
  const span = columns / 4;
  if (!Number.isInteger(span)) return [];
  return [0, 6, 12, 18].map((hour, at) => ({ text: `${String(hour).padStart(2, '0')}:00`, column: at * span + 1, span }));
}

function merge(cells: readonly Cell[], each: number): Cell[] {
  if (each === 1) return [...cells];
  return Array.from({ length: Math.ceil(cells.length / each) }, (_, at) => {
    const part = new Set(cells.slice(at * each, (at + 1) * each));
    return WORST.find((cell) => part.has(cell)) ?? 'p';
  });
}

function plainRows(cells: readonly Cell[], each: number): Layout {
  const rows: Row[] = [];
  for (let at = 0; at < cells.length; at += PLAIN_COLUMNS)
    rows.push({ label: String(at * each + 1), cells: cells.slice(at, at + PLAIN_COLUMNS).join(''), first: at });
  return { columns: Math.min(PLAIN_COLUMNS, cells.length), rows, each };
}

export function tallyOf(cells: Iterable<string>): Map<Cell, number> {
  const tally = new Map<Cell, number>();
  for (const cell of cells) if (cell !== ' ') tally.set(cell as Cell, (tally.get(cell as Cell) ?? 0) + 1);
  return tally;
}
