/**
 * Closes the guard of a migration whenever the operation cannot go on: clients must be served, by the source or by the destination.
 *
 * Changes: a migration that stands half-way is finished. Asked for again it goes on where it was; where its destination does not catch up, vtctld
 * gives writes back to the source.
 * Twice is harmless: where they are served, nothing is done.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { vtctl } from '../client/commands.ts';
import { CommandUnanswered, MigrationHalfway } from '../errors.ts';
import { endpointTarget } from '../model.ts';
import type { Parameters } from '../plan/leaf-tasks.ts';
import { LEAF_TASKS } from '../plan/leaf-tasks.ts';
import { runCommand } from './command-output.ts';
import { isMaster, migrationState, placeOf } from './migration.ts';
import { PATIENT } from './settings.ts';

export interface SettleMigrationParams {
  /** The task that had opened it, as it is named in the original. */
  task: string;
  given: Parameters;
  guard: string;
}

export const settleMigration: TaskDefinition<SettleMigrationParams> = defineTask({
  name: 'vitess.settle-migration',
  role: 'migrator',
  params: z.strictObject({ task: z.string(), given: z.record(z.string(), z.string()), guard: z.string() }),
  retry: PATIENT,
  targets: ({ given }) => [given.vtctld_endpoint ?? ''],

  async run(context) {
    const { task: name, given, guard } = context.params;
    const task = LEAF_TASKS.find((one) => one.name === name)!;
    const endpoint = given.vtctld_endpoint ?? '';
    await using server = context.target(endpointTarget(endpoint), vtctl);
    let { place, commands } = await migrationState(server, task, given);
    let why = 'it was cut off';
    for (const command of place === 'between' ? commands : []) {
      await context.lease.assertHeld();
      const { failed } = await runCommand(context, server, endpoint, command);
      // Left alone until it can no longer take effect.
      if (failed?.unanswered) throw CommandUnanswered({ text: failed.message }, { cause: failed });
      if (failed) why = failed.message;
    }
    ({ place, commands } = await migrationState(server, task, given));
    if (place === 'between')
      throw MigrationHalfway({ place: placeOf(task, given), command: commands.map((one) => one.join(' ')).join('; '), why });
    context.note({
      level: 'info',
      row: placeOf(task, given),
      text: `${isMaster(given) ? 'writes' : `${given.type} reads`} are served by the ${place}`,
    });
    if ((await context.guard.find(guard))?.state === 'open') await context.guard.close(guard);
    return undefined;
  },

  undo: { none: 'that clients are served is how it was' },
});
