/**
 * OpenTSDB → VictoriaMetrics: dump and restore at once, verified by reading back, counted once more at the end.
 * Verified means: every point of the source is in the sink, once, with a value as exact as the sink keeps values.
 */

import type { KindDefinition, StageSpec } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { z } from 'zod';
import { MigrateParams } from '../params.ts';
import { batchName } from '../plan/batches.ts';
import { PROVE_SINK } from '../tasks/prove-sink.ts';
import { TALLIES, UNITS_IN_FLIGHT, UPKEEP_MS } from '../tasks/settings.ts';
import { COLUMNS, conclude } from '../verdict.ts';
import { placement, sinkLease, survey, surveySink } from './common.ts';

const moveParams = z.object({
  source: z.string(),
  sink: z.string(),
  existing: z.enum(['refuse', 'fill']),
  verify: z.boolean(),
  redo: z.int(),
  tally: z.enum(TALLIES),
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
    const { source, sink, existing, verify, settleMs } = params;
    const { batches, count, summary, findings, fingerprint } = await survey(context);
    summary.push(await surveySink(context, batches, findings));
    summary.push(
      verify ? 'everything is read back and counted once more at the end' : 'nothing is read back: the outcome will be "not verified"',
    );
    const where = await placement(context, ['dumper', 'restorer'], findings);
    const move: StageSpec = {
      ...where,
      name: 'move',
      title: 'dump and restore, batch by batch',
      concurrency: UNITS_IN_FLIGHT,
      bulk: { count, params: { source, sink, existing, verify, redo: 0, tally: 'all' } },
      upkeep: { task: 'tsdb.settle', params: { sink, from: operation.id, verify, settleMs }, everyMs: UPKEEP_MS },
    };
    const prove = { id: PROVE_SINK, task: 'tsdb.prove-sink', params: { sink, existing }, placement: 'role' as const };
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
      leases: await sinkLease(context, params.metricsPrefix),
      expect: { batches: count },
      data: { ...batches },
      stages: [
        { name: 'prove', title: 'prove that the sink keeps what it takes', concurrency: 1, tasks: [prove] },
        move,
        ...(verify ? [{ name: 'count', title: 'count everything once more', concurrency: 1, tasks: [finalCount] }] : []),
        {
          name: 'cleanup',
          title: 'put the folders away',
          concurrency: 1,
          always: true,
          tasks: [],
          upkeep: { task: 'tsdb.cleanup', params: {}, everyMs: UPKEEP_MS },
        },
      ],
    };
  },

  expand(_plan, stage, unit) {
    const { source, sink, existing, verify, redo, tally } = moveParams.parse(stage.bulk!.params);
    const batch = batchName(unit, redo);
    const from = fromOf(stage);
    return [
      { id: `dump-${batch}`, task: 'tsdb.dump-batch', params: { source, unit, redo, tally }, placement: 'spool' },
      {
        id: `restore-${batch}`,
        task: 'tsdb.restore-batch',
        params: { sink, batch, from, existing, verify, redo, tally },
        placement: 'spool',
        after: `dump-${batch}`,
      },
    ];
  },

  redo(plan, stage, only, begun) {
    const params = moveParams.parse(stage.bulk!.params);
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
