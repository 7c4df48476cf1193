/** OpenTSDB → folders. They stay in the spools until they are restored (`tsdb.restore`) or forgotten. */

import type { KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { z } from 'zod';
import { DumpParams } from '../params.ts';
import { batchName, planData } from '../plan/batches.ts';
import { UNITS_IN_FLIGHT, UPKEEP_MS } from '../tasks/settings.ts';
import { COLUMNS, conclude } from '../verdict.ts';
import { placement, survey } from './common.ts';

export const dump: KindDefinition<DumpParams> = defineKind({
  name: 'tsdb.dump',
  title: 'Dump time series from OpenTSDB into a spool',
  role: 'dumper',
  params: DumpParams,
  tolerant: true,
  // A worker woken from the dead is kept from the sink by the places there, which outlive its longest request.
  actionMs: 0,
  columns: COLUMNS,

  async plan(context) {
    const { batches, count, summary, findings, fingerprint } = await survey(context);
    const where = await placement(context, ['dumper'], findings);
    return {
      summary: [...summary, `into folders that stay until \`longshore tsdb restore --from ${context.operation.id}\``],
      findings,
      fingerprint,
      expect: { batches: count },
      data: planData(batches),
      stages: [
        {
          ...where,
          name: 'move',
          title: 'dump, batch by batch',
          concurrency: UNITS_IN_FLIGHT,
          bulk: { count, params: { source: context.params.source } },
        },
        {
          name: 'cleanup',
          title: 'put away what was not finished',
          concurrency: 1,
          always: true,
          tasks: [],
          upkeep: { task: 'tsdb.cleanup', params: { keep: 'finished' }, everyMs: UPKEEP_MS },
        },
      ],
    };
  },

  expand(_plan, stage, unit) {
    const { source } = z.object({ source: z.string() }).parse(stage.bulk!.params);
    return [
      { id: `dump-${batchName(unit, 0)}`, task: 'tsdb.dump-batch', params: { source, unit, redo: 0, tally: 'all' }, placement: 'spool' },
    ];
  },

  conclude: ({ header, totals }) => conclude(header, totals, 'back'),
});
