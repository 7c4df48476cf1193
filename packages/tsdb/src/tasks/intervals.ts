/**
 * The tasks of a migration whose folders have names of their own, one for each window: the same tasks, on the spool as they name it, which
 * say in the log what becomes of each folder.
 *
 * Changes, and why twice is harmless: see the tasks they run.
 */
import type { TaskContext, TaskDefinition, TaskEnd } from '@longshore/core';
import { errorData } from '@longshore/core';
import type { FolderLayout } from '@longshore/spool';
import { batchName, batchPlanOf } from '../plan/batches.ts';
import { folderLayout } from '../plan/folders.ts';
import { cleanup } from './cleanup.ts';
import { dumpBatch } from './dump-batch.ts';
import { putBatch } from './put-batch.ts';
import { restoreBatch } from './restore-batch.ts';
import { settle } from './settle.ts';

/** Last layout made; every task of an operation has the same plan. */
const layouts = new WeakMap<object, FolderLayout>();

export function layoutOf(context: TaskContext<unknown>): FolderLayout {
  const plan = batchPlanOf(context.plan);
  const known = layouts.get(plan);
  if (known) return known;
  const layout = folderLayout(plan);
  if (layout === undefined) throw new TypeError('the plan has no names for its folders');
  layouts.set(plan, layout);
  return layout;
}

interface Told<P> {
  /** The batch whose folder is told of; absent: nothing is told. */
  batch?(params: P): string;
  begins?: string;
  ends?: string;
}

function named<P>(task: TaskDefinition<P>, name: string, told: Told<P> = {}): TaskDefinition<P> {
  return {
    ...task,
    name,
    async run(context): Promise<TaskEnd | undefined> {
      const layout = layoutOf(context);
      const folder = told.batch === undefined ? '' : layout.folder(told.batch(context.params), 'dumping');
      const own = { ...context, spool: () => ({ ...context.spool(), layout }) };
      const say = async (text: string | undefined): Promise<void> => {
        if (text !== undefined && folder !== '') await context.event('folder', `${text} ${folder}`);
      };
      await say(told.begins);
      try {
        const end = await task.run(own);
        await say(told.ends);
        return end;
      } catch (error) {
        if (folder !== '' && !context.signal.aborted && error instanceof Error && error.name !== 'GateClosed')
          await context.event('folder-error', `${folder}: ${errorData(error).message}`);
        throw error;
      }
    },
  };
}

export const INTERVAL_TASKS: TaskDefinition[] = [
  named(dumpBatch, 'tsdb.interval-dump', {
    batch: ({ unit, redo }) => batchName(unit, redo),
    begins: 'Dumping',
    ends: 'Dumped',
  }) as TaskDefinition,
  named(restoreBatch, 'tsdb.interval-restore', { batch: ({ batch }) => batch, begins: 'Restoring', ends: 'Restored' }) as TaskDefinition,
  named(putBatch, 'tsdb.interval-put', { batch: ({ batch }) => batch, begins: 'Restoring', ends: 'Restored' }) as TaskDefinition,
  named(settle, 'tsdb.interval-settle') as TaskDefinition,
  named(cleanup, 'tsdb.interval-cleanup') as TaskDefinition,
];
