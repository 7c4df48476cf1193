/** Room on the disks of a process's spools, as it was when they were last asked: a disk far away may be slow, and nothing waits for it. */
import { statfs } from 'node:fs/promises';
import type { Log, Presence, SpoolMount } from '@longshore/core';

type Room = NonNullable<Presence['room']>;

/** Each call gives what is known and asks again. A disk that cannot be asked is not in it. */
export function watchRoom(spools: readonly SpoolMount[], log: Log): () => Room {
  let known: Room = {};
  let asking = false;
  const ask = async (): Promise<void> => {
    const fresh: Room = {};
    for (const { name, path } of spools) {
      try {
        const { bavail, bsize, blocks, ffree } = await statfs(path);
        fresh[name] = { bytesFree: bavail * bsize, bytesTotal: blocks * bsize, inodesFree: ffree };
      } catch (error) {
        log.warn({ err: error, spool: name }, 'the disk of a spool could not be asked for its room');
      }
    }
    known = fresh;
  };
  return () => {
    if (!asking && spools.length > 0) {
      asking = true;
      void ask().finally(() => {
        asking = false;
      });
    }
    return known;
  };
}
