/**
 * Lets clients write again, whenever the operation cannot go on; where the clients have been pointed to the target already, brings that to
 * its end instead.
 *
 * Changes: the env of the table; where the outcome of the switch is not known, the version of the meta proxy's node.
 * Twice is harmless: the env is set or deleted, not toggled; a denial of somebody else is left alone.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import type { Move } from '../plan/migrate.ts';
import { liftDenial } from './denial.ts';
import { CLOSING, MoveParams } from './settings.ts';

export const liftDenialTask: TaskDefinition<Move> = defineTask({
  name: 'pegasus.lift-denial',
  role: 'migrator',
  params: MoveParams,
  retry: CLOSING,

  async run(context) {
    const came = await liftDenial(context, 'allow');
    const { table, from, cluster } = context.params;
    // The guard is replaced, and the operation goes on to its report.
    if (came === 'switched')
      context.note({
        level: 'warning',
        row: table,
        text: `the switch had been made when the operation was being ended, so that it was brought to its end: the clients of ${table} are at ${cluster}, and those still connected to ${from} are sent there`,
      });
    return { output: { came } };
  },

  undo: { none: 'that writes are allowed is how it was' },
});
