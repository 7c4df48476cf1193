/** The cluster as vtctld's replies have it. */
import type { Stream, Workflow } from './streams.ts';
import type { KeyspaceState, ShardState, TabletRecord, Topology } from './topology.ts';
import { rangeOf, SERVED } from './topology.ts';

const alias = ({ cell, uid }: TabletRecord): object => ({ cell, uid });
const aliasName = ({ cell, uid }: TabletRecord): string => `${cell}-${String(uid).padStart(10, '0')}`;
const time = (ms: number): object => ({ seconds: Math.floor(ms / 1_000), nanoseconds: (ms % 1_000) * 1_000_000 });
/** Before the first transaction. */
const LEAST_INT64 = '-9223372036854775808';

function keyRange(name: string): object {
  const { start, end } = rangeOf(name);
  return { start, end };
}

export function shards({ name: keyspace, shards: all }: KeyspaceState): object {
  return Object.fromEntries(
    [...all.values()].map((shard) => [
      shard.name,
      {
        keyspace,
        name: shard.name,
        shard: {
          primary_alias: shard.primary ? alias(shard.primary) : null,
          key_range: keyRange(shard.name),
          is_primary_serving: shard.primaryServing,
          tablet_controls: shard.denied.size > 0 ? [{ tablet_type: 'PRIMARY', denied_tables: [...shard.denied] }] : [],
        },
      },
    ]),
  );
}

export function tablets({ shards: all }: KeyspaceState): object[] {
  return [...all.values()].flatMap(({ tablets: own }) =>
    own.map((tablet) => ({
      alias: alias(tablet),
      hostname: '127.0.0.1',
      keyspace: tablet.keyspace,
      shard: tablet.shard,
      type: tablet.type,
      tablet_start_time: time(tablet.startedAt),
    })),
  );
}

export function vschema({ sharded, vschema: tables }: KeyspaceState): object {
  const withVindex = { column_vindexes: [{ column: 'id', name: 'hash' }] };
  return {
    sharded,
    vindexes: sharded ? { hash: { type: 'hash' } } : {},
    tables: Object.fromEntries([...tables].map(([table, has]) => [table, sharded && has ? withVindex : {}])),
  };
}

export function served({ shards: all, served: types }: KeyspaceState, cells: readonly string[]): object {
  const partitions = SERVED.map((type) => ({
    served_type: type,
    shard_references: (types.get(type) ?? []).map((name) => ({ name, key_range: keyRange(name) })),
    shard_tablet_controls: [...all.values()]
      .filter(({ stopped }) => stopped)
      .map(({ name }) => ({ name, key_range: keyRange(name), query_service_disabled: type === 'PRIMARY' })),
  }));
  return Object.fromEntries(cells.map((cell) => [cell, { partitions }]));
}

export function routes({ rules }: Topology): object {
  const shownRules = [...rules].map(([from, keyspace]) => {
    const [, table = ''] = /^[^.]+\.([^@]+)/.exec(from) ?? [];
    return { from_table: from, to_tables: [`${keyspace}.${table}`] };
  });
  return { keyspaces: {}, routing_rules: { rules: shownRules } };
}

export function throttler({ name, throttler: { enabled, ratio, expiresAt } }: KeyspaceState): object {
  const apps = ratio > 0 ? { vreplication: { name: 'vreplication', ratio, expires_at: time(expiresAt), exempt: false } } : {};
  return { keyspace: name, is_enabled: enabled, is_open: true, default_threshold: 5, throttled_apps: apps };
}

function position({ begun, position: applied }: Stream): string {
  return begun ? `MySQL56/31f8c3a4-0000-11ef-8c3a-000000000001:1-${applied + 1}` : '';
}

const streamKey = (shard: ShardState): string => `${shard.name}/${shard.primary ? aliasName(shard.primary) : 'none'}`;

function grouped<T>(workflow: Workflow, streamsOf: (stream: Stream) => T): [string, T[]][] {
  return workflow.targetShards.map((shard) => [streamKey(shard), workflow.streams.filter(({ target }) => target === shard).map(streamsOf)]);
}

export function copyAndStreams(workflow: Workflow): object {
  const tables = workflow.streams.some(({ begun }) => begun) ? workflow.tables : [];
  const copyOf = (table: string): object => {
    const copied = workflow.streams.reduce((sum, stream) => sum + (stream.copied.get(table) ?? 0), 0);
    const total = workflow.sourceShards.reduce((sum, shard) => sum + (shard.tables.get(table)?.size ?? 0), 0);
    const done = workflow.streams.every((stream) => stream.begun && !stream.pending.has(table));
    return {
      rows_copied: copied,
      rows_total: total,
      rows_percentage: total === 0 ? 100 : (copied * 100) / total,
      bytes_copied: copied * 64,
      bytes_total: total * 64,
      phase: done ? 'COMPLETE' : copied > 0 ? 'IN_PROGRESS' : 'NOT_STARTED',
    };
  };
  return {
    table_copy_state: Object.fromEntries(tables.map((table) => [table, copyOf(table)])),
    shard_streams: Object.fromEntries(
      grouped(workflow, (stream) => ({
        id: stream.id,
        tablet: stream.target.primary ? alias(stream.target.primary) : null,
        source_shard: `${stream.source.keyspace}/${stream.source.name}`,
        position: position(stream),
        status: stream.state,
        info: stream.begun ? stream.message : 'VStream has not started',
      })).map(([key, streams]) => [key, { streams }]),
    ),
  };
}

export function workflow(shownWorkflow: Workflow, now: number): object {
  const { name, type, source, target, sourceShards, targetShards, streams } = shownWorkflow;
  const lag = Math.max(0, ...streams.map((stream) => stream.lagMs(now)));
  return {
    name,
    workflow_type: type,
    source: { keyspace: source.name, shards: sourceShards.map((shard) => shard.name) },
    target: { keyspace: target.name, shards: targetShards.map((shard) => shard.name) },
    max_v_replication_lag: Math.floor(lag / 1_000),
    max_v_replication_transaction_lag: streams.some(({ position: at }) => at > 0) ? Math.floor(lag / 1_000) : LEAST_INT64,
    shard_streams: Object.fromEntries(
      grouped(shownWorkflow, (stream) => ({
        id: stream.id,
        shard: stream.target.name,
        tablet: stream.target.primary ? alias(stream.target.primary) : null,
        binlog_source: { keyspace: stream.source.keyspace, shard: stream.source.name },
        position: position(stream),
        state: stream.state,
        message: stream.message,
        copy_states:
          stream.state === 'Copying' ? [...stream.pending.keys()].map((table) => ({ table, last_pk: '', stream_id: stream.id })) : [],
        rows_copied: stream.rowsCopied,
        time_updated: time(now),
        transaction_timestamp: time(now - stream.lagMs(now)),
        ...(stream.throttledAt > 0
          ? { throttler_status: { component_throttled: 'vcopier', time_throttled: time(stream.throttledAt) } }
          : {}),
      })).map(([key, own]) => [
        key,
        { streams: own, is_primary_serving: target.shards.get(key.split('/')[0] ?? '')?.primaryServing ?? false },
      ]),
    ),
  };
}

/** `show vitess_tablets`: what vtgate knows, and no more. */
export function gateTablets(topology: Topology): object {
  const columns = ['Cell', 'Keyspace', 'Shard', 'TabletType', 'State', 'Alias', 'Hostname', 'PrimaryTermStartTime'];
  const rows = topology
    .tablets()
    .filter(({ uid }) => topology.known.has(uid))
    .map((tablet) => {
      const { cell, keyspace, shard, type, down } = tablet;
      const cells = [cell, keyspace, shard, type, down ? 'NOT_SERVING' : 'SERVING', aliasName(tablet), '127.0.0.1', ''];
      return { lengths: cells.map((text) => Buffer.byteLength(text)), values: Buffer.from(cells.join('')) };
    });
  return { fields: columns.map((name) => ({ name })), rows };
}
