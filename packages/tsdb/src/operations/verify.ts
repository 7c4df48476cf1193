/** OpenTSDB, or a dump of it, against VictoriaMetrics or another OpenTSDB, point by point. Changes nothing. */

import type { KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { z } from 'zod';
import { VerifyParams } from '../params.ts';
import { planData } from '../plan/batches.ts';
import { COMPARED_VIA } from '../tasks/compared-sink.ts';
import { UNITS_IN_FLIGHT } from '../tasks/settings.ts';
import { COLUMNS, conclude } from '../verdict.ts';
import { nothingFound, survey, surveyDump } from './common.ts';
import { comparableVia, surveyNames } from './sinks.ts';

export const verify: KindDefinition<VerifyParams> = defineKind({
  name: 'tsdb.verify',
  title: 'Compare OpenTSDB with VictoriaMetrics or another OpenTSDB, point by point',
  role: 'dumper',
  params: VerifyParams,
  tolerant: true,
  // A worker woken from the dead is kept from the sink by the places there, which outlive its longest request.
  actionMs: 0,
  columns: COLUMNS,

  async plan(context) {
    const { source, from, sink, startMs, stopMs, metricsPrefix, intervalMs } = context.params;
    const via = await comparableVia(context);
    if (from !== undefined) {
      const { spools, batches: dumped, findings } = await surveyDump(context, from);
      const tasks = spools.map((spool) => ({
        id: `find@${spool}`,
        task: 'tsdb.find-to-compare',
        params: { from, sink, via, spool },
        placement: 'spool' as const,
      }));
      const off = context.params.annotations === 'off';
      const batches = dumped === undefined || !off ? dumped : { ...dumped, annotations: 'none' as const };
      return {
        summary: [
          ...(batches === undefined ? [] : surveyNames(batches, findings)),
          `the dump ${from} in ${spools.join(', ') || 'no spool'} compared with ${sink}; nothing is changed`,
        ],
        findings,
        expect: {},
        data: batches === undefined ? null : planData(batches),
        stages: [{ name: 'find', title: 'find the batches', concurrency: 1, tasks }],
      };
    }
    if (source === undefined || startMs === undefined || stopMs === undefined)
      throw new TypeError('a checked verification has a source and a window');
    const { batches, count, summary, findings, fingerprint } = await survey({
      ...context,
      params: {
        ...context.params,
        source,
        startMs,
        stopMs,
        metricsPrefix,
        intervalMs,
        ...(via === 'import' ? { annotations: 'off' } : {}),
      },
    });
    const compared = batches.annotations === 'none' ? '' : ', annotations too';
    return {
      summary: [...summary, ...surveyNames(batches, findings), `compared with ${sink}${compared}; nothing is changed`],
      findings,
      fingerprint,
      expect: { batches: count },
      data: planData(batches),
      stages: [
        { name: 'move', title: 'compare, batch by batch', concurrency: UNITS_IN_FLIGHT, bulk: { count, params: { source, sink, via } } },
      ],
    };
  },

  expand(_plan, stage, unit) {
    const { source, sink, via } = z.object({ source: z.string(), sink: z.string(), via: COMPARED_VIA }).parse(stage.bulk!.params);
    return [{ id: `compare-${unit}`, task: 'tsdb.compare-batch', params: { source, sink, via, unit }, placement: 'role' }];
  },

  conclude: ({ header, totals }) => nothingFound(header, 'compare') ?? conclude(header, totals, 'back'),
});
