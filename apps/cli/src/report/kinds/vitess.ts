/** Tables of Vitess's plans and reports: shards before and after, rows copied and compared. */
import type { StoredPlan } from '@longshore/core';
import type { KindView, Table } from '../view.ts';

interface ShardData {
  keyspace?: string;
  sourceKeyspace?: string;
  sourceShards?: string[];
  targetShards?: string[];
  shards?: { keyspace: string; shard: string; side: string }[];
}

function shardTable({ data }: StoredPlan): Table[] {
  const { keyspace, sourceKeyspace, sourceShards = [], targetShards = [], shards = [] } = (data ?? {}) as ShardData;
  const before =
    shards.length > 0
      ? shards.filter(({ side }) => side === 'source').map((one) => `${one.keyspace}/${one.shard}`)
      : sourceShards.map((shard) => `${sourceKeyspace}/${shard}`);
  const after =
    shards.length > 0
      ? shards.filter(({ side }) => side === 'target').map((one) => `${one.keyspace}/${one.shard}`)
      : targetShards.map((shard) => `${keyspace}/${shard}`);
  const rows = Array.from({ length: Math.max(before.length, after.length) }, (_, at) => [before[at] ?? '', after[at] ?? '']);
  return [{ title: 'Shards', heads: ['before', 'after'], rows }];
}

const SUCCESS: Readonly<Record<string, string>> = {
  'vitess.reshard': 'the new shards serve every read and write; their rows were compared with the old ones before.',
  'vitess.move-tables': 'the tables are served from where they went; their rows were compared before.',
  'vitess.horizontal-resharding': 'the destination shards serve every read and write; no comparison found a difference.',
  'vitess.vertical-split': 'the tables are served from the destination keyspace; no comparison found a difference.',
};

export const vitessView: KindView = {
  kinds: 'vitess.',
  rowName: 'table',
  planTables: shardTable,
  success: (kind) => SUCCESS[kind],
  afterCancel: 'Clients are served from where they were; `longshore revert` takes back what was done.',
};
