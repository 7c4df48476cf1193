/** A comparison of what the targets of a workflow hold with its sources, as VDiff reports it: a row a table, by shard. */
import type { Workflow } from './streams.ts';
import type { ShardState } from './topology.ts';

const COLUMNS = [
  'vdiff_state',
  'last_error',
  'table_name',
  'uuid',
  'table_state',
  'table_rows',
  'started_at',
  'rows_compared',
  'completed_at',
  'has_mismatch',
  'report',
];

interface Compared {
  matching: number;
  mismatched: number;
  extraSource: number;
  extraTarget: number;
}

function compare(workflow: Workflow, target: ShardState, table: string): Compared {
  const there = target.tables.get(table) ?? new Map<string, string>();
  const result: Compared = { matching: 0, mismatched: 0, extraSource: 0, extraTarget: 0 };
  const seen = new Set<string>();
  for (const source of workflow.sourceShards)
    for (const [id, value] of source.tables.get(table) ?? []) {
      if (!target.holds(id)) continue;
      seen.add(id);
      if (!there.has(id)) result.extraSource += 1;
      else if (there.get(id) === value) result.matching += 1;
      else result.mismatched += 1;
    }
  // Rows of another source are none of this comparison's.
  for (const id of there.keys()) if (!seen.has(id) && workflow.sourceShards.some((source) => source.holds(id))) result.extraTarget += 1;
  return result;
}

function packed(cells: (string | null)[]): object {
  return {
    lengths: cells.map((cell) => (cell === null ? -1 : Buffer.byteLength(cell))),
    values: Buffer.from(cells.map((cell) => cell ?? '').join('')),
  };
}

export function diffRows(workflow: Workflow, uuid: string, through: boolean): object {
  // Both sides are brought to the same point before they are compared.
  if (through)
    for (const stream of workflow.streams)
      if (stream.begun && stream.state === 'Running' && !workflow.frozen) stream.apply(Number.POSITIVE_INFINITY);
  return Object.fromEntries(
    workflow.targetShards.map((shard) => {
      const rows = workflow.tables.map((table) => {
        if (!through) return packed(['started', '', table, uuid, 'started', '0', '2026-01-01 00:00:00', '0', null, '0', '']);
        const { matching, mismatched, extraSource, extraTarget } = compare(workflow, shard, table);
        const compared = matching + mismatched;
        const report = {
          TableName: table,
          MatchingRows: matching,
          ProcessedRows: compared,
          MismatchedRows: mismatched,
          ExtraRowsSource: extraSource,
          ExtraRowsTarget: extraTarget,
        };
        const bad = mismatched + extraSource + extraTarget > 0 ? '1' : '0';
        return packed([
          'completed',
          '',
          table,
          uuid,
          'completed',
          String(compared),
          '2026-01-01 00:00:00',
          String(compared),
          '2026-01-01 00:00:01',
          bad,
          JSON.stringify(report),
        ]);
      });
      return [shard.name, { id: 1, vdiff_uuid: uuid, output: { fields: COLUMNS.map((name) => ({ name })), rows } }];
    }),
  );
}
