/** Who holds what before and after, from what the kinds keep in their plans. Pure; what is not there is not drawn. */

export type Count = [replicas: number, leaders: number];

export interface Cell {
  before: Count;
  after: Count;
}

export interface Placement {
  replicas: string[];
  leader: string | null;
}

export interface Change {
  db: string;
  table: string;
  tid: number;
  pid: number;
  before: Placement;
  goal: Placement;
}

export interface Drawn {
  tablets: { endpoint: string; healthy: boolean }[];
  tables: string[];
  cells: Cell[][];
  tablesLeftOut: number;
  changes: Change[];
}

export function together(cells: readonly Cell[]): Cell {
  const sum = (of: (cell: Cell) => Count): Count => [
    cells.reduce((total, one) => total + of(one)[0], 0),
    cells.reduce((total, one) => total + of(one)[1], 0),
  ];
  return { before: sum(({ before }) => before), after: sum(({ after }) => after) };
}

/** Undefined for a plan that has no such table, of a kind that only reads or of another version. */
export function drawnFrom(data: unknown): Drawn | undefined {
  const record = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (!record(data) || !record(data.matrix) || !Array.isArray(data.changes)) return undefined;
  const { tablets, tables, cells, tablesLeftOut } = data.matrix;
  if (!Array.isArray(tablets) || !Array.isArray(tables) || !Array.isArray(cells)) return undefined;
  return { tablets, tables, cells, tablesLeftOut: Number(tablesLeftOut ?? 0), changes: data.changes as Change[] };
}
