/**
 * A spool on this machine: where its folders are, and that they are ours.
 *
 *   <spool>/<operation>/<batch>.dumping/    being filled; a resumed dump goes on behind its last entry
 *   <spool>/<operation>/<batch>.ready/      complete
 *   <spool>/<operation>/<batch>.verified/   restored and read back
 *   <spool>/<operation>/tombstones          what the removed batches held
 */
import { join } from 'node:path';
import { type Random, type SpoolMount, systemRandom } from '@longshore/core';
import { errorCode, SpoolMissing, SpoolUnsafe } from './errors.ts';
import { nodeFiles, type SpoolFiles, step } from './files.ts';

export type FolderState = 'dumping' | 'ready' | 'verified';
export const FOLDER_STATES: readonly FolderState[] = ['dumping', 'ready', 'verified'];

/**
 * Folders of one operation named otherwise, directly in the spool: for people and scripts that know them by other names. Tombstones stay
 * where they are.
 */
export interface FolderLayout {
  folder(batch: string, state: FolderState): string;
  /** Undefined for what is not of this operation. */
  parse(name: string): { batch: string; state: FolderState } | undefined;
}

export interface Spool {
  name: string;
  /** Absolute and free of symbolic links. */
  root: string;
  quotaBytes?: number;
  files: SpoolFiles;
  random: Random;
  layout?: FolderLayout;
}

export interface SpoolPorts {
  files?: SpoolFiles;
  random?: Random;
}

/** The mount must exist: making it would fill the disk below a mount point that is not mounted. */
export async function openSpool(mount: SpoolMount & { layout?: FolderLayout }, ports: SpoolPorts = {}): Promise<Spool> {
  const files = ports.files ?? nodeFiles;
  const root = await step('find the spool', mount.path, async () => {
    try {
      return await files.realPath(mount.path);
    } catch (error) {
      if (errorCode(error) === 'ENOENT')
        throw SpoolMissing({ path: mount.path, what: `the folder of the spool ${mount.name}` }, { cause: error });
      throw error;
    }
  });
  const spool: Spool = { name: mount.name, root, files, random: ports.random ?? systemRandom };
  if (mount.quotaBytes !== undefined) spool.quotaBytes = mount.quotaBytes;
  if (mount.layout !== undefined) spool.layout = mount.layout;
  return spool;
}

const NAME = /^[a-z0-9_-][a-z0-9_.-]{0,119}$/;

function checkedName(name: string, what: string): string {
  if (!NAME.test(name) || name.includes('..')) throw SpoolUnsafe({ path: JSON.stringify(name), what: `it is no name of ${what}` });
  return name;
}

export function operationPath(spool: Spool, operation: string): string {
  return join(spool.root, checkedName(operation, 'an operation'));
}

/** The folder that an operation's batches lie in. */
export function batchHome(spool: Spool, operation: string): string {
  return spool.layout === undefined ? operationPath(spool, operation) : spool.root;
}

/** The batch and state in a folder's name, as this spool names them. */
export function batchIn(spool: Spool, name: string): { batch: string; state: FolderState } | undefined {
  return spool.layout === undefined ? parseFolderName(name) : spool.layout.parse(name);
}

export function batchPath(spool: Spool, operation: string, batch: string, state: FolderState): string {
  if (spool.layout !== undefined) {
    const name = spool.layout.folder(checkedName(batch, 'a batch'), state);
    if (/[/\0]|^\.{1,2}$/.test(name)) throw SpoolUnsafe({ path: JSON.stringify(name), what: 'it is no name of a folder' });
    return join(spool.root, name);
  }
  return join(operationPath(spool, operation), `${checkedName(batch, 'a batch')}.${state}`);
}

/** The batch and state in a folder's name; undefined for anything else. */
export function parseFolderName(name: string): { batch: string; state: FolderState } | undefined {
  const dot = name.lastIndexOf('.');
  const state = FOLDER_STATES.find((known) => known === name.slice(dot + 1));
  const batch = name.slice(0, Math.max(dot, 0));
  return state === undefined || !NAME.test(batch) || batch.includes('..') ? undefined : { batch, state };
}

/** Whether a folder of ours is there. A link, a file, or a path that leads out of the spool is refused. */
export async function folderExists(spool: Spool, path: string): Promise<boolean> {
  return step('look at', path, async () => {
    const facts = await spool.files.facts(path);
    if (facts === undefined) return false;
    if (facts.kind !== 'folder') throw SpoolUnsafe({ path, what: 'it is a link or a file where a folder belongs' });
    // `O_NOFOLLOW` guards the last part of a path only; this guards the parts before it.
    const real = await spool.files.realPath(path);
    if (real !== path) throw SpoolUnsafe({ path, what: `it leads to ${real}` });
    return true;
  });
}

/** The states in which a batch has a folder, most advanced first. More than one is possible only between two steps of a crash. */
export async function statesOf(spool: Spool, operation: string, batch: string): Promise<FolderState[]> {
  const found: FolderState[] = [];
  for (const state of ['verified', 'ready', 'dumping'] as const) {
    if (await folderExists(spool, batchPath(spool, operation, batch, state))) found.push(state);
  }
  return found;
}

/** Makes the operation's folder, durably, when it is not there. */
export async function ensureOperationFolder(spool: Spool, operation: string): Promise<string> {
  const path = operationPath(spool, operation);
  await step('make', path, async () => {
    if (await spool.files.makeFolder(path)) await spool.files.syncFolder(spool.root);
  });
  await folderExists(spool, path);
  return path;
}
