/**
 * Sets or deletes the denial of a table, by order of the operator.
 *
 * Changes: the env `replica.deny_client_request` of the table. Twice is harmless: it is set, not toggled.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { pegasusCluster } from '../client/index.ts';
import { DENY_KEY, SEND_AWAY } from '../model.ts';
import { denialOf } from './denial.ts';
import { PATIENT } from './settings.ts';

export interface SetDenialParams {
  table: string;
  source: string;
  value: typeof SEND_AWAY | null;
}

export const setDenial: TaskDefinition<SetDenialParams> = defineTask({
  name: 'pegasus.set-denial',
  role: 'migrator',
  params: z.strictObject({ table: z.string(), source: z.string(), value: z.literal(SEND_AWAY).nullable() }),
  retry: PATIENT,
  targets: ({ source }) => [source],

  async run(context) {
    const { table, value } = context.params;
    await using source = context.target(context.params.source, pegasusCluster);
    await context.effect<string | null>({
      key: 'set',
      what: value === null ? `allow writes to ${table}` : `send the clients of ${table} away`,
      observe: () => denialOf(source, table),
      wanted: value,
      act: () => (value === null ? source.deleteEnv(table, DENY_KEY) : source.setEnv(table, DENY_KEY, value)),
    });
    return undefined;
  },

  undo: { none: 'the operator decides which of the two is right' },
});
