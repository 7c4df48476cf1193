/**
 * Removes what a migration has left at the source.
 *
 * Changes: the duplication of the table; the table. Both only while the clients are sent away from the source.
 * Twice is harmless: what is gone is gone.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { type PegasusCluster, pegasusCluster } from '../client/index.ts';
import { StillInUse } from '../errors.ts';
import { SEND_AWAY } from '../model.ts';
import { CleanupParams } from '../params.ts';
import { denialOf } from './denial.ts';
import { duplicationOf } from './duplicate.ts';
import { PATIENT } from './settings.ts';

async function mustBeLeft(source: PegasusCluster, table: string): Promise<void> {
  const denied = await denialOf(source, table);
  if (denied !== SEND_AWAY && (await source.table(table)) !== undefined)
    throw StillInUse({ table, why: `its clients are not sent away any more (${denied ?? 'nothing is denied'})` });
}

export const removeDuplication: TaskDefinition<CleanupParams> = defineTask({
  name: 'pegasus.remove-duplication',
  role: 'migrator',
  params: CleanupParams,
  retry: PATIENT,
  targets: ({ source }) => [source],

  async run(context) {
    const { table, cluster } = context.params;
    await using source = context.target(context.params.source, pegasusCluster);
    await context.effect<boolean>({
      key: 'remove',
      what: `remove the duplication of ${table} to ${cluster}`,
      observe: async () => (await duplicationOf(source, context.params)) !== undefined,
      wanted: false,
      async act() {
        await mustBeLeft(source, table);
        const there = await duplicationOf(source, context.params);
        if (there !== undefined) await source.modifyDuplication(table, there.dupid, 'DS_REMOVED');
      },
    });
    return undefined;
  },

  undo: { none: 'a duplication that is made again begins with a copy of everything, which the target would refuse' },
});

export const dropTable: TaskDefinition<CleanupParams> = defineTask({
  name: 'pegasus.drop-table',
  role: 'migrator',
  params: CleanupParams,
  retry: PATIENT,
  targets: ({ source }) => [source],

  async run(context) {
    const { table, reserveSeconds } = context.params;
    await using source = context.target(context.params.source, pegasusCluster);
    await context.effect<boolean>({
      key: 'drop',
      what: `drop ${table}`,
      observe: async () => (await source.table(table)) !== undefined,
      wanted: false,
      async act() {
        await mustBeLeft(source, table);
        await source.dropTable(table, reserveSeconds);
      },
    });
    context.note({
      level: 'info',
      row: table,
      text: `${table} can be recalled at the source for ${reserveSeconds} s (recall in its shell)`,
    });
    return undefined;
  },

  undo: { none: 'a dropped table is recalled in the shell of the cluster, under its id' },
});
