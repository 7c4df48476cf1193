#!/usr/bin/env node
/** The process around the command: errors become a sentence and an exit code here, and nowhere else. */
import { EXIT } from '@longshore/core';
import { CommanderError } from 'commander';
import { Ended, tellError } from './exit.ts';
import { wrapperArguments } from './originals/otsdb-to-vm.ts';
import { buildProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

const HUNG_UP = 129;

async function main(): Promise<number> {
  const terminal = processTerminal();
  // A reader that has seen enough (`| head`) is no error; a terminal that is gone ends the watching and nothing else.
  process.stdout.on('error', () => process.exit(EXIT.done));
  process.stderr.on('error', () => process.exit(HUNG_UP));
  try {
    await buildProgram(terminal).parseAsync(wrapperArguments(process.argv));
    return EXIT.done;
  } catch (error) {
    if (error instanceof Ended) return error.exitCode;
    if (error instanceof CommanderError) return error.exitCode === 0 || error.code === 'commander.help' ? EXIT.done : EXIT.usage;
    const { text, exitCode } = tellError(error);
    terminal.err.write(text);
    return exitCode;
  }
}

const code = await main();
// What was written is let out first; open connections and timers are nobody's business any more.
for (const stream of [process.stdout, process.stderr]) await new Promise<void>((resolve) => stream.write('', () => resolve()));
process.exit(code);
