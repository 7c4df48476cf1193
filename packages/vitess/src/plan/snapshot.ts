/** A keyspace as a planner sees it. Plain data. */
import type { ServedType } from '../model.ts';

export interface ShardSnapshot {
  name: string;
  /** Its primary's alias. */
  primary: string | null;
  serving: boolean;
  /** Types of tablets it has. */
  types: ServedType[];
  /** Tables that have rows; looked up for targets only. */
  filled: string[];
}

export interface KeyspaceSnapshot {
  name: string;
  shards: ShardSnapshot[];
  /** Shards that serve, by type. */
  served: Record<ServedType, string[]>;
  /** Absent: the keyspace has no vschema. */
  vschema?: { sharded: boolean; tables: { name: string; hasVindex: boolean }[] };
  /** Tables the primaries of the sources have. */
  tables: string[];
  workflows: { name: string; source: string; target: string; targetShards: string[] }[];
  /** Why workflows could not be read. */
  unread?: string;
  throttlerOn: boolean;
}
