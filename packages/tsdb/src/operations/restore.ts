/** Folders → a sink, in every way a migration can write one. The folders are emptied as they are verified, as in the second half of a migration. */

import type { KindDefinition, StageSpec, TaskContext } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { NotRestored } from '../errors.ts';
import { RestoreParams } from '../params.ts';
import { planData } from '../plan/batches.ts';
import { asParams, countsAgain, proving, writingOf } from '../tasks/writing.ts';
import { COLUMNS, conclude } from '../verdict.ts';
import { nothingFound, surveyDump } from './common.ts';
import { leaseOf, surveyWriting, viaOf } from './sinks.ts';

export const restore: KindDefinition<RestoreParams> = defineKind({
  name: 'tsdb.restore',
  title: 'Restore a dump into VictoriaMetrics, an OpenTSDB, or files',
  role: 'restorer',
  params: RestoreParams,
  tolerant: true,
  // A worker woken from the dead is kept from the sink by the places there, which outlive its longest request.
  actionMs: 0,
  columns: COLUMNS,

  async plan(context: TaskContext<RestoreParams>) {
    const { params } = context;
    const { from, sink, settleMs } = params;
    const { spools, batches, findings } = await surveyDump(context, from);
    if (batches?.follow !== undefined || batches?.folders?.kildaFrameS !== undefined) {
      const error = NotRestored({ from, way: batches.follow === undefined ? 'kilda' : 'follow' });
      findings.push({ level: 'error', text: error.message, error: error.data });
    }
    const writing = writingOf(params, params.via === 'auto' ? await viaOf(context) : params.via);
    const summary = [`the dump ${from} from ${spools.join(', ') || 'nowhere'}`];
    if (batches !== undefined) summary.push(...(await surveyWriting(context, writing, batches, findings)));
    const count: StageSpec = {
      name: 'count',
      title: 'count everything once more',
      concurrency: 1,
      tasks: [{ id: 'count', task: 'tsdb.final-count', params: { sink, redo: 0 }, placement: 'role' }],
    };
    return {
      summary: [...summary, 'the folders are emptied as they are verified; those of which the sink lacks points stay'],
      findings,
      leases: await leaseOf(context, writing, ''),
      expect: {},
      data: batches === undefined ? null : planData(params.annotations === 'off' ? { ...batches, annotations: 'none' } : batches),
      stages: [
        proving(writing),
        {
          name: 'find',
          title: 'find the batches',
          concurrency: 1,
          tasks: spools.map((spool) => ({
            id: `find@${spool}`,
            task: 'tsdb.find-batches',
            params: { ...asParams(writing), from, spool, settleMs },
            placement: 'spool' as const,
          })),
        },
        ...(countsAgain(writing) ? [count] : []),
      ],
    };
  },

  conclude: ({ header, totals }) =>
    nothingFound(header, 'restore') ?? conclude(header, totals, RestoreParams.parse(header.params).verify ? 'back' : 'not'),
});
