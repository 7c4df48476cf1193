/** What a comparison came to, from its rows by shard. Pure. */

export type DiffRows = Readonly<Record<string, readonly Readonly<Record<string, string | null>>[]>>;

export interface TableDiff {
  shard: string;
  table: string;
  compared: number;
  mismatched: number;
  extraSource: number;
  extraTarget: number;
}

export interface DiffState {
  through: boolean;
  failed?: { shard: string; reason: string };
  tables: TableDiff[];
  different: TableDiff[];
}

function reportOf(text: string | null | undefined): Record<string, number> {
  if (!text) return {};
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, number>) : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Through only when every target shard has answered and every one of its tables is completed: the server makes no summary of its own. */
export function diffState(rows: DiffRows, targetShards: readonly string[]): DiffState {
  const tables: TableDiff[] = [];
  let failed: DiffState['failed'];
  let through = true;
  const different: TableDiff[] = [];
  for (const shard of targetShards) {
    const own = rows[shard] ?? [];
    if (own.length === 0) through = false;
    for (const row of own) {
      const report = reportOf(row.report);
      const table: TableDiff = {
        shard,
        table: row.table_name ?? '',
        compared: Number(row.rows_compared ?? 0),
        mismatched: report.MismatchedRows ?? 0,
        extraSource: report.ExtraRowsSource ?? 0,
        extraTarget: report.ExtraRowsTarget ?? 0,
      };
      tables.push(table);
      if (row.vdiff_state === 'error' || row.table_state === 'error') failed ??= { shard, reason: row.last_error ?? 'it does not say why' };
      // It would be waited for without end.
      if (row.vdiff_state === 'stopped') failed ??= { shard, reason: 'somebody has stopped it' };
      if (row.vdiff_state !== 'completed') through = false;
      if (row.has_mismatch === '1' || table.mismatched + table.extraSource + table.extraTarget > 0) different.push(table);
    }
  }
  return { through, ...(failed ? { failed } : {}), tables, different };
}
