/**
 * Finds what a dump has left in one spool and plans its restore.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { StageSpec, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import type { Spool } from '@longshore/spool';
import { listBatches, openSpool, tombstonesOf } from '@longshore/spool';
import { z } from 'zod';
import { COMPARED_VIA } from './compared-sink.ts';
import { PATIENT, UNITS_IN_FLIGHT, UPKEEP_MS } from './settings.ts';
import { checkClaim } from './sink-claim.ts';
import { agreeOnBatch } from './sink-names.ts';
import type { Writing } from './writing.ts';
import { settling, WRITING, writingTask } from './writing.ts';

export interface FindBatchesParams extends Writing {
  from: string;
  spool: string;
  settleMs: number;
}

/** The same for comparing only. */
export interface FindToCompareParams {
  from: string;
  sink: string;
  via: 'import' | 'put';
  spool: string;
}

export const findBatches: TaskDefinition<FindBatchesParams> = defineTask({
  name: 'tsdb.find-batches',
  role: 'restorer',
  queue: 'restore',
  params: z.strictObject({ ...WRITING.shape, from: z.string(), spool: z.string(), settleMs: z.int().min(0) }),
  retry: PATIENT,
  undo: { none: 'it reads the spool, and plans what lies there; nothing outside is changed' },

  async run(context) {
    const { from, spool: name, settleMs, ...writing } = context.params;
    const spool = await openSpool(context.spool());
    const batches = await finished(spool, from);
    if (batches.length === 0) return { output: { batches: 0 } };
    await checkClaim(spool, from, context.plan, writing);
    // Tags that would become one are in the folders: what is refused for them is refused whole, before anything is sent.
    for (const batch of batches) {
      context.signal.throwIfAborted();
      await agreeOnBatch(context, spool, from, batch);
    }
    const stage: StageSpec = {
      name: 'restore',
      title: `restore ${batches.length} batches of ${from} from ${name}`,
      concurrency: UNITS_IN_FLIGHT,
      tolerant: true,
      tasks: batches.map((batch) => ({
        id: `${batch}@${name}`,
        ...writingTask(writing, { batch, from, redo: 0, tally: 'restore', named: false }),
        placement: 'spool',
      })),
      upkeep: { task: 'tsdb.settle', params: settling(writing, from, settleMs), everyMs: UPKEEP_MS },
    };
    context.emit([stage]);
    return { output: { batches: batches.length } };
  },
});

/** Changes: nothing. */
export const findToCompare: TaskDefinition<FindToCompareParams> = defineTask({
  name: 'tsdb.find-to-compare',
  role: 'restorer',
  queue: 'restore',
  params: z.strictObject({ from: z.string(), sink: z.string(), via: COMPARED_VIA, spool: z.string() }),
  retry: PATIENT,
  undo: { none: 'it reads the spool, and plans what lies there; nothing outside is changed' },

  async run(context) {
    const { from, sink, via, spool: name } = context.params;
    const spool = await openSpool(context.spool());
    const gone = (await (await tombstonesOf(spool, from)).batches()).length;
    if (gone > 0)
      context.note({
        level: 'warning',
        text: `${gone} batches of ${from} in ${name} were restored and put away before; they are not compared`,
      });
    const batches = await finished(spool, from);
    if (batches.length === 0) return { output: { batches: 0 } };
    const tasks = batches.map((batch) => ({
      id: `${batch}@${name}`,
      task: 'tsdb.compare-folder',
      params: { from, batch, sink, via },
      placement: 'spool' as const,
    }));
    context.emit([
      {
        name: 'compare',
        title: `compare ${batches.length} batches of ${from} in ${name}`,
        concurrency: UNITS_IN_FLIGHT,
        tolerant: true,
        tasks,
      },
    ]);
    return { output: { batches: batches.length } };
  },
});

/** Batches that are dumped to their end. */
async function finished(spool: Spool, from: string): Promise<string[]> {
  return (await listBatches(spool, from)).filter(({ state }) => state !== 'dumping').map(({ batch }) => batch);
}
