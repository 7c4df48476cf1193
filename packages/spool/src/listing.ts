/** What is in a spool. */
import { join } from 'node:path';
import { step } from './files.ts';
import { batchHome, batchIn, batchPath, type FolderState, folderExists, operationPath, type Spool } from './spool.ts';

export interface BatchListing {
  batch: string;
  state: FolderState;
}

/** The folders of an operation, sorted by batch name; removed batches have none (see `tombstonesOf`). One directory read. */
export async function listBatches(spool: Spool, operation: string): Promise<BatchListing[]> {
  const path = batchHome(spool, operation);
  if (!(await folderExists(spool, path))) return [];
  const names = await step('list', path, () => spool.files.names(path));
  const found = names.map((name) => batchIn(spool, name)).filter((each) => each !== undefined);
  return found.sort((a, b) => (a.batch < b.batch ? -1 : a.batch > b.batch ? 1 : 0));
}

/** Operations that have a folder in this spool. */
export async function listOperations(spool: Spool): Promise<string[]> {
  const names = await step('list', spool.root, () => spool.files.names(spool.root));
  const operations: string[] = [];
  for (const name of names.sort()) {
    // What is beside our folders (lost+found, a file of somebody's) is not ours to judge.
    if (!/^[a-z0-9_-][a-z0-9_.-]{0,119}$/.test(name) || name.includes('..')) continue;
    const path = join(spool.root, name);
    if ((await step('look at', path, () => spool.files.facts(path)))?.kind === 'folder') operations.push(name);
  }
  return operations;
}

export interface SpaceTaken {
  /** On the disk: whole blocks, or the bytes themselves where a file system reports no blocks. */
  bytes: number;
  inodes: number;
}

/** What a batch's folder takes. A file that goes away meanwhile counts nothing. */
export async function batchSize(spool: Spool, operation: string, { batch, state }: BatchListing): Promise<SpaceTaken> {
  return folderSize(spool, batchPath(spool, operation, batch, state));
}

async function folderSize(spool: Spool, path: string): Promise<SpaceTaken> {
  const taken: SpaceTaken = { bytes: 0, inodes: 0 };
  const own = await step('look at', path, () => spool.files.facts(path));
  if (own?.kind !== 'folder') return taken;
  taken.inodes += 1;
  taken.bytes += own.taken;
  for (const name of await step('list', path, () => spool.files.names(path))) {
    const file = join(path, name);
    const facts = await step('look at', file, () => spool.files.facts(file));
    if (facts === undefined) continue;
    taken.inodes += 1;
    taken.bytes += Math.max(facts.taken, facts.size);
  }
  return taken;
}

/** What all of Longshore takes in this spool. Looks at every live file; a few thousand at most, as removed batches have none. */
export async function spoolSize(spool: Spool): Promise<SpaceTaken> {
  const taken: SpaceTaken = { bytes: 0, inodes: 0 };
  const add = (more: SpaceTaken): void => {
    taken.bytes += more.bytes;
    taken.inodes += more.inodes;
  };
  for (const operation of await listOperations(spool)) {
    // Counts the folder itself, its batches' folders as entries, and its tombstones.
    const path = operationPath(spool, operation);
    const tombstones = await step('look at', path, () => spool.files.facts(join(path, 'tombstones')));
    add({ bytes: tombstones === undefined ? 0 : Math.max(tombstones.taken, tombstones.size), inodes: tombstones === undefined ? 1 : 2 });
    for (const listing of await listBatches(spool, operation)) add(await batchSize(spool, operation, listing));
  }
  return taken;
}

/**
 * The half dump to give up when the disk is full: the youngest, in the order of `order` (by default of the names), as
 * long as an older batch is left that its room helps. Undefined when there is none. Pure.
 */
export function halfDumpToGiveUp(
  listing: readonly BatchListing[],
  keep: string,
  order: (a: string, b: string) => number = (a, b) => (a < b ? -1 : a > b ? 1 : 0),
): string | undefined {
  const dumping = listing.filter(({ state }) => state === 'dumping').map(({ batch }) => batch);
  const youngest = dumping.sort(order).at(-1);
  return youngest === undefined || youngest === keep || order(youngest, keep) < 0 ? undefined : youngest;
}

/** When the last thing was noted about the restore of a verified batch, ms since the epoch by the clock of its file system. 0 when nothing was. */
export async function restoredAt(spool: Spool, operation: string, batch: string): Promise<number> {
  const path = join(batchPath(spool, operation, batch, 'verified'), 'restore');
  return (await step('look at', path, () => spool.files.facts(path)))?.modifiedMs ?? 0;
}
