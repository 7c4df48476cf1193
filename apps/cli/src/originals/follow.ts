/** Runs an operation as if it were one of the originals: their lines on stdout, everything else on stderr, their exit codes. */

import type { Submission } from '@longshore/contract';
import type { OperationEvent } from '@longshore/core';
import { EXIT, FINAL_STATES } from '@longshore/core';
import type { Client } from '../client.ts';
import type { Terminal } from '../terminal.ts';
import { watchOperation } from '../watch/watch.ts';

export interface Follow {
  client: Client;
  operation: Submission;
  terminal: Terminal;
  /** What an event is on stdout; nothing when it is not one of the original's. */
  line(event: OperationEvent): string | undefined;
}

const MAX_NOTES = 50;

export async function followOperation({ client, operation, terminal, line }: Follow): Promise<number> {
  const id = await client.submit({ ...operation, mode: 'run' });
  const { header, exitCode } = await watchOperation({
    client,
    id,
    terminal,
    json: false,
    owned: true,
    display: {
      event(event) {
        const text = line(event);
        if (text !== undefined) terminal.out.write(text);
      },
      picture: () => undefined,
      say: (text) => terminal.say(text),
      end: () => undefined,
    },
  });
  if (FINAL_STATES.has(header.state) && header.startedAt !== undefined) {
    const { notes } = await client.report(id);
    for (const { level, text, row } of notes.slice(0, MAX_NOTES))
      if (level !== 'info') terminal.say(`${level}: ${row ? `${row}: ` : ''}${text}`);
    if (notes.length > MAX_NOTES) terminal.say(`${notes.length - MAX_NOTES} more; \`longshore report ${id}\` has them all.`);
  }
  if (header.error) terminal.say(`${header.error.message}.\n${header.error.fix}`);
  else if (exitCode !== EXIT.done) terminal.say(`${id} has ended as "${header.state}"; \`longshore explain ${id}\` says more.`);
  return exitCode;
}
