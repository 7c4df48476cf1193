/**
 * Moves tables to another keyspace, through the same stages as a reshard.
 * Verified means: every row was compared with its source before any traffic was moved, and the way back ran until it was given up.
 */
import type { Json, KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { vtctld } from '../client/vtctld.ts';
import { leaseScope, leaseTarget } from '../model.ts';
import { MoveTablesParams } from '../params.ts';
import { moveTablesFindings, servingShards } from '../plan/move-tables.ts';
import { workflowStages } from '../plan/stages.ts';
import type { WorkflowRef } from '../workflow-ref.ts';
import { ACTION_MS, workflowName } from './common.ts';
import { keyspaceSnapshot } from './snapshot.ts';

export const moveTables: KindDefinition<MoveTablesParams> = defineKind({
  name: 'vitess.move-tables',
  title: 'Move tables to another keyspace of Vitess: copy, compare, switch reads and writes, complete',
  role: 'migrator',
  params: MoveTablesParams,
  tolerant: false,
  guarded: true,
  actionMs: ACTION_MS,
  columns: ['rows', 'compared'],

  async plan({ params, operation, target: targetOf }) {
    const { sourceKeyspace, targetKeyspace, cluster } = params;
    await using client = targetOf(cluster, vtctld);
    const workflow = params.workflow ?? workflowName(operation.id);
    const source = await keyspaceSnapshot(client, sourceKeyspace, {});
    const shards = Object.keys((await client.shards(targetKeyspace)) ?? {});
    const target = await keyspaceSnapshot(client, targetKeyspace, { targets: shards });
    const tables = params.tables.length > 0 ? params.tables : (source?.tables ?? []);
    const sourceShards = source ? servingShards(source) : [];
    const targetShards = target ? servingShards(target) : [];
    const ref: WorkflowRef = {
      cluster,
      type: 'move-tables',
      workflow,
      keyspace: targetKeyspace,
      sourceKeyspace,
      sourceShards,
      targetShards,
      tables: params.tables,
    };
    return {
      summary: [
        `${tables.join(', ') || 'no tables'}: from ${sourceKeyspace} to ${targetKeyspace} (workflow ${workflow})`,
        'rows are copied while clients go on, compared, then reads are switched, then writes; until then and after it can be taken back',
        params.complete
          ? `at the end the tables are dropped at ${sourceKeyspace}: from there on there is no way back`
          : `the tables stay at ${sourceKeyspace} too, with everything that is written since`,
      ],
      findings: moveTablesFindings(params, workflow, source, target),
      stages: workflowStages(ref, params, source?.throttlerOn ?? false),
      leases: [sourceKeyspace, targetKeyspace].map((keyspace) => ({ target: leaseTarget(client.address), scope: leaseScope(keyspace) })),
      fingerprint: { sourceShards, targetShards, tables, filled: target?.shards.flatMap(({ filled }) => filled) ?? [] },
      expect: {},
      data: { keyspace: targetKeyspace, sourceKeyspace, sourceShards, targetShards, tables, workflow } as Json,
    };
  },

  conclude: () => ({ ok: true }),
});
