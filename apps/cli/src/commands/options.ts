/** Options many commands share. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON on stdout, one object a line, and nothing else there');
}

/** For commander: a whole number of at least `least`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    return value;
  };
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** For commander: `90s`, `10m`, `2h`, `1d`, in milliseconds. */
export function milliseconds(text: string): number {
  const [, value, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  const found = Number(value) * (UNITS_MS[unit ?? ''] ?? Number.NaN);
  if (!(found > 0)) throw new InvalidArgumentError('It must be a duration such as 90s, 10m, 2h or 1d.');
  return found;
}

/** For commander: names with commas between them; given again, the later list counts. */
export function names(text: string): string[] {
  const found = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (found.length === 0) throw new InvalidArgumentError('It must be one name, or several with commas.');
  return found;
}

/** Examples under a command's help. */
export function examples(command: Command, lines: string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`);
}
