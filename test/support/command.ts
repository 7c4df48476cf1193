/** The `longshore` command without a process around it: what it prints, what it says, how it ends. */
import { EXIT } from '@longshore/core';
import { Ended, tellError } from '../../apps/cli/src/exit.ts';
import { buildProgram } from '../../apps/cli/src/program.ts';
import type { Output, Terminal } from '../../apps/cli/src/terminal.ts';

export interface Run {
  code: number;
  out: string;
  err: string;
  /** Lines of stdout as JSON. */
  json<T>(): T[];
}

export async function command(...args: string[]): Promise<Run> {
  let out = '';
  let err = '';
  const output = (write: (text: string) => void): Output => ({
    live: false,
    columns: () => 120,
    rows: () => 40,
    write,
    style: (_style, text) => text,
  });
  const terminal: Terminal = {
    out: output((text) => (out += text)),
    err: output((text) => (err += text)),
    say: (line) => (err += `${line}\n`),
    json: (value) => (out += `${JSON.stringify(value)}\n`),
    print: (text) => (out += text.endsWith('\n') ? text : `${text}\n`),
  };
  let code: number = EXIT.done;
  try {
    await buildProgram(terminal).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof Ended) code = error.exitCode;
    else if (isUsage(error)) code = error.exitCode === 0 ? EXIT.done : EXIT.usage;
    else {
      const told = tellError(error);
      err += told.text;
      code = told.exitCode;
    }
  }
  return {
    code,
    out,
    err,
    json: <T>() =>
      out
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as T),
  };
}

/** What commander throws for a wrong flag, and for the help. */
function isUsage(error: unknown): error is Error & { exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.') && 'exitCode' in error;
}
