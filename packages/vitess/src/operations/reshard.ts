/**
 * Reshards a keyspace: create, copy, compare, switch reads, switch writes, watch, complete.
 * Verified means: every row was compared with its source before any traffic was moved, and the way back ran until it was given up.
 */
import type { Json, KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { vtctld } from '../client/vtctld.ts';
import { leaseScope, leaseTarget } from '../model.ts';
import { ReshardParams } from '../params.ts';
import { reshardFindings } from '../plan/reshard.ts';
import { workflowStages } from '../plan/stages.ts';
import type { WorkflowRef } from '../workflow-ref.ts';
import { ACTION_MS, workflowName } from './common.ts';
import { keyspaceSnapshot } from './snapshot.ts';

export const reshard: KindDefinition<ReshardParams> = defineKind({
  name: 'vitess.reshard',
  title: 'Reshard a keyspace of Vitess: copy, compare, switch reads and writes, complete',
  role: 'migrator',
  params: ReshardParams,
  tolerant: false,
  guarded: true,
  actionMs: ACTION_MS,
  columns: ['rows', 'compared'],

  async plan({ params, operation, target }) {
    const { keyspace, sourceShards, targetShards, cluster } = params;
    await using client = target(cluster, vtctld);
    const workflow = params.workflow ?? workflowName(operation.id);
    const seen = await keyspaceSnapshot(client, keyspace, { sources: sourceShards, targets: targetShards });
    const ref: WorkflowRef = {
      cluster,
      type: 'reshard',
      workflow,
      keyspace,
      sourceKeyspace: keyspace,
      sourceShards,
      targetShards,
      tables: [],
    };
    const tables = seen?.tables ?? [];
    return {
      summary: [
        `${keyspace}: ${sourceShards.join(', ')} → ${targetShards.join(', ')}, ${tables.length} ${tables.length === 1 ? 'table' : 'tables'} (workflow ${workflow})`,
        'rows are copied while clients go on, compared, then reads are switched, then writes; until then and after it can be taken back',
        params.complete
          ? 'at the end the source shards are deleted from the topology: from there on there is no way back'
          : 'the source shards stay, with everything that is written since',
      ],
      findings: reshardFindings(params, workflow, seen),
      stages: workflowStages(ref, params, seen?.throttlerOn ?? false),
      leases: [{ target: leaseTarget(client.address), scope: leaseScope(keyspace) }],
      // A live keyspace grows; what must stay is who serves, and that the targets are there and empty.
      fingerprint: (seen ? { shards: seen.shards, served: seen.served, tables: seen.tables } : null) as unknown as Json,
      expect: {},
      data: { keyspace, sourceKeyspace: keyspace, sourceShards, targetShards, tables, workflow } as Json,
    };
  },

  conclude: () => ({ ok: true }),
});
