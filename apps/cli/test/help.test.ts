/** Every example in the help is taken by the program: its command is there, its flags and their values are right. */
import { expect, test } from 'vitest';
import { buildProgram } from '../src/program.ts';
import type { Output, Terminal } from '../src/terminal.ts';
import { plainStyle } from '../src/text.ts';

type Command = ReturnType<typeof buildProgram>;

function program(write: (text: string) => void = () => undefined): Command {
  const output: Output = { live: false, columns: () => 100, rows: () => 40, write, style: plainStyle };
  const terminal: Terminal = { out: output, err: output, say: write, json: () => undefined, print: write };
  return buildProgram(terminal);
}

const all = (command: Command): Command[] => [command, ...command.commands.flatMap((child) => all(child as Command))];
const pathOf = (command: Command): string => (command.parent ? `${pathOf(command.parent as Command)} ${command.name()}` : command.name());

/** As a shell would cut it, as far as examples need: quotes, and what comes behind a pipe is another program's. */
function words(line: string): string[] {
  const cut = line.split(' | ')[0]!.trim();
  return [...cut.matchAll(/(?:[^\s"']+|"([^"]*)"|'([^']*)')+/g)].map(([word]) => word.replace(/["']/g, ''));
}

function examplesOf(at: number): string[] {
  let text = '';
  const command = all(program((more) => (text += more)))[at]!;
  command.outputHelp();
  const [, examples = ''] = text.split(/^Examples:$/m);
  return examples
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('longshore '));
}

const commands = all(program()).map((command, at) => ({ name: pathOf(command), at, leaf: command.commands.length === 0 }));

test.each(commands.filter(({ leaf }) => leaf))('$name has examples, and they work', async ({ name, at }) => {
  if (name === 'longshore help') return;
  const examples = examplesOf(at);
  expect(examples.length, `${name} --help shows no example`).toBeGreaterThan(0);
  for (const example of examples) {
    const fresh = program();
    let ran: string | undefined;
    // What a command would do is not done: only how it is understood.
    for (const command of all(fresh))
      command.action(() => {
        ran = pathOf(command);
      });
    await fresh.parseAsync(words(example).slice(1), { from: 'user' });
    expect([example, ran]).toEqual([example, name]);
  }
});
