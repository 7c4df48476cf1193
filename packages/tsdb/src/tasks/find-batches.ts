/**
 * Finds what a dump has left in one spool and plans its restore.
 *
 * Changes: a small file that says into which sink the dump goes. Twice is harmless: it is only ever written with the same text.
 */
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json, StageSpec, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import type { Spool } from '@longshore/spool';
import { listBatches, openSpool, tombstonesOf } from '@longshore/spool';
import { z } from 'zod';
import { OtherSink } from '../errors.ts';
import { batchPlanOf } from '../plan/batches.ts';
import { renamingText } from '../plan/renaming.ts';
import { COMPARED_VIA } from './compared-sink.ts';
import { PATIENT, UNITS_IN_FLIGHT, UPKEEP_MS } from './settings.ts';
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
    await claimFor(join(spool.root, from, 'sink'), from, claimOf(context.plan, writing), `${context.operation.id}-${context.generation}`);
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

/** The sink, and what else must be the same when part of a dump has been sent already. */
function claimOf(plan: Json, { sink, via }: Writing): string {
  const { renaming } = batchPlanOf(plan);
  const form = via === 'lines' || via === 'text' ? `, as ${via}` : '';
  return `${sink}${form}${renaming === undefined ? '' : `, with other names (${renamingText(renaming)})`}`;
}

/** One dump goes into one sink: its folders keep account of what that sink has acknowledged. */
async function claimFor(path: string, from: string, sink: string, attempt: string): Promise<void> {
  // Whole before it has its name: a worker killed in between must not leave a claim that says nothing.
  const draft = `${path}.${attempt}`;
  await writeFile(draft, sink);
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const before = (await readFile(path, 'utf8')).trim();
    if (before !== sink) throw OtherSink({ from, before, now: sink }, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
}

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
