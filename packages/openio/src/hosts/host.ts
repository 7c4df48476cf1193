/** What is done to the files of a service on its own host: on this machine, or over ssh. */

export interface BaseOnDisk {
  base: string;
  bytes: number;
}

/** Who has a file open: process ids; unknown where a process that could be a meta2 does not let its files be seen. */
export type OpenBy = { pids: number[] } | { unknown: string };

export interface Host extends AsyncDisposable {
  /** For messages. */
  readonly name: string;
  /** Every base below a volume; local copies with a suffix are none. */
  bases(volume: string): Promise<BaseOnDisk[]>;
  exists(path: string): Promise<boolean>;
  openBy(path: string): Promise<OpenBy>;
  /** `ok`, or what SQLite finds wrong with it. */
  quickCheck(path: string): Promise<string>;
  /** The `admin` table. */
  admin(path: string): Promise<Record<string, string>>;
  /** A copy by SQLite itself, which takes its locks; gives its SHA-256. The directory is made. */
  backup(path: string, to: string): Promise<string>;
  sha256(path: string): Promise<string>;
  /** Sets `sys.peers` where it still is `before`, in one transaction. Rows changed: 1, or 0 where it was something else. */
  editPeers(path: string, before: string, after: string): Promise<number>;
}
