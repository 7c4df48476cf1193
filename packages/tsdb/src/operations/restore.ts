/** Folders → VictoriaMetrics. The folders are emptied as they are verified, as in the second half of a migration. */

import type { KindDefinition, TaskContext } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { RestoreParams } from '../params.ts';
import { COLUMNS, conclude } from '../verdict.ts';
import { nothingFound, sinkLease, surveyDump } from './common.ts';

export const restore: KindDefinition<RestoreParams> = defineKind({
  name: 'tsdb.restore',
  title: 'Restore a dump into VictoriaMetrics',
  role: 'restorer',
  params: RestoreParams,
  tolerant: true,
  // A worker woken from the dead is kept from the sink by the places there, which outlive its longest request.
  actionMs: 0,
  columns: COLUMNS,

  async plan(context: TaskContext<RestoreParams>) {
    const { from, sink, existing, verify, settleMs } = context.params;
    const { spools, data, findings } = await surveyDump(context, from);
    return {
      summary: [`the dump ${from} from ${spools.join(', ') || 'nowhere'} into ${sink}`, 'the folders are emptied as they are verified'],
      findings,
      leases: await sinkLease(context, ''),
      expect: {},
      data,
      stages: [
        {
          name: 'prove',
          title: 'prove that the sink keeps what it takes',
          concurrency: 1,
          tasks: [{ id: 'prove-sink', task: 'tsdb.prove-sink', params: { sink, existing }, placement: 'role' }],
        },
        {
          name: 'find',
          title: 'find the batches',
          concurrency: 1,
          tasks: spools.map((spool) => ({
            id: `find@${spool}`,
            task: 'tsdb.find-batches',
            params: { from, sink, spool, existing, verify, settleMs },
            placement: 'spool' as const,
          })),
        },
        ...(verify
          ? [
              {
                name: 'count',
                title: 'count everything once more',
                concurrency: 1,
                tasks: [{ id: 'count', task: 'tsdb.final-count', params: { sink, redo: 0 }, placement: 'role' as const }],
              },
            ]
          : []),
      ],
    };
  },

  conclude: ({ header, totals }) =>
    nothingFound(header, 'restore') ?? conclude(header, totals, RestoreParams.parse(header.params).verify ? 'back' : 'not'),
});
