/** How an operation is told as `openmldb_ops` tells it: lines of its log, and its table. Exit codes are Longshore's. Pure. */
import type { Json, OperationHeader, Report, StoredPlan } from '@longshore/core';
import type { OpsCommand } from './request.ts';

export interface Told {
  header: Pick<OperationHeader, 'state' | 'error'>;
  /** Absent where none was made. */
  plan?: StoredPlan;
  report?: Report;
  /** Of a command that only reads. */
  output?: Json;
}

export interface OpsOutcome {
  /** `LEVEL: message`, for stderr. */
  lines: string[];
  stdout: string;
}

const LEVELS = { info: 'INFO', warning: 'WARNING', error: 'ERROR' } as const;

export function opsOutcome(command: OpsCommand, { header, plan, report, output }: Told): OpsOutcome {
  const lines: string[] = [];
  for (const { level, text } of plan?.findings ?? []) if (level !== 'error') lines.push(`${LEVELS[level]}: ${text}`);
  for (const { level, text } of report?.notes ?? []) lines.push(`${LEVELS[level]}: ${text}`);
  if (command === 'recoverdata' && plan && report) lines.push(...tablesTold(plan, report));
  if (header.error) lines.push(`ERROR: ${header.error.message}`);
  else if (header.state !== 'succeeded') lines.push(`ERROR: the operation ended ${header.state}`);
  else if (command === 'scaleout') lines.push('INFO: execute scale-out success');
  else if (command === 'scalein') lines.push('INFO: execute scale-in success');
  else if (command === 'pre-upgrade' || command === 'post-upgrade') lines.push(`INFO: execute ${command} success`);
  return { lines, stdout: output === undefined || output === null ? '' : prettyTable(tableOf(output)) };
}

function tablesTold({ data }: StoredPlan, { rows }: Report): string[] {
  const all = typeof data === 'object' && data !== null && 'tables' in data && Array.isArray(data.tables) ? data.tables : [];
  const found = new Map(rows.map(({ row, values }) => [row, values]));
  return all.flatMap((one) => {
    if (typeof one !== 'object' || one === null || Array.isArray(one)) return [];
    const { db, name } = one as { db: string; name: string };
    const { planned = 0, left = 0, degraded = 0, lost = 0 } = found.get(`${db}.${name}`) ?? {};
    if (left + degraded + lost > 0) return [`ERROR: recover table failed. db ${db} name ${name}, check log for detail`];
    return [`INFO: ${name} in ${db} ${planned > 0 ? 'recover success' : 'is healthy'}`];
  });
}

/** Heads first. */
export function tableOf(output: Json): string[][] {
  const { columns, rows } = output as { columns: string[]; rows: string[][] };
  return [columns, ...rows];
}

/** As Python's prettytable draws it: cells in the middle. */
export function prettyTable(table: readonly string[][]): string {
  const [heads = []] = table;
  const cellLines = (cell: string): string[] => cell.split('\n');
  const widths = heads.map((_, column) => Math.max(...table.flatMap((row) => cellLines(row[column] ?? '').map((line) => line.length))));
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  const centred = (text: string, width: number): string => {
    const space = width - text.length;
    // An odd space goes to the left where the width is odd, as there.
    const left = Math.floor(space / 2) + (space % 2 === 1 && width % 2 === 1 ? 1 : 0);
    return ' '.repeat(left) + text + ' '.repeat(space - left);
  };
  const drawn = (row: readonly string[]): string[] => {
    const height = Math.max(...row.map((cell) => cellLines(cell).length));
    return Array.from(
      { length: height },
      (_, at) => `| ${widths.map((width, column) => centred(cellLines(row[column] ?? '')[at] ?? '', width)).join(' | ')} |`,
    );
  };
  const body = table.slice(1).flatMap(drawn);
  return [rule, ...drawn(heads), rule, ...(body.length > 0 ? [...body, rule] : []), ''].join('\n');
}
