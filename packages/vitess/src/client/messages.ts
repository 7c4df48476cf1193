/** Replies of vtctld as `protocol.ts` gives them, as far as they are looked at. 64-bit numbers are texts. */

export type TabletType = 'UNKNOWN' | 'PRIMARY' | 'REPLICA' | 'RDONLY' | 'SPARE' | 'EXPERIMENTAL' | 'BACKUP' | 'RESTORE' | 'DRAINED';

export interface Alias {
  cell: string;
  uid: number;
}

export interface KeyRange {
  /** Base64. */
  start: string;
  end: string;
}

export interface Time {
  seconds: string;
  nanoseconds: number;
}

export interface Shard {
  keyspace: string;
  name: string;
  shard: {
    primary_alias: Alias | null;
    key_range: KeyRange | null;
    is_primary_serving: boolean;
    tablet_controls: { tablet_type: TabletType; denied_tables: string[]; frozen: boolean }[];
  } | null;
}

export interface Tablet {
  alias: Alias | null;
  hostname: string;
  keyspace: string;
  shard: string;
  type: TabletType;
  tablet_start_time: Time | null;
}

export interface VSchema {
  sharded: boolean;
  vindexes: Record<string, { type: string }>;
  tables: Record<string, { type: string; column_vindexes: { column: string; columns: string[]; name: string }[] }>;
}

export interface SrvKeyspace {
  partitions: {
    served_type: TabletType;
    shard_references: { name: string }[];
    shard_tablet_controls: { name: string; query_service_disabled: boolean }[];
  }[];
}

export interface SrvVSchema {
  routing_rules: { rules: { from_table: string; to_tables: string[] }[] } | null;
}

export interface Stream {
  id: string;
  shard: string;
  tablet: Alias | null;
  binlog_source: { keyspace: string; shard: string } | null;
  position: string;
  state: string;
  message: string;
  copy_states: { table: string; last_pk: string }[];
  rows_copied: string;
  transaction_timestamp: Time | null;
  time_updated: Time | null;
  throttler_status: { component_throttled: string; time_throttled: Time | null } | null;
}

export interface Workflow {
  name: string;
  workflow_type: string;
  source: { keyspace: string; shards: string[] } | null;
  target: { keyspace: string; shards: string[] } | null;
  /** Seconds. */
  max_v_replication_lag: string;
  /** Seconds; the least int64 before the first transaction. */
  max_v_replication_transaction_lag: string;
  /** By `shard/tablet alias`. */
  shard_streams: Record<string, { streams: Stream[]; is_primary_serving: boolean }>;
}

export interface TableCopyState {
  rows_copied: string;
  rows_total: string;
  bytes_copied: string;
  bytes_total: string;
  phase: string;
}

export interface WorkflowStatus {
  table_copy_state: Record<string, TableCopyState>;
  shard_streams: Record<string, { streams: { id: number; source_shard: string; position: string; status: string; info: string }[] }>;
  traffic_state: string;
}

export interface SwitchReply {
  summary: string;
  start_state: string;
  current_state: string;
  dry_run_results: string[];
}

export interface QueryResult {
  fields: { name: string }[];
  /** `values`: base64 of all values in a row, cut by `lengths`; -1 is NULL. */
  rows: { lengths: string[]; values: string }[];
}

export interface ThrottlerStatus {
  is_enabled: boolean;
  is_open: boolean;
  default_threshold: number;
  metric_thresholds: Record<string, number>;
  throttled_apps: Record<string, { name: string; ratio: number; expires_at: Time | null; exempt: boolean }>;
}

export interface ThrottlerCheck {
  value: number;
  threshold: number;
  error: string;
  message: string;
  response_code: string;
  metrics: Record<string, { name: string; value: number; threshold: number; error: string; scope: string; response_code: string }>;
}

/** A line of a command's log. */
export interface LogEvent {
  time: Time | null;
  level: 'INFO' | 'WARNING' | 'ERROR' | 'CONSOLE';
  file: string;
  line: string;
  value: string;
}

/** The rows of a result, by column; NULL is null. */
export function rowsOf(result: QueryResult | null): Record<string, string | null>[] {
  if (!result) return [];
  return result.rows.map(({ lengths, values }) => {
    const bytes = Buffer.from(values, 'base64');
    let at = 0;
    const cells = lengths.map((text) => {
      const length = Number(text);
      if (length < 0) return null;
      at += length;
      return bytes.toString('utf8', at - length, at);
    });
    return Object.fromEntries(result.fields.map(({ name }, column) => [name, cells[column] ?? null]));
  });
}

/** `zone1-0000000100`, as Vitess writes the name of a tablet. */
export function aliasName(alias: Alias | null): string {
  return alias ? `${alias.cell}-${String(alias.uid).padStart(10, '0')}` : 'none';
}
