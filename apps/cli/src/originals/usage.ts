/** Wrong usage, said as the kilda tools say it. */
import { EXIT } from '@longshore/core';
import { Ended } from '../exit.ts';
import type { Terminal } from '../terminal.ts';

export function badValue(terminal: Terminal, usage: string, what: string, why: string): Ended {
  terminal.err.write(`Usage: ${usage}\n\nError: Invalid value for '${what}': ${why}\n`);
  return new Ended(EXIT.usage);
}

/** A whole number of at least `least`, as the value of an option. */
export function wholeValue(terminal: Terminal, usage: string, flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text)) throw badValue(terminal, usage, flag, `${text} is not a valid integer`);
  if (value < least || value > most) throw badValue(terminal, usage, flag, `${text} is not between ${least} and ${most}.`);
  return value;
}
