/**
 * Ends a migration without a meta proxy: lets clients write again (a rehearsal), or hands the denial over to the operator, who switches the
 * clients by hand.
 *
 * Changes: the env of the table, or nothing. Twice is harmless: the env is deleted, not toggled.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { denialKey } from '../model.ts';
import type { Move } from '../plan/migrate.ts';
import { liftDenial } from './denial.ts';
import { BRISK, MoveParams } from './settings.ts';

export const endDenial: TaskDefinition<Move> = defineTask({
  name: 'pegasus.end-denial',
  role: 'migrator',
  params: MoveParams,
  retry: BRISK,

  async run(context) {
    const { table, afterDrain } = context.params;
    const guard = await context.guard.find(denialKey(table));
    if (afterDrain === 'keep-denied') {
      await context.guard.handOver(denialKey(table));
      return { output: { handedOver: true, openedAt: guard?.openedAt ?? null, endedAt: context.clock.now() } };
    }
    await liftDenial(context, 'lift');
    return { output: { handedOver: false, openedAt: guard?.openedAt ?? null, endedAt: context.clock.now() } };
  },

  undo: { none: 'the denial is lifted by the step that set it' },
});
