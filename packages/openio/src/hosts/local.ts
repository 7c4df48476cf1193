/** Files on this machine, with the SQLite that comes with Node. */
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { access, mkdir, readdir, realpath, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HostFailed } from '../errors.ts';
import { baseOfFile } from '../names.ts';
import type { BaseOnDisk, Host, OpenBy } from './host.ts';

const PREFIX_DIRECTORY = /^[0-9A-F]{3}$/;
const LOCK_WAIT_MS = 5_000;

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
}

export class LocalHost implements Host {
  readonly name: string = 'this machine';

  async bases(volume: string): Promise<BaseOnDisk[]> {
    const found: BaseOnDisk[] = [];
    for (const directory of (await readdir(volume)).filter((name) => PREFIX_DIRECTORY.test(name)))
      for (const file of await readdir(join(volume, directory))) {
        const base = baseOfFile(file);
        if (base === undefined) continue;
        try {
          found.push({ base, bytes: (await stat(join(volume, directory, file))).size });
        } catch (error) {
          if (!isMissing(error)) throw error;
        }
      }
    return found;
  }

  async exists(path: string): Promise<boolean> {
    try {
      await access(path);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async openBy(path: string): Promise<OpenBy> {
    const real = await tried('see who has a file open', () => realpath(path));
    const pids: number[] = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
      switch (holds(Number(pid), real)) {
        case 'yes':
          pids.push(Number(pid));
          break;
        case 'hidden':
          return { unknown: `the open files of process ${pid} may not be read` };
      }
    return { pids };
  }

  async quickCheck(path: string): Promise<string> {
    return this.#with('check a file', path, true, (db) => {
      const rows = db.prepare('PRAGMA quick_check').all() as { quick_check: string }[];
      return rows.map(({ quick_check: line }) => line).join('; ');
    });
  }

  async admin(path: string): Promise<Record<string, string>> {
    return this.#with('read a file', path, true, (db) => {
      const rows = db.prepare('SELECT k, v FROM admin').all() as { k: string; v: Uint8Array | string | null }[];
      return Object.fromEntries(rows.map(({ k, v }) => [k, typeof v === 'string' ? v : Buffer.from(v ?? []).toString()]));
    });
  }

  async backup(path: string, to: string): Promise<string> {
    await tried('make a directory', async () => {
      await mkdir(dirname(to), { recursive: true, mode: 0o700 });
      await rm(to, { force: true });
    });
    await this.#with('back up a file', path, true, (db) => db.prepare('VACUUM INTO ?').run(to));
    return this.sha256(to);
  }

  async sha256(path: string): Promise<string> {
    return tried('take a checksum', async () => {
      const hash = createHash('sha256');
      for await (const part of createReadStream(path) as AsyncIterable<Buffer>) hash.update(part);
      return hash.digest('hex');
    });
  }

  async editPeers(path: string, before: string, after: string): Promise<number> {
    return this.#with('set the peers', path, false, (db) => {
      db.exec('BEGIN EXCLUSIVE');
      const { changes } = db
        .prepare("UPDATE admin SET v = ? WHERE k = 'sys.peers' AND CAST(v AS TEXT) = ?")
        .run(Buffer.from(after), before);
      db.exec('COMMIT');
      return Number(changes);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #with<T>(what: string, path: string, readOnly: boolean, run: (db: DatabaseSync) => T): Promise<T> {
    return tried(what, async () => {
      const db = new DatabaseSync(path, { readOnly, timeout: LOCK_WAIT_MS });
      try {
        return run(db);
      } finally {
        db.close();
      }
    });
  }
}

/** What the system or SQLite says is told as over ssh, and may be tried again. */
async function tried<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw HostFailed({ host: 'this machine', what, problem: error instanceof Error ? error.message : String(error) }, { cause: error });
  }
}

function linkOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(descriptor);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * A process whose files may not be seen is `hidden` where it could be a meta2 by its command line. At once: what lies in /proc is in memory,
 * and thousands of small reads one after another by the thread pool would take a hundred times as long, while a container is frozen.
 */
function holds(pid: number, path: string): 'yes' | 'no' | 'hidden' {
  try {
    for (const descriptor of readdirSync(`/proc/${pid}/fd`)) if (linkOf(`/proc/${pid}/fd/${descriptor}`) === path) return 'yes';
    return 'no';
  } catch (error) {
    if (isMissing(error)) return 'no';
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('meta2') ? 'hidden' : 'no';
  } catch (error) {
    return isMissing(error) ? 'no' : 'hidden';
  }
}
