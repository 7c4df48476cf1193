/**
 * The tasks of a migration whose folders have names of their own, one for each window: the same tasks, on the spool as they name it, which
 * say in the log what becomes of each folder.
 *
 * Changes, and why twice is harmless: see the tasks they run.
 */
import { existsSync, readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { TaskContext, TaskDefinition, TaskEnd } from '@longshore/core';
import { errorData } from '@longshore/core';
import type { FolderLayout } from '@longshore/spool';
import { FolderTrouble } from '../client/kilda/index.ts';
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
  /** Whatever has the folder's name and is not known is taken away for it. */
  fresh?: true;
}

/** Folders with files of the originals are none of ours, whatever their names: nothing finds them, and so nothing takes them away. */
function withoutOriginals(root: string, layout: FolderLayout): FolderLayout {
  return {
    folder: layout.folder,
    parse(name) {
      const found = layout.parse(name);
      if (found === undefined || !existsSync(join(root, name))) return found;
      return readdirSync(join(root, name)).some((file) => /\.ndjson$/i.test(file)) ? undefined : found;
    },
  };
}

/** Throws LSH_TSDB_FOLDER where the originals have left files of theirs, which may be the only copy, in a folder of that name. */
async function assertNotOriginals(root: string, layout: FolderLayout, batch: string): Promise<void> {
  for (const state of ['dumping', 'ready'] as const) {
    const path = join(root, layout.folder(batch, state));
    const files = await readdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const rows = files.find((file) => /\.ndjson$/i.test(file));
    if (rows === undefined) continue;
    const what = `it holds ${rows} of the originals; \`--kilda-files\` goes on with it, another \`--dump_folder_prefix\` leaves it alone`;
    throw FolderTrouble({ path, what, host: hostname() });
  }
}

function named<P>(task: TaskDefinition<P>, name: string, told: Told<P> = {}): TaskDefinition<P> {
  return {
    ...task,
    name,
    async run(context): Promise<TaskEnd | undefined> {
      const layout = layoutOf(context);
      const { path } = context.spool();
      const own = { ...context, spool: () => ({ ...context.spool(), layout: withoutOriginals(path, layout) }) };
      if (told.batch === undefined) return task.run(own);
      if (told.fresh === true) await assertNotOriginals(context.spool().path, layout, told.batch(context.params));
      return telling(context, layout.folder(told.batch(context.params), 'dumping'), told, () => task.run(own));
    },
  };
}

/** Folders whose beginning was told and that wait at a gate, which is tried again and again. */
const waiting = new Set<string>();
/** Beyond that one may be told of again. */
const MOST_WAITING = 1_000;

/** Says that work on a folder begins and ends, or why it did not; once, however often a gate is found closed. */
export async function telling<T>(
  context: TaskContext<unknown>,
  folder: string,
  { begins, ends }: { begins?: string | undefined; ends?: string | undefined },
  run: () => Promise<T>,
): Promise<T> {
  const key = `${context.operation.id}/${context.task.id}`;
  if (!waiting.delete(key) && begins !== undefined) await context.event('folder', `${begins} ${folder}`);
  try {
    const end = await run();
    if (ends !== undefined) await context.event('folder', `${ends} ${folder}`);
    return end;
  } catch (error) {
    if (error instanceof Error && error.name === 'GateClosed') {
      if (waiting.size < MOST_WAITING) waiting.add(key);
    } else if (!context.signal.aborted) await context.event('folder-error', `${folder}: ${errorData(error).message}`);
    throw error;
  }
}

export const INTERVAL_TASKS: TaskDefinition[] = [
  named(dumpBatch, 'tsdb.interval-dump', {
    batch: ({ unit, redo }) => batchName(unit, redo),
    begins: 'Dumping',
    ends: 'Dumped',
    fresh: true,
  }) as TaskDefinition,
  named(restoreBatch, 'tsdb.interval-restore', { batch: ({ batch }) => batch, begins: 'Restoring', ends: 'Restored' }) as TaskDefinition,
  named(putBatch, 'tsdb.interval-put', { batch: ({ batch }) => batch, begins: 'Restoring', ends: 'Restored' }) as TaskDefinition,
  named(settle, 'tsdb.interval-settle') as TaskDefinition,
  named(cleanup, 'tsdb.interval-cleanup') as TaskDefinition,
];
