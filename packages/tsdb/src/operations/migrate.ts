/**
 * OpenTSDB → VictoriaMetrics: dump and restore at once, verified by reading back, counted once more at the end.
 * Verified means: every point of the source is in the sink, once, with a value as exact as the sink keeps values.
 */

import type { Json, KindDefinition, StageSpec } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { z } from 'zod';
import { MigrateParams } from '../params.ts';
import { batchName, planData } from '../plan/batches.ts';
import { TALLIES, UNITS_IN_FLIGHT, UPKEEP_MS } from '../tasks/settings.ts';
import { asParams, countsAgain, proving, settling, WRITING, writingOf, writingTask } from '../tasks/writing.ts';
import { COLUMNS, conclude } from '../verdict.ts';
import { placement, survey } from './common.ts';
import { leaseOf, scopeOf, surveyWriting, viaOf } from './sinks.ts';

const moveParams = z.object({
  ...WRITING.shape,
  source: z.string(),
  redo: z.int(),
  tally: z.enum(TALLIES),
  named: z.boolean(),
  kilda: z.boolean().default(false),
});

export const migrate: KindDefinition<MigrateParams> = defineKind({
  name: 'tsdb.migrate',
  title: 'Move time series from OpenTSDB into VictoriaMetrics',
  role: 'dumper',
  params: MigrateParams,
  tolerant: true,
  // A worker woken from the dead is kept from the sink by the places there, which outlive its longest request.
  actionMs: 0,
  columns: COLUMNS,

  async plan(context) {
    const { params, operation } = context;
    const { source, sink, settleMs } = params;
    const { batches, count, summary, findings, fingerprint } = await survey(context);
    const writing = writingOf(params, params.via === 'auto' ? await viaOf(context) : params.via);
    const named = params.folders !== undefined;
    const kilda = params.folders?.kildaFrameS !== undefined;
    if (kilda && batches.reading !== undefined)
      findings.push({ level: 'error', text: 'files of kilda-otsdb-dump hold every series and every point: leave out tags and downsample' });
    if (kilda && (writing.via === 'lines' || writing.via === 'text'))
      findings.push({
        level: 'error',
        text: 'files of kilda-otsdb-dump go into a VictoriaMetrics or over /api/put, not into other files: leave out via',
      });
    if (kilda) summary.push('through files as kilda-otsdb-dump writes them, one for each metric');
    summary.push(...(await surveyWriting(context, writing, batches, findings)));
    const where = await placement(context, ['dumper', 'restorer'], findings);
    const move: StageSpec = {
      ...where,
      name: 'move',
      title: 'dump and restore, batch by batch',
      concurrency: UNITS_IN_FLIGHT,
      bulk: { count, params: { ...asParams(writing), source, redo: 0, tally: 'all', named, kilda } },
      upkeep: {
        task: named && !kilda ? 'tsdb.interval-settle' : 'tsdb.settle',
        params: settling(writing, operation.id, settleMs),
        everyMs: UPKEEP_MS,
      },
    };
    const finalCount = {
      id: 'count',
      task: 'tsdb.final-count',
      params: JSON.parse(JSON.stringify({ sink, redo: 0, move })),
      placement: 'role' as const,
    };
    return {
      summary,
      findings,
      fingerprint,
      leases: await leaseOf(context, writing, scopeOf(params)),
      expect: { batches: count },
      data: planData(batches),
      stages: [
        proving(writing),
        move,
        ...(countsAgain(writing) ? [{ name: 'count', title: 'count everything once more', concurrency: 1, tasks: [finalCount] }] : []),
        {
          name: 'cleanup',
          title: 'put the folders away',
          concurrency: 1,
          always: true,
          tasks: [],
          upkeep: { task: named && !kilda ? 'tsdb.interval-cleanup' : 'tsdb.cleanup', params: {}, everyMs: UPKEEP_MS },
        },
      ],
    };
  },

  expand(_plan, stage, unit) {
    const { source, redo, tally, named, kilda, ...writing } = moveParams.parse(stage.bulk!.params);
    const batch = batchName(unit, redo);
    return [
      {
        id: `dump-${batch}`,
        task: kilda ? 'tsdb.kilda-interval-dump' : named ? 'tsdb.interval-dump' : 'tsdb.dump-batch',
        params: { source, unit, redo, tally },
        placement: 'spool',
      },
      {
        id: `restore-${batch}`,
        ...writingTask(writing, { batch, from: fromOf(stage), redo, tally, named, kilda }),
        placement: 'spool',
        after: `dump-${batch}`,
      },
    ];
  },

  redo(plan, stage, only, begun) {
    moveParams.parse(stage.bulk!.params);
    const params = stage.bulk!.params as { [key: string]: Json };
    const redo = FORGOTTEN + plan.stages.length;
    const title = 'dump again what lay in a lost spool, and send what is missing';
    const { spools: _lost, ...elsewhere } = stage;
    return {
      ...elsewhere,
      name: `move-again-${redo}`,
      title,
      bulk: { count: stage.bulk!.count, only, params: { ...params, redo, existing: 'fill', tally: begun ? 'restore' : 'all' } },
    };
  },

  conclude: ({ header, totals }) => conclude(header, totals, MigrateParams.parse(header.params).verify ? 'back' : 'not'),
});

/** Batches that are dumped again after a lost spool are numbered from here; the final count's begin at 1. */
const FORGOTTEN = 100;

/** The operation's own id stands in its upkeep. */
function fromOf(stage: StageSpec): string {
  return z.object({ from: z.string() }).parse(stage.upkeep?.params).from;
}
