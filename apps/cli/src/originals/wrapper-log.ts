/** Log lines of otsdb-to-vm: `[INFO] 2026-11-20 23:54:27 text`, in the zone of this process, coloured on a terminal. */
import { appendFileSync } from 'node:fs';
import type { Style, Terminal } from '../terminal.ts';

export type Level = 'OK' | 'INFO' | 'WARNING' | 'ERROR';
const STYLE: Readonly<Record<Level, Style>> = { OK: 'green', INFO: 'cyan', WARNING: 'yellow', ERROR: 'red' };

const two = (value: number): string => String(value).padStart(2, '0');

function localClock(at: Date): string {
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: taking them out is the purpose
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

export class WrapperLog {
  readonly #terminal: Terminal;
  readonly #background: string;
  /** The last lines of the background log. */
  #recent: string[] = [];

  constructor(terminal: Terminal, background: string) {
    this.#terminal = terminal;
    this.#background = background;
  }

  foreground(level: Level, text: string): void {
    const { out } = this.#terminal;
    out.write(`${out.style(STYLE[level], `[${level}]`)} ${localClock(new Date())} ${text.replace(CONTROL, ' ')}\n`);
  }

  /** What the restoring side does. A log that cannot be written is said once and ends nothing. */
  background(level: Level, text: string): void {
    const line = `[${level}] ${localClock(new Date())} ${text.replace(CONTROL, ' ')}`;
    this.#recent = [...this.#recent, line].slice(-5);
    try {
      appendFileSync(this.#background, `${line}\n`);
    } catch (error) {
      this.foreground('WARNING', `${this.#background} cannot be written (${(error as Error).message}): ${line}`);
    }
  }

  showBackground(): void {
    for (const line of this.#recent) this.#terminal.out.write(`${line}\n`);
  }
}
