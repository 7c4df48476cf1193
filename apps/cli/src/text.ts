/** Numbers, lengths and lines as people read them. */
import type { Style } from './terminal.ts';

export const count = (value: number): string => Math.round(value).toLocaleString('en-US');

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `4.2 MB`, decimal. */
export function bytes(value: number): string {
  let at = 0;
  let left = value;
  while (left >= 999.5 && at < BYTE_UNITS.length - 1) {
    left /= 1000;
    at += 1;
  }
  return `${at === 0 || left >= 99.5 ? Math.round(left) : left.toFixed(1)} ${BYTE_UNITS[at]}`;
}

/** `05:22:10`, UTC, as all times of Longshore are. */
export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

/** `1 batch`, `2 batches`. */
export function plural(value: number, one: string, many: string = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export type Span = string | { style: Style; text: string };
export type Line = Span[];

const textOf = (span: Span): string => (typeof span === 'string' ? span : span.text);

// biome-ignore lint/suspicious/noControlCharactersInRegex: taking them out is the purpose
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** One line, cut to `width` with an ellipsis. What servers wrote cannot steer the terminal: control characters are taken out. */
export function renderLine(line: Line, width: number, style: (style: Style, text: string) => string): string {
  const whole = line.reduce((sum, span) => sum + textOf(span).length, 0);
  let room = whole > width ? width - 1 : width;
  let rendered = '';
  for (const span of line) {
    const text = textOf(span).replace(CONTROL, ' ').slice(0, Math.max(0, room));
    room -= text.length;
    if (text !== '') rendered += typeof span === 'string' ? text : style(span.style, text);
  }
  return whole > width ? `${rendered}…` : rendered;
}

export const plainStyle = (_style: Style, text: string): string => text;

/** Columns under their heads; numbers to the right. Trailing blanks are cut. */
export function table(heads: string[], rows: string[][], right: ReadonlySet<number> = new Set()): string[] {
  const widths = heads.map((head, at) => Math.max(head.length, ...rows.map((row) => (row[at] ?? '').length)));
  const line = (cells: string[]): string =>
    cells
      .map((cell, at) => (right.has(at) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd();
  return [line(heads), ...rows.map(line)];
}
