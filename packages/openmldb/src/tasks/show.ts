/**
 * Reads the ops, or the tables, of a cluster as tables of text. Columns are those of OpenMLDB's own tool.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { Json, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { openmldbCluster } from '../client/index.ts';
import { INTERNAL_DATABASES } from '../model.ts';
import { ShowOpStatusParams, ShowTableStatusParams } from '../params.ts';
import { OP_COLUMNS, opRows } from '../plan/op-rows.ts';
import { columnsOf, type TableFacts, tableRows, warningsOf } from '../plan/table-rows.ts';
import { PATIENT, taskName } from './settings.ts';

/** A table of text, as an output. */
export type Shown = { columns: string[]; rows: string[][]; leftOut: number };

/** More rows are not kept: an output is small. The newest ops are. */
const MOST_ROWS = 5_000;

const shown = (columns: string[], rows: string[][]): { output: Json } => ({
  output: { columns, rows: rows.slice(-MOST_ROWS), leftOut: Math.max(0, rows.length - MOST_ROWS) } satisfies Shown,
});

export const showOpStatus: TaskDefinition<ShowOpStatusParams> = defineTask({
  name: taskName('rebalancer', 'show-op-status'),
  role: 'rebalancer',
  params: ShowOpStatusParams,
  retry: PATIENT,

  async run(context) {
    const { db, filter } = context.params;
    await using cluster = context.target(context.params.cluster, openmldbCluster);
    const databases = db === undefined ? [...INTERNAL_DATABASES, ...(await cluster.databases())] : [db];
    const ops = [];
    for (const one of databases) ops.push(...(await cluster.ops({ db: one })));
    const wanted = ops.filter(({ status }) => filter === undefined || status === filter);
    return shown(OP_COLUMNS, opRows(wanted, context.clock.now()));
  },

  undo: { none: 'it only reads' },
});

export const showTableStatus: TaskDefinition<ShowTableStatusParams> = defineTask({
  name: taskName('rebalancer', 'show-table-status'),
  role: 'rebalancer',
  params: ShowTableStatusParams,
  retry: PATIENT,

  async run(context) {
    const { filter } = context.params;
    await using cluster = context.target(context.params.cluster, openmldbCluster);
    const tables = await cluster.tables('all');
    const facts: TableFacts = { held: new Map(), unreachable: new Map(), followers: new Map() };
    for (const { endpoint } of await cluster.tablets()) {
      try {
        facts.held.set(endpoint, await cluster.held(endpoint));
      } catch (error) {
        context.signal.throwIfAborted();
        facts.unreachable.set(endpoint, error instanceof Error ? error.message : String(error));
      }
    }
    const wanted = tableRows(tables, filter);
    for (const { info } of wanted)
      for (const { pid, partition_meta: metas } of info.table_partition) {
        const leader = metas.find((meta) => meta.is_leader && meta.is_alive);
        if (metas.length < 2 || !leader || !facts.held.has(leader.endpoint)) continue;
        facts.followers.set(`${info.tid}_${pid}`, await cluster.followersOf(leader.endpoint, { tid: info.tid, pid }));
      }
    return shown(
      columnsOf(),
      wanted.map(({ info, row }) => [...row, warningsOf(info, facts).join('\n')]),
    );
  },

  undo: { none: 'it only reads' },
});
