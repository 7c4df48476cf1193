/** Tables of Vitess's plans and reports: shards before and after, rows copied and compared. */
import type { DoneRecord, StoredPlan } from '@longshore/core';
import type { Answer, KindView, Table } from '../view.ts';

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

/** Who serves and what is unsafe, a line each. Undefined when it could not be read. */
function statusLines(kind: string, done: readonly DoneRecord[]): Answer | undefined {
  if (kind !== 'vitess.status') return undefined;
  const { lines } = (done.find(({ output }) => output != null)?.output ?? {}) as { lines?: { level: string; text: string }[] };
  return lines && { columns: ['level', 'what'], rows: lines.map(({ level, text }) => [level, text]) };
}

export const vitessView: KindView = {
  kinds: 'vitess.',
  rowName: 'table',
  planTables: shardTable,
  answer: statusLines,
  success: (kind) => SUCCESS[kind],
  afterCancel: 'Clients are served from where they were; `longshore revert` takes back what was done.',
};
