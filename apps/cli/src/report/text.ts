/** A report as people read it: a row a metric, totals, notes, and the verdict in words. Pure. */
import type { Note, Report, StoredPlan } from '@longshore/core';
import type { Style } from '../terminal.ts';
import { count, plural, table } from '../text.ts';
import { viewOf } from './kinds.ts';
import { tableLines } from './view.ts';

export interface ReportStyle {
  style(style: Style, text: string): string;
  /** Rows shown; those with something wrong first. */
  maxRows: number;
  maxNotes?: number;
  /** Its kind's own tables are made from both. */
  plan?: StoredPlan;
}

/** Columns in which anything but zero is bad news. */
const TROUBLE = new Set(['missing', 'extra', 'different', 'unsendable']);
const NOTE_STYLE: Partial<Record<Note['level'], Style>> = { warning: 'yellow', error: 'red' };
const NOTES_SHOWN = 50;

export function reportText(report: Report, { style, maxRows, maxNotes = NOTES_SHOWN, plan }: ReportStyle): string {
  const { columns, rows, totals } = report;
  const wrong = (values: Record<string, number>): number =>
    columns.reduce((sum, column) => (TROUBLE.has(column) ? sum + (values[column] ?? 0) : sum), 0);
  const ordered = rows.length > maxRows ? [...rows].sort((a, b) => Math.sign(wrong(b.values)) - Math.sign(wrong(a.values))) : rows;
  const view = viewOf(report.kind);
  const own = plan ? (view?.reportTables?.(report, plan) ?? []).flatMap((one) => [...tableLines(one, style), '']) : [];
  const lines: string[] = [...own];
  const rowName = view?.rowName ?? 'what';
  if (rows.length > 0) {
    const cells = (name: string, values: Record<string, number>): string[] => [
      name,
      ...columns.map((column) => count(values[column] ?? 0)),
    ];
    const shown = ordered.slice(0, maxRows);
    const numbers = new Set(columns.map((_, at) => at + 1));
    const drawn = table([rowName, ...columns], [...shown.map(({ row, values }) => cells(row, values)), cells('total', totals)], numbers);
    const [head = '', ...body] = drawn;
    const total = body.pop() ?? '';
    lines.push(style('bold', head));
    body.forEach((line, at) => {
      lines.push(wrong(shown[at]!.values) > 0 ? style('red', line) : line);
    });
    if (rows.length > shown.length)
      lines.push(
        style(
          'dim',
          `… and ${plural(rows.length - shown.length, view?.rowName === undefined ? 'more row' : `more ${view.rowName}`)}: \`longshore report ${report.operation} --all\``,
        ),
      );
    lines.push(style('bold', total));
  } else if (own.length === 0 && report.columns.length > 0) lines.push('Nothing was counted.');

  const notes = report.notes.slice(0, maxNotes);
  if (notes.length > 0) lines.push('');
  for (const { level, row, text } of notes) {
    const label = NOTE_STYLE[level] ? style(NOTE_STYLE[level], `${level}:`) : `${level}:`;
    lines.push(`${label} ${row === undefined ? '' : `${row}: `}${text}`);
  }
  const unsaid = report.notes.length - notes.length + report.notesDropped;
  if (unsaid > 0) lines.push(style('dim', `… and ${plural(unsaid, 'more note')}.`));
  lines.push('', verdict(report, style));
  return `${lines.join('\n')}\n`;
}

export function verdict(
  { state, error, operation, kind }: Pick<Report, 'state' | 'error' | 'operation' | 'kind'>,
  style: ReportStyle['style'],
): string {
  if (error) return `${style(state === 'succeeded' ? 'yellow' : 'red', `${operation} ${state}: ${error.message}.`)} ${error.fix}`;
  switch (state) {
    case 'succeeded':
      return style(
        'green',
        `${operation} succeeded: ${viewOf(kind)?.success?.(kind, operation) ?? 'everything that was planned is done.'}`,
      );
    case 'cancelled':
      return style(
        'yellow',
        `${operation} was cancelled: the table shows what was done until then. ${viewOf(kind)?.afterCancel ?? `\`longshore revert ${operation} --plan\` tells what can be taken back.`}`,
      );
    case 'failed':
      return style('red', `${operation} failed.`);
    case 'reverted':
      return style('green', `${operation} is reverted: what it had done has been taken back.`);
    default:
      return `${operation} is ${state}: these are the numbers so far.`;
  }
}
