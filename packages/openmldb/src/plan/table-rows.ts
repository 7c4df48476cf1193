/** Tables as rows of text, as `SHOW TABLE STATUS LIKE` prints them. Pure. */
import type { TableInfo } from '../client/index.ts';
import type { Loaded } from '../model.ts';
import { partitionKey } from '../model.ts';

const COLUMNS = [
  'Table_id',
  'Table_name',
  'Database_name',
  'Storage_type',
  'Rows',
  'Memory_data_size',
  'Disk_data_size',
  'Partition',
  'Partition_unalive',
  'Replica',
  'Offline_path',
  'Offline_format',
  'Offline_symbolic_paths',
  'Warnings',
];

export function columnsOf(): string[] {
  return [...COLUMNS];
}

export interface TableFacts {
  /** By endpoint, then by partition. */
  held: Map<string, Map<string, Loaded>>;
  /** Tablets that could not be asked, with why. */
  unreachable: Map<string, string>;
  /** Who follows the leader, by partition; absent where that was not asked. */
  followers: Map<string, string[]>;
}

/** Tables of the databases that fit, the newest first; without the last column. */
export function tableRows(tables: readonly TableInfo[], pattern: string): { info: TableInfo; row: string[] }[] {
  const fits = like(pattern);
  return [...tables]
    .reverse()
    .filter(({ db }) => fits(db))
    .map((info) => ({ info, row: rowOf(info) }));
}

function rowOf({
  tid,
  name,
  db,
  storage_mode: mode,
  table_partition: partitions,
  partition_num,
  replica_num,
  offline_table_info: offline,
}: TableInfo): string[] {
  const sum = (of: (partition: (typeof partitions)[number]) => bigint): string =>
    String(partitions.reduce((total, partition) => total + of(partition), 0n));
  return [
    String(tid),
    name,
    db,
    mode.replace(/^k/, '').toLowerCase(),
    sum((partition) => partition.record_cnt),
    sum((partition) => partition.record_byte_size),
    sum((partition) => partition.diskused),
    String(partition_num),
    String(partitions.reduce((total, { partition_meta: metas }) => total + metas.filter((meta) => !meta.is_alive).length, 0)),
    String(replica_num),
    offline?.path ?? 'NULL',
    offline?.format ?? 'NULL',
    offline && offline.symbolic_paths.length > 0 ? offline.symbolic_paths.map((path) => `${path},`).join('') : 'NULL',
  ];
}

/** What does not fit together between the nameserver and the tablets. */
export function warningsOf({ tid, replica_num, table_partition: partitions }: TableInfo, facts: TableFacts): string[] {
  const found: string[] = [];
  for (const { pid, partition_meta: metas } of partitions) {
    const key = partitionKey(tid, pid);
    if (metas.length !== replica_num)
      found.push(`[pid=${pid}]: real replica number ${metas.length} does not match the configured replicanum ${replica_num}`);
    for (const { endpoint, is_leader: leader, is_alive: alive } of metas) {
      const where = `[pid=${pid}][${leader ? 'leader' : 'follower'}][${endpoint}]`;
      const away = facts.unreachable.get(endpoint);
      const held = facts.held.get(endpoint)?.get(key);
      if (away !== undefined) found.push(`${where}: fail to get from tablet: ${away}`);
      else if (!held) found.push(`${where}: state is kNotFound`);
      else if ((held.mode === 'kTableLeader') !== leader) found.push(`${where}: leader/follower mode inconsistent`);
      else if (held.state === 'kTableUndefined' || (leader && held.state === 'kTableLoading'))
        found.push(`${where}: state is ${held.state}`);
      else if (!leader && alive && facts.followers.has(key) && !facts.followers.get(key)!.includes(endpoint))
        found.push(`${where}: not connected to leader`);
    }
  }
  return found;
}

/** `%` stands for anything, `_` for one character, as in SQL; capitals count. */
function like(pattern: string): (text: string) => boolean {
  const source = [...pattern]
    .map((character) => (character === '%' ? '.*' : character === '_' ? '.' : character.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')))
    .join('');
  const expression = new RegExp(`^${source}$`, 's');
  return (text) => expression.test(text);
}
