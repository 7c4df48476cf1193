/** Taking folders away. Each order of steps is such that a crash between two of them leaves something the next call understands. */
import { join } from 'node:path';
import { errorCode, SpoolUnsafe } from './errors.ts';
import { step } from './files.ts';
import { halfDumpToGiveUp, listBatches } from './listing.ts';
import { SEGMENT_NAME } from './manifest.ts';
import { batchPath, FOLDER_STATES, type FolderState, folderExists, operationPath, parseFolderName, type Spool, statesOf } from './spool.ts';
import { forgetTombstones } from './tombstones.ts';

/** Removes the files of a folder and, unless its restore log is kept, the folder. The manifest goes first: without it the rest is nothing. */
export async function removeContents(spool: Spool, path: string, { keepRestoreLog }: { keepRestoreLog: boolean }): Promise<void> {
  const { files } = spool;
  const names = await step('list', path, () => files.names(path));
  names.sort((a, b) => Number(b === 'manifest') - Number(a === 'manifest'));
  const kept = keepRestoreLog && names.includes('restore');
  for (const name of names) {
    if (name === 'restore' && kept) continue;
    await removeFile(spool, join(path, name));
  }
  if (!kept) await removeFolder(spool, path);
}

/** The segments of a folder only. */
export async function removeSegments(spool: Spool, path: string): Promise<void> {
  const names = await step('list', path, () => spool.files.names(path));
  for (const name of names) if (SEGMENT_NAME.test(name)) await removeFile(spool, join(path, name));
}

/** A file that is gone already was removed by somebody who wanted the same. */
async function removeFile(spool: Spool, path: string): Promise<void> {
  await step('remove', path, async () => {
    try {
      await spool.files.removeFile(path);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EISDIR' || code === 'EPERM') throw SpoolUnsafe({ path, what: 'it is a folder where a file belongs' }, { cause: error });
      if (code !== 'ENOENT') throw error;
    }
  });
}

async function removeFolder(spool: Spool, path: string): Promise<void> {
  await step('remove', path, async () => {
    try {
      await spool.files.removeFolder(path);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  });
}

/**
 * Takes away what there is of a batch that has no tombstone, so that it can be dumped again: a half dump that is given
 * up for its room, or a damaged folder. When something of it may have been sent, the restore log stays, and the next
 * restore begins with every chunk in the state `unknown`. A dumper still at it finds out at its next commit.
 *
 * Who means a half dump says so in `only`: it may have been finished a moment ago, and a finished one is waited for.
 */
export async function discardBatch(
  spool: Spool,
  operation: string,
  batch: string,
  only: readonly FolderState[] = FOLDER_STATES,
): Promise<void> {
  const dumping = batchPath(spool, operation, batch, 'dumping');
  const states = await statesOf(spool, operation, batch);
  if (!states.every((state) => only.includes(state))) return;
  for (const state of states) {
    let path = batchPath(spool, operation, batch, state);
    if (state !== 'dumping' && !(await folderExists(spool, dumping))) {
      const from = path;
      await step('rename', from, () => spool.files.rename(from, dumping));
      path = dumping;
    }
    await removeContents(spool, path, { keepRestoreLog: true });
  }
}

/**
 * Gives up the youngest half dump of an operation that has data, for an older batch (`keep`) that has no room. Returns
 * its name; undefined when there is none younger than `keep`.
 */
export async function giveUpYoungest(
  spool: Spool,
  operation: string,
  keep: string,
  order?: (a: string, b: string) => number,
): Promise<string | undefined> {
  let listing = await listBatches(spool, operation);
  for (;;) {
    const youngest = halfDumpToGiveUp(listing, keep, order);
    if (youngest === undefined) return undefined;
    const path = batchPath(spool, operation, youngest, 'dumping');
    const names = (await folderExists(spool, path)) ? await step('list', path, () => spool.files.names(path)) : [];
    if (names.some((name) => SEGMENT_NAME.test(name))) {
      await discardBatch(spool, operation, youngest, ['dumping']);
      return youngest;
    }
    listing = listing.filter(({ batch }) => batch !== youngest);
  }
}

/** Takes away all that an operation has in this spool, tombstones last. */
export async function removeOperation(spool: Spool, operation: string): Promise<void> {
  const path = operationPath(spool, operation);
  if (spool.layout !== undefined)
    for (const { batch, state } of await listBatches(spool, operation))
      await removeContents(spool, batchPath(spool, operation, batch, state), { keepRestoreLog: false });
  if (!(await folderExists(spool, path))) return;
  const names = await step('list', path, () => spool.files.names(path));
  for (const name of names) {
    if (parseFolderName(name) !== undefined && (await folderExists(spool, join(path, name)))) {
      await removeContents(spool, join(path, name), { keepRestoreLog: false });
    }
  }
  await removeFile(spool, join(path, 'tombstones'));
  await removeFolder(spool, path);
  await step('flush', spool.root, () => spool.files.syncFolder(spool.root));
  forgetTombstones(path);
}
