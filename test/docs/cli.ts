/** Writes docs/cli.md: every command's help, as the program itself prints it. */
import { buildProgram } from '../../apps/cli/src/program.ts';
import type { Output, Terminal } from '../../apps/cli/src/terminal.ts';
import { settle } from './generated.ts';

type Command = ReturnType<typeof buildProgram>;

const WIDTH = 120;

function capture(): { terminal: Terminal; take(): string } {
  let text = '';
  const output: Output = {
    live: false,
    columns: () => WIDTH,
    rows: () => 40,
    write: (more) => (text += more),
    style: (_style, plain) => plain,
  };
  const say = (line: string): void => output.write(`${line}\n`);
  const terminal = { out: output, err: output, say, json: () => undefined, print: say };
  return {
    terminal,
    take() {
      const taken = text;
      text = '';
      return taken;
    },
  };
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function section(command: Command, take: () => string): string[] {
  command.configureHelp({ helpWidth: WIDTH });
  command.outputHelp();
  const own = [`## ${pathOf(command)}`, '', '```', take().trim(), '```', ''];
  return [...own, ...command.commands.flatMap((child) => section(child as Command, take))];
}

if (import.meta.main) {
  const { terminal, take } = capture();
  const text = [
    '# Commands',
    '',
    'What `longshore … --help` prints, command by command. Written by `node test/docs/cli.ts --write`; `pnpm check` compares it with the program.',
    '',
    ...section(buildProgram(terminal), take),
  ].join('\n');
  process.exitCode = settle(process.argv[2], 'docs/cli.md', text, 'test/docs/cli.ts');
}
