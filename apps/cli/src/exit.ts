/** The exit code contract, and how an error is told. */
import type { ExitCode, OperationHeader } from '@longshore/core';
import { EXIT, errorData, FINAL_STATES, LongshoreError } from '@longshore/core';

/** What the state of an operation means for the command that watched it. */
export function exitCodeOf(header: Pick<OperationHeader, 'state' | 'error'>): ExitCode {
  switch (header.state) {
    case 'succeeded':
      return header.error?.exitCode ?? EXIT.done;
    case 'planned':
      return header.error?.exitCode ?? EXIT.done;
    case 'reverted':
      return EXIT.done;
    case 'needs-attention':
      return EXIT.attention;
    case 'discarded':
      return EXIT.refused;
    default:
      return header.error?.exitCode ?? EXIT.failed;
  }
}

/** Whether there is nothing more to watch. */
export function isOver(header: Pick<OperationHeader, 'state' | 'mode'>): boolean {
  return FINAL_STATES.has(header.state) || header.state === 'needs-attention' || (header.state === 'planned' && header.mode === 'plan');
}

/** Ends the command with a code and nothing more to say. */
export class Ended extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`ended with ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** One sentence and what to do; the stack only under `LONGSHORE_LOG=debug`. */
export function tellError(error: unknown, environment: NodeJS.ProcessEnv = process.env): { text: string; exitCode: number } {
  const data = errorData(error);
  const sentence = capital(data.message);
  const stack = environment.LONGSHORE_LOG === 'debug' && error instanceof Error ? `\n${error.stack}` : '';
  const known = error instanceof LongshoreError ? '' : '\nSet LONGSHORE_LOG=debug to see where.';
  return { text: `${sentence.replace(/\.$/, '')}.\n${data.fix}${known}${stack}\n`, exitCode: data.exitCode };
}

/** A word begins large; a name (`plan.yaml:`, an address) stays as it is. */
function capital(text: string): string {
  return /^[a-z]+(?![^\s,])/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
