/**
 * Takes away what an operation has in a spool, or only what it has not finished there, and the room it has reserved.
 *
 * Changes: the spool. Twice is harmless: what is gone is gone.
 */

import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { discardBatch, listBatches, openSpool, removeOperation } from '@longshore/spool';
import { z } from 'zod';
import { batchName } from '../plan/batches.ts';
import { PATIENT } from './settings.ts';

export interface CleanupParams {
  spool: string;
  last: boolean;
  /** Of a dump the finished folders stay: they are what it was made for. */
  keep?: 'finished' | undefined;
}

export const cleanup: TaskDefinition<CleanupParams> = defineTask({
  name: 'tsdb.cleanup',
  role: 'dumper',
  queue: 'dump',
  params: z.strictObject({ spool: z.string(), last: z.boolean(), keep: z.literal('finished').optional() }),
  retry: PATIENT,
  undo: { none: "what it takes away is this operation's own copies; the source still has the points" },

  async run({ params, operation, spool: mount, store }) {
    const spool = await openSpool(mount());
    let left = await listBatches(spool, operation.id);
    if (params.keep === 'finished') {
      const finished = new Set(left.filter(({ state }) => state !== 'dumping').map(({ batch }) => batch));
      left = left.filter(({ batch }) => !finished.has(batch));
      for (const { batch } of left) await discardBatch(spool, operation.id, batch, ['dumping']);
    } else await removeOperation(spool, operation.id);
    for (const { holder } of await store.reservations(spool.name))
      if (holder.startsWith(`${operation.id}/`)) await store.releaseReservation(spool.name, holder);
    return { output: { removed: left.length, first: left[0]?.batch ?? batchName(0, 0) } };
  },
});
