/** What lies in a batch's folder, whoever looks: its manifest, and whether the segments bear it out. */
import { join } from 'node:path';
import { errorCode } from './errors.ts';
import { type SpoolFile, step } from './files.ts';
import { type ChunkEntry, type ManifestState, readManifest, SEGMENT_NAME } from './manifest.ts';
import type { Spool } from './spool.ts';

/** Opens a file that may be missing. */
export async function openIfThere(spool: Spool, path: string): Promise<SpoolFile | undefined> {
  return step('open', path, async () => {
    try {
      return await spool.files.open(path, 'read');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  });
}

/** The manifest of a folder; undefined when it has none. */
export async function readManifestIn(spool: Spool, folder: string, operation: string, batch: string): Promise<ManifestState | undefined> {
  const path = join(folder, 'manifest');
  const file = await openIfThere(spool, path);
  if (file === undefined) return undefined;
  try {
    return await readManifest(file, path, operation, batch);
  } finally {
    await file.close();
  }
}

/** The first entry whose bytes are not all in its segment. Whether they are the right ones is seen when they are read. */
export async function firstUnbacked(
  spool: Spool,
  path: string,
  entries: readonly ChunkEntry[],
): Promise<{ chunk: number; what: string } | undefined> {
  const sizes = new Map<string, number>();
  for (const { chunk, segment, offset, length } of entries) {
    if (length === 0) continue;
    let size = sizes.get(segment);
    if (size === undefined) {
      const segmentPath = join(path, segment);
      const facts = await step('look at', segmentPath, () => spool.files.facts(segmentPath));
      size = facts?.kind === 'file' ? facts.size : -1;
      sizes.set(segment, size);
    }
    if (size === -1) return { chunk, what: `${segment}, which holds chunk ${chunk}, is missing` };
    if (size < offset + length) return { chunk, what: `${segment} has ${size} bytes, chunk ${chunk} ends at ${offset + length}` };
  }
  return undefined;
}

/** Gives back to the disk what earlier attempts wrote and no entry names. */
export async function reclaim(spool: Spool, path: string, entries: readonly ChunkEntry[]): Promise<void> {
  const ends = new Map<string, number>();
  for (const { segment, offset, length } of entries) ends.set(segment, Math.max(ends.get(segment) ?? 0, offset + length));
  for (const name of await step('list', path, () => spool.files.names(path))) {
    if (!SEGMENT_NAME.test(name)) continue;
    const file = join(path, name);
    const end = ends.get(name) ?? 0;
    await step('shorten', file, async () => {
      if (end === 0) return spool.files.removeFile(file);
      const size = (await spool.files.facts(file))?.size ?? 0;
      if (size <= end) return;
      const handle = await spool.files.open(file, 'change');
      try {
        await handle.truncate(end);
      } finally {
        await handle.close();
      }
    });
  }
}
