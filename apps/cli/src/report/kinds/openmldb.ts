/** Who holds what before and after: replicas of each table by tablet, and how many of them lead. */
import type { DoneRecord, StoredPlan } from '@longshore/core';
import { z } from 'zod';
import type { Answer, KindView, Table } from '../view.ts';

/** Replicas, and how many of them lead. */
const Count = z.tuple([z.number(), z.number()]);
const Cell = z.object({ before: Count, after: Count });
/** What the kinds keep in their plans; a plan of another version has none that is drawn. */
const PlanData = z.object({
  matrix: z.object({
    tablets: z.array(z.object({ endpoint: z.string(), healthy: z.boolean() })),
    tables: z.array(z.string()),
    cells: z.array(z.array(Cell)),
    tablesLeftOut: z.number().default(0),
  }),
});

const SUCCESS: Readonly<Record<string, string>> = {
  'openmldb.scale-out': 'every partition lies and is led where it was planned.',
  'openmldb.scale-in': 'nothing lies on the tablets any more; they can be taken away.',
  'openmldb.pre-upgrade': 'the tablet leads nothing that could be moved; it can be stopped.',
  'openmldb.post-upgrade': 'the tablet leads what it led before, and no extra replica is left.',
  'openmldb.recover-data': 'every partition is whole.',
};

export const openmldbView: KindView = {
  kinds: 'openmldb.',
  rowName: 'table',
  success: (kind) => SUCCESS[kind],
  planTables: (plan) => matrixTables(plan),
  answer: (_kind, done) => shownBy(done),
};

/** What `showopstatus` and `showtablestatus` have read. */
function shownBy(done: readonly DoneRecord[]): Answer | undefined {
  const output = done.find(({ id, result }) => id === 'show' && result === 'ok')?.output;
  if (output === undefined) return undefined;
  const { columns, rows, leftOut } = output as { columns: string[]; rows: string[][]; leftOut: number };
  return { columns, rows, ...(leftOut > 0 ? { remark: `${leftOut} older rows are left out.` } : {}) };
}

/** Tables side by side: more do not fit on a line. */
const COLUMNS = 6;

function matrixTables({ data }: StoredPlan): Table[] {
  const matrix = PlanData.safeParse(data).data?.matrix;
  if (!matrix) return [];
  const found: Table[] = [];
  for (let first = 0; first < matrix.tables.length; first += COLUMNS) {
    const names = matrix.tables.slice(first, first + COLUMNS);
    found.push({
      title: first === 0 ? 'Replicas by tablet, of these leaders in brackets' : '',
      heads: ['tablet', ...names],
      rows: matrix.tablets.map(({ endpoint, healthy }, row) => [
        healthy ? endpoint : `${endpoint} (away)`,
        ...names.map((_, column) => cellText(matrix.cells[row]?.[first + column])),
      ]),
      numbers: names.map((_, column) => column + 1),
    });
  }
  return found;
}

function cellText(cell: z.infer<typeof Cell> | undefined): string {
  if (!cell) return '';
  const before = `${cell.before[0]} (${cell.before[1]})`;
  const after = `${cell.after[0]} (${cell.after[1]})`;
  return before === after ? before : `${before} → ${after}`;
}
