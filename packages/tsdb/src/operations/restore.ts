/** Folders → VictoriaMetrics. The folders are emptied as they are verified, as in the second half of a migration. */

import type { Finding, KindDefinition, TaskContext } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { NoDump } from '../errors.ts';
import { RestoreParams } from '../params.ts';
import { COLUMNS, conclude } from '../verdict.ts';
import { sinkLease } from './common.ts';

export const restore: KindDefinition<RestoreParams> = defineKind({
  name: 'tsdb.restore',
  title: 'Restore a dump into VictoriaMetrics',
  role: 'restorer',
  params: RestoreParams,
  tolerant: true,
  columns: COLUMNS,

  async plan(context: TaskContext<RestoreParams>) {
    const { from, sink, existing, verify, settleMs } = context.params;
    const dumped = await context.operationOf(from);
    const spools = await context.liveSpools(['restorer']);
    const findings: Finding[] = [];
    const lost = (dumped?.spools ?? []).filter((spool) => !spools.includes(spool));
    if (!dumped?.planData || dumped.spools.length === 0) {
      const error = NoDump({ from, spools });
      findings.push({ level: 'error', text: error.message, error: error.data });
    }
    if (lost.length > 0) findings.push({ level: 'error', text: `no restorer serves ${lost.join(', ')}, where part of ${from} lies` });
    return {
      summary: [
        `the dump ${from} from ${dumped?.spools.join(', ') || 'nowhere'} into ${sink}`,
        'the folders are emptied as they are verified',
      ],
      findings,
      leases: await sinkLease(context, ''),
      expect: {},
      data: dumped?.planData ?? null,
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
          tasks: (dumped?.spools ?? []).map((spool) => ({
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

  conclude: ({ header, totals }) => conclude(header, totals, RestoreParams.parse(header.params).verify ? 'back' : 'not'),
});
