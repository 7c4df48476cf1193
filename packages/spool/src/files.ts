/**
 * The file system as this package needs it: a port, so that tests can let a disk fill up or fail at any step. System
 * errors pass through it unchanged (`ENOSPC`, …); the callers turn them into catalogue entries with `spoolError`.
 */
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, realpath, rename, rmdir, statfs, unlink } from 'node:fs/promises';
import { errorCode, spoolError } from './errors.ts';

export interface SpoolFile {
  /** Bytes written, which may be fewer than asked for without an error. `undefined` as position: at the end (`append` mode). */
  write(bytes: Uint8Array, position: number | undefined): Promise<number>;
  /** Bytes read; 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  truncate(size: number): Promise<void>;
  /** Data and size are on the disk afterwards. */
  sync(): Promise<void>;
  /** `links` is 0 when the file was removed while open. */
  stat(): Promise<{ size: number; links: number }>;
  close(): Promise<void>;
}

export interface FileFacts {
  kind: 'file' | 'folder' | 'other';
  size: number;
  /** Bytes it takes on the disk. */
  taken: number;
  modifiedMs: number;
}

export interface DiskFacts {
  /** Bytes an ordinary user may still write. */
  freeBytes: number;
  /** Infinity on file systems that have no fixed number of inodes. */
  freeInodes: number;
}

/** `create`: must not exist. `append`: made when missing, written at its end. `change`: must exist, written anywhere. */
export type OpenMode = 'read' | 'create' | 'append' | 'change';

export interface SpoolFiles {
  open(path: string, mode: OpenMode): Promise<SpoolFile>;
  /** False when it was there already. */
  makeFolder(path: string): Promise<boolean>;
  rename(from: string, to: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
  names(path: string): Promise<string[]>;
  /** Of the name itself, not of what a link points to; undefined when it does not exist. */
  facts(path: string): Promise<FileFacts | undefined>;
  realPath(path: string): Promise<string>;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): Promise<void>;
  disk(path: string): Promise<DiskFacts>;
}

const FLAGS: Record<OpenMode, number> = {
  read: constants.O_RDONLY,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  append: constants.O_RDWR | constants.O_CREAT | constants.O_APPEND,
  change: constants.O_RDWR,
};

/** The machine's own file system. Never follows a symbolic link in the last part of a path. */
export const nodeFiles: SpoolFiles = {
  async open(path, mode) {
    const handle = await open(path, FLAGS[mode] | constants.O_NOFOLLOW, 0o640);
    return {
      write: async (bytes, position) => (await handle.write(bytes, 0, bytes.length, position ?? null)).bytesWritten,
      read: async (into, position) => (await handle.read(into, 0, into.length, position)).bytesRead,
      truncate: (size) => handle.truncate(size),
      sync: () => handle.datasync(),
      async stat() {
        const { size, nlink } = await handle.stat();
        return { size, links: nlink };
      },
      close: () => handle.close(),
    };
  },
  async makeFolder(path) {
    try {
      await mkdir(path, { mode: 0o750 });
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    }
  },
  rename: (from, to) => rename(from, to),
  removeFile: (path) => unlink(path),
  removeFolder: (path) => rmdir(path),
  names: (path) => readdir(path),
  async facts(path) {
    try {
      const stats = await lstat(path);
      const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other';
      return { kind, size: stats.size, taken: stats.blocks * 512, modifiedMs: stats.mtimeMs };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  realPath: (path) => realpath(path),
  async syncFolder(path) {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async disk(path) {
    const { bavail, bsize, files, ffree } = await statfs(path);
    // Some file systems (btrfs) make inodes as needed and report none at all.
    return { freeBytes: bavail * bsize, freeInodes: files === 0 ? Number.POSITIVE_INFINITY : ffree };
  },
};

/** Runs one step on a path; what goes wrong comes out as a catalogue entry. */
export async function step<T>(doing: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw spoolError(error, doing, path);
  }
}
