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

/** Examples under a command's help. */
export function examples(command: Command, lines: string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`);
}
