/**
 * One meta2 base on disk: a SQLite file, and the parsed copy of its `admin` table that the service keeps beside the open handle. All reads
 * of `admin` come from the copy: what somebody else writes into the file is not seen until the handle has been closed.
 */
import { existsSync, mkdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OioError } from './codes.ts';

export const TABLES = ['admin', 'aliases', 'chunks', 'contents', 'properties', 'shard_ranges'] as const;
export type Table = (typeof TABLES)[number];
export type Versions = Record<string, number>;

const SCHEMA = `
CREATE TABLE admin (k TEXT PRIMARY KEY NOT NULL, v BLOB DEFAULT NULL);
CREATE TABLE aliases (alias TEXT NOT NULL, version INTEGER NOT NULL, content BLOB NOT NULL, deleted INT NOT NULL, ctime INT NOT NULL, mtime INT NOT NULL, PRIMARY KEY (alias, version));
CREATE TABLE contents (id BLOB PRIMARY KEY NOT NULL, hash BLOB, size INT NOT NULL, ctime INT NOT NULL, mtime INT NOT NULL, mime_type TEXT NOT NULL, chunk_method TEXT NOT NULL, policy TEXT NOT NULL);
CREATE TABLE chunks (id TEXT NOT NULL, content BLOB NOT NULL, position TEXT NOT NULL, hash BLOB NOT NULL, size INT NOT NULL, ctime INT NOT NULL, PRIMARY KEY (content, position, id));
CREATE TABLE properties (alias TEXT NOT NULL, version INT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (alias, version, key));
CREATE TABLE shard_ranges (lower TEXT PRIMARY KEY NOT NULL, upper TEXT NOT NULL, cid BLOB NOT NULL, metadata TEXT);
`;

/** A change to replicate: admin keys to set (null: delete), objects to add. */
export interface Mutation {
  admin?: Record<string, string | null>;
  object?: { name: string; size: number };
}

export class BaseFile {
  readonly path: string;
  #handle: { db: DatabaseSync; admin: Map<string, string> } | undefined;

  constructor(volume: string, name: string) {
    this.path = join(volume, name.slice(0, 3), `${name}.meta2`);
  }

  get exists(): boolean {
    return existsSync(this.path);
  }
  get isOpen(): boolean {
    return this.#handle !== undefined;
  }
  get mtimeSeconds(): number {
    return Math.floor(statSync(this.path).mtimeMs / 1000);
  }

  /** Makes an empty base, of which nothing is known but its name. */
  create(name: string): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o750 });
    const db = new DatabaseSync(this.path);
    db.exec('PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY;');
    db.exec(SCHEMA);
    const put = db.prepare('INSERT INTO admin (k, v) VALUES (?, ?)');
    const first = { schema_version: '1.8', 'sys.name': name, 'sys.type': 'meta2' };
    const versions = Object.fromEntries(TABLES.map((table) => [`version:main.${table}`, '1:0']));
    for (const [key, value] of Object.entries({ ...first, ...versions })) put.run(key, Buffer.from(value));
    db.close();
  }

  /** The cached copy of `admin`; opens the file. */
  get admin(): ReadonlyMap<string, string> {
    return this.#open().admin;
  }

  get versions(): Versions {
    const versions: Versions = {};
    for (const [key, value] of this.admin) if (key.startsWith('version:')) versions[key] = Number(value.split(':')[0]);
    return versions;
  }

  objects(): string[] {
    const rows = this.#open().db.prepare('SELECT alias FROM aliases ORDER BY alias').all() as { alias: string }[];
    return rows.map(({ alias }) => alias);
  }

  /** Applies a change in one transaction, versions included. `commit` decides, while the transaction is open, whether it stays. */
  async change(mutation: Mutation, nowMs: number, commit: () => Promise<void>): Promise<void> {
    const handle = this.#open();
    handle.db.exec('BEGIN IMMEDIATE');
    try {
      const admin = this.#apply(mutation, nowMs);
      await commit();
      handle.db.exec('COMMIT');
      handle.admin = admin;
    } catch (error) {
      if (this.#handle === handle) handle.db.exec('ROLLBACK');
      throw error;
    }
  }

  /** A replica's half of a change: at once. */
  applyReplicated(mutation: Mutation, nowMs: number): void {
    const handle = this.#open();
    handle.db.exec('BEGIN IMMEDIATE');
    const admin = this.#apply(mutation, nowMs);
    handle.db.exec('COMMIT');
    handle.admin = admin;
  }

  /** A consistent copy of the file beside it, for a dump. */
  dumpTo(path: string): void {
    rmSync(path, { force: true });
    this.#open().db.prepare('VACUUM INTO ?').run(path);
  }

  /** Takes a dump in place of what there is. `torn`: only half of it arrives. */
  restoreFrom(path: string, torn: boolean): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o750 });
    this.close();
    if (torn) truncateSync(path, Math.floor(statSync(path).size / 2));
    renameSync(path, this.path);
  }

  close(): void {
    this.#handle?.db.close();
    this.#handle = undefined;
  }

  remove(): boolean {
    this.close();
    const had = this.exists;
    rmSync(this.path, { force: true });
    return had;
  }

  #open(): { db: DatabaseSync; admin: Map<string, string> } {
    if (this.#handle) return this.#handle;
    const db = new DatabaseSync(this.path);
    try {
      db.exec('PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY;');
      const rows = db.prepare('SELECT k, v FROM admin').all() as { k: string; v: Uint8Array | string }[];
      const admin = new Map(rows.map(({ k, v }) => [k, Buffer.from(v as Uint8Array).toString()]));
      this.#handle = { db, admin };
      return this.#handle;
    } catch (error) {
      db.close();
      throw new OioError(511, `sqlite3 error: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Writes into the open transaction; gives `admin` as it is once that is committed. */
  #apply({ admin = {}, object }: Mutation, nowMs: number): Map<string, string> {
    const touched = new Set<Table>(['admin']);
    const all: Record<string, string | null> = { ...admin };
    if (object) {
      this.#put(object, nowMs);
      for (const table of ['aliases', 'contents', 'chunks'] as const) touched.add(table);
      const plus = (key: string, by: number): void => {
        all[key] = String(Number(this.admin.get(key) ?? 0) + by);
      };
      for (const key of ['sys.m2.objects', 'sys.m2.objects.SINGLE', 'sys.m2.version']) plus(key, 1);
      for (const key of ['sys.m2.usage', 'sys.m2.usage.SINGLE']) plus(key, object.size);
    }
    for (const table of touched) {
      const key = `version:main.${table}`;
      all[key] = `${Number((this.admin.get(key) ?? '0').split(':')[0]) + 1}:0`;
    }
    const { db, admin: known } = this.#open();
    const next = new Map(known);
    for (const [key, value] of Object.entries(all)) {
      if (value === null) {
        db.prepare('DELETE FROM admin WHERE k = ?').run(key);
        next.delete(key);
      } else {
        db.prepare('INSERT OR REPLACE INTO admin (k, v) VALUES (?, ?)').run(key, Buffer.from(value));
        next.set(key, value);
      }
    }
    return next;
  }

  #put({ name, size }: { name: string; size: number }, nowMs: number): void {
    const { db } = this.#open();
    const content = Buffer.from(name);
    const seconds = Math.floor(nowMs / 1000);
    db.prepare('INSERT OR REPLACE INTO aliases VALUES (?, ?, ?, 0, ?, ?)').run(name, nowMs, content, seconds, seconds);
    db.prepare('INSERT OR REPLACE INTO contents VALUES (?, NULL, ?, ?, ?, ?, ?, ?)').run(
      content,
      size,
      seconds,
      seconds,
      'application/octet-stream',
      'plain',
      'SINGLE',
    );
    db.prepare('INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?)').run(
      `http://127.0.0.1/${name}`,
      content,
      '0',
      Buffer.alloc(16),
      size,
      seconds,
    );
  }
}
