/**
 * Takes away what an operation has in a spool.
 *
 * Changes: the spool. Twice is harmless: what is gone is gone.
 */

import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { listBatches, openSpool, removeOperation } from '@longshore/spool';
import { z } from 'zod';
import { batchName } from '../plan/batches.ts';
import { PATIENT } from './settings.ts';

export interface CleanupParams {
  spool: string;
  last: boolean;
}

export const cleanup: TaskDefinition<CleanupParams> = defineTask({
  name: 'tsdb.cleanup',
  role: 'dumper',
  queue: 'dump',
  params: z.strictObject({ spool: z.string(), last: z.boolean() }),
  retry: PATIENT,

  async run({ operation, spool: mount, store }) {
    const spool = await openSpool(mount());
    const left = await listBatches(spool, operation.id);
    await removeOperation(spool, operation.id);
    for (const { holder } of await store.reservations(spool.name))
      if (holder.startsWith(`${operation.id}/`)) await store.releaseReservation(spool.name, holder);
    return { output: { removed: left.length, first: left[0]?.batch ?? batchName(0, 0) } };
  },
});
