/** The command's two outputs: results on stdout, everything told to people on stderr. */
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface Output {
  /** Whether lines can be drawn over. */
  live: boolean;
  columns(): number;
  rows(): number;
  write(text: string): void;
  style(style: Style, text: string): string;
}

export interface Terminal {
  out: Output;
  err: Output;
  /** One line for people. */
  say(line: string): void;
  /** One JSON object on a line of stdout. */
  json(value: object): void;
  /** Results for people, on stdout. */
  print(text: string): void;
}

export const FALLBACK_COLUMNS = 100;
const FALLBACK_ROWS = 24;

function output(stream: NodeJS.WriteStream): Output {
  return {
    live: stream.isTTY === true && process.env.TERM !== 'dumb',
    columns: () => (stream.columns > 0 ? stream.columns : FALLBACK_COLUMNS),
    rows: () => (stream.rows > 0 ? stream.rows : FALLBACK_ROWS),
    write: (text) => void stream.write(text),
    // Looks at the stream, NO_COLOR and FORCE_COLOR itself.
    style: (style, text) => styleText(style, text, { stream }),
  };
}

export function processTerminal(): Terminal {
  const out = output(process.stdout);
  const err = output(process.stderr);
  return {
    out,
    err,
    say: (line) => err.write(`${line}\n`),
    json: (value) => out.write(`${JSON.stringify(value)}\n`),
    print: (text) => out.write(text.endsWith('\n') ? text : `${text}\n`),
  };
}
