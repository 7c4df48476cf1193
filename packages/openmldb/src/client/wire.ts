/**
 * Shapes of answers. A field that was not set is absent from brpc's JSON, and stands for its default in the proto: `is_alive` true, numbers 0,
 * lists empty. Names and types are those of `name_server.proto` and `tablet.proto`.
 */
import { z } from 'zod';

/** 64 bits. */
const long = z.union([z.int(), z.bigint()]).transform(BigInt);
const text = z.string().default('');
/** An enum comes as its name; a value that the server knows and we do not is kept as it is. */
const word = z.union([z.string(), z.number().transform(String)]);
const answer = z.looseObject({ code: z.int().default(0), msg: text });

/** Every answer. */
export interface General {
  code: number;
  msg: string;
}
export const general: z.ZodType<General> = answer;

export const tablets: z.ZodType<TabletsAnswer> = answer.extend({
  tablets: z.array(z.looseObject({ endpoint: text, state: text, age: long.default(0n), real_endpoint: z.string().optional() })).default([]),
});

const partitionMeta = z.looseObject({
  endpoint: z.string(),
  is_leader: z.boolean(),
  is_alive: z.boolean().default(true),
  offset: long.optional(),
  tablet_has_partition: z.boolean().default(true),
});

const tablePartition = z.looseObject({
  pid: z.int(),
  partition_meta: z.array(partitionMeta).default([]),
  term_offset: z.array(z.looseObject({ term: long, offset: long })).default([]),
  record_cnt: long.default(0n),
  record_byte_size: long.default(0n),
  diskused: long.default(0n),
});

const offlineTable = z.looseObject({
  path: z.string().optional(),
  format: z.string().optional(),
  symbolic_paths: z.array(z.string()).default([]),
});

const tableInfo = z.looseObject({
  name: text,
  db: text,
  tid: z.int().default(0),
  partition_num: z.int().default(0),
  replica_num: z.int().default(0),
  storage_mode: word.default('kMemory'),
  table_partition: z.array(tablePartition).default([]),
  offline_table_info: offlineTable.optional(),
});

export const tables: z.ZodType<TablesAnswer> = answer.extend({ table_info: z.array(tableInfo).default([]) });
export const databases: z.ZodType<DatabasesAnswer> = answer.extend({ db: z.array(z.string()).default([]) });
export const settings: z.ZodType<SettingsAnswer> = answer.extend({ conf: z.array(z.looseObject({ key: text, value: text })).default([]) });

export const ops: z.ZodType<OpsAnswer> = answer.extend({
  op_status: z
    .array(
      z.looseObject({
        op_id: long,
        op_type: z.string(),
        status: z.string(),
        start_time: long.default(0n),
        end_time: long.default(0n),
        task_type: text,
        name: text,
        pid: z.int().default(0),
        db: text,
        for_replica_cluster: z.union([z.boolean(), z.int()]).default(false),
      }),
    )
    .default([]),
});

export const statuses: z.ZodType<StatusesAnswer> = answer.extend({
  all_table_status: z
    .array(
      z.looseObject({
        tid: z.int().default(0),
        pid: z.int().default(0),
        offset: long.default(0n),
        // The enum's first value.
        mode: z.enum(['kTableLeader', 'kTableFollower']).default('kTableLeader'),
        state: word.default('kTableUndefined'),
      }),
    )
    .default([]),
});

export const followers: z.ZodType<FollowersAnswer> = answer.extend({
  offset: long.default(0n),
  follower_info: z.array(z.looseObject({ endpoint: text, offset: long.default(0n) })).default([]),
});

/** What ShowTable says of a table. */
export interface TableInfo {
  name: string;
  db: string;
  tid: number;
  partition_num: number;
  /** Replicas of each partition it was made with, the leader included; adding and removing replicas does not change it. */
  replica_num: number;
  storage_mode: string;
  table_partition: PartitionInfo[];
  offline_table_info?: { path?: string | undefined; format?: string | undefined; symbolic_paths: string[] } | undefined;
}
export interface PartitionInfo {
  pid: number;
  partition_meta: ReplicaInfo[];
  term_offset: { term: bigint; offset: bigint }[];
  record_cnt: bigint;
  record_byte_size: bigint;
  diskused: bigint;
}
export interface ReplicaInfo {
  endpoint: string;
  is_leader: boolean;
  is_alive: boolean;
  offset?: bigint | undefined;
  tablet_has_partition: boolean;
}
export interface TabletsAnswer extends General {
  tablets: { endpoint: string; state: string; age: bigint; real_endpoint?: string | undefined }[];
}
export interface TablesAnswer extends General {
  table_info: TableInfo[];
}
export interface DatabasesAnswer extends General {
  db: string[];
}
export interface SettingsAnswer extends General {
  conf: { key: string; value: string }[];
}
export interface OpsAnswer extends General {
  op_status: {
    op_id: bigint;
    op_type: string;
    status: string;
    start_time: bigint;
    end_time: bigint;
    task_type: string;
    name: string;
    pid: number;
    db: string;
    for_replica_cluster: boolean | number;
  }[];
}
export interface StatusesAnswer extends General {
  all_table_status: { tid: number; pid: number; offset: bigint; mode: 'kTableLeader' | 'kTableFollower'; state: string }[];
}
export interface FollowersAnswer extends General {
  offset: bigint;
  follower_info: { endpoint: string; offset: bigint }[];
}
