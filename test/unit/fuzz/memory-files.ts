/** A file system of maps, as the spool's port has it: thousands of folders a second, and reads as short as one likes. */
import type { SpoolFile, SpoolFiles } from '@longshore/spool';

const FREE = { freeBytes: 1e12, freeInodes: 1e9 };
export const MODIFIED_MS = 1_700_000_000_000;

class SystemError extends Error {
  readonly code: string;

  constructor(code: string, path: string) {
    super(`${code}: ${path}`);
    this.code = code;
  }
}

/** Links count as long as it has a name. */
interface Inode {
  bytes: Buffer;
  links: number;
}

export class MemoryFiles implements SpoolFiles {
  readonly #files = new Map<string, Inode>();
  readonly #folders = new Set<string>();
  /** How many bytes one call reads of so many asked for. */
  readAtMost: (asked: number) => number = (asked) => asked;

  /** Puts a file there, with the folders above it. The bytes are never changed in place. */
  put(path: string, bytes: Buffer): void {
    this.#files.set(path, { bytes, links: 1 });
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) this.#folders.add(path.slice(0, at));
  }

  /** The files of a folder, by name. */
  filesIn(folder: string): Map<string, Buffer> {
    const found = new Map<string, Buffer>();
    for (const [path, { bytes }] of this.#files) if (path.startsWith(`${folder}/`)) found.set(path.slice(folder.length + 1), bytes);
    return found;
  }

  async open(path: string, mode: 'read' | 'create' | 'append' | 'change'): Promise<SpoolFile> {
    let file = this.#files.get(path);
    if (file !== undefined && mode === 'create') throw new SystemError('EEXIST', path);
    if (file === undefined) {
      if (mode === 'read' || mode === 'change' || !this.#folders.has(path.slice(0, path.lastIndexOf('/'))))
        throw new SystemError('ENOENT', path);
      file = { bytes: Buffer.alloc(0), links: 1 };
      this.#files.set(path, file);
    }
    const inode = file;
    return {
      async write(bytes, position = inode.bytes.length) {
        inode.bytes = Buffer.concat([inode.bytes.subarray(0, position), bytes, inode.bytes.subarray(position + bytes.length)]);
        return bytes.length;
      },
      read: async (into, position) => {
        const most = Math.min(into.length, Math.max(1, this.readAtMost(into.length)));
        return inode.bytes.copy(into, 0, Math.min(position, inode.bytes.length), position + most);
      },
      async truncate(size) {
        inode.bytes = inode.bytes.subarray(0, size);
      },
      async sync() {},
      async stat() {
        return { size: inode.bytes.length, links: inode.links };
      },
      async close() {},
    };
  }

  async makeFolder(path: string): Promise<boolean> {
    if (this.#folders.has(path)) return false;
    this.#folders.add(path);
    return true;
  }

  async rename(from: string, to: string): Promise<void> {
    if (!this.#folders.delete(from)) throw new SystemError('ENOENT', from);
    this.#folders.add(to);
    for (const [path, file] of this.#files) {
      if (!path.startsWith(`${from}/`)) continue;
      this.#files.delete(path);
      this.#files.set(to + path.slice(from.length), file);
    }
  }

  async removeFile(path: string): Promise<void> {
    const file = this.#files.get(path);
    if (file === undefined) throw new SystemError('ENOENT', path);
    file.links = 0;
    this.#files.delete(path);
  }

  async removeFolder(path: string): Promise<void> {
    if (!this.#folders.delete(path)) throw new SystemError('ENOENT', path);
  }

  async names(path: string): Promise<string[]> {
    return [...this.filesIn(path).keys()].filter((name) => !name.includes('/'));
  }

  async facts(path: string): ReturnType<SpoolFiles['facts']> {
    const file = this.#files.get(path);
    if (file !== undefined) return { kind: 'file', size: file.bytes.length, taken: file.bytes.length, modifiedMs: MODIFIED_MS };
    return this.#folders.has(path) ? { kind: 'folder', size: 0, taken: 0, modifiedMs: MODIFIED_MS } : undefined;
  }

  async realPath(path: string): Promise<string> {
    return path;
  }

  async syncFolder(): Promise<void> {}

  async disk(): Promise<typeof FREE> {
    return FREE;
  }
}
