/** A report for spreadsheets. Pure. */
import type { Report } from '../wire.ts';

/** One line a row; what a spreadsheet would take for a formula is made text. */
export function csvOf({ columns, rows, totals }: Report): string {
  const field = (value: string | number): string => {
    const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const line = (row: string, values: Record<string, number>): string =>
    [field(row), ...columns.map((column) => field(values[column] ?? 0))].join(',');
  return `${[['row', ...columns].map(field).join(','), ...rows.map(({ row, values }) => line(row, values)), line('(all)', totals)].join('\r\n')}\r\n`;
}
