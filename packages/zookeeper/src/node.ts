/** A node as it is read, and a call as it is sent. */
import type { Exception, Stat } from 'node-zookeeper-client';

/** A node as it was read. */
export interface ZNode {
  data: Buffer;
  /** Rises by one with every change of the data; `set` and `remove` compare it. */
  version: number;
  /** When its data were last changed, by the clock of the ensemble, ms since the epoch. */
  changedAt: number;
  /** The transaction that made it: another one under the same path is another node. */
  createdBy: bigint;
}

export type ZNodeStat = Omit<ZNode, 'data'>;

export type Callback<T> = (error: Error | Exception | null, value: T) => void;

export function statOf(stat: Stat): ZNodeStat {
  // 64-bit numbers come as they are on the wire.
  return { version: stat.version, changedAt: Number(stat.mtime.readBigInt64BE()), createdBy: stat.czxid.readBigInt64BE() };
}

export interface Call {
  /** For people: "set /proxy/t". */
  what: string;
  path: string;
  /** It changes something: it is sent once, and an outcome that is not known is not guessed. */
  changes: boolean;
  version?: number;
}
