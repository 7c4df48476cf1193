/**
 * OpenTSDB → VictoriaMetrics: dump and restore at once, verified by reading back, counted once more at the end.
 * Verified means: every point of the source is in the sink, once, with a value as exact as the sink keeps values.
 */

import type { Json, KindDefinition, StageSpec } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { z } from 'zod';
import { MigrateParams } from '../params.ts';
import { batchName, planData } from '../plan/batches.ts';
import { PROVE_PUT } from '../tasks/prove-put.ts';
import { PROVE_SINK } from '../tasks/prove-sink.ts';
import { TALLIES, UNITS_IN_FLIGHT, UPKEEP_MS } from '../tasks/settings.ts';
import { COLUMNS, conclude } from '../verdict.ts';
import { placement, sinkLease, survey, surveySink } from './common.ts';
import { putLease, surveyPut, viaOf } from './put.ts';

const moveParams = z.object({
  source: z.string(),
  sink: z.string(),
  existing: z.enum(['refuse', 'fill']),
  verify: z.boolean(),
  redo: z.int(),
  tally: z.enum(TALLIES),
  via: z.enum(['import', 'put', 'lines', 'text']),
  named: z.boolean(),
  verifyUrl: z.string().optional(),
  requestBytes: z.int().optional(),
  sync: z.boolean(),
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
    const via = params.via === 'auto' ? await viaOf(context) : params.via;
    const named = params.folders !== undefined;
    if (via === 'import') summary.push(await surveySink(context, batches, findings));
    else if (via === 'put') summary.push(await surveyPut(context, batches, findings));
    else summary.push(`into files in ${sink}, as ${via === 'lines' ? 'JSON lines of VictoriaMetrics' : 'text for tsdb import'}`);
    summary.push(
      verify ? 'everything is read back and counted once more at the end' : 'nothing is read back: the outcome will be "not verified"',
    );
    const where = await placement(context, ['dumper', 'restorer'], findings);
    const move: StageSpec = {
      ...where,
      name: 'move',
      title: 'dump and restore, batch by batch',
      concurrency: UNITS_IN_FLIGHT,
      bulk: {
        count,
        params: {
          source,
          sink,
          existing,
          verify,
          redo: 0,
          tally: 'all',
          via,
          named,
          sync: params.sync === true,
          ...(params.verifyUrl === undefined ? {} : { verifyUrl: params.verifyUrl }),
          ...(params.requestBytes === undefined ? {} : { requestBytes: params.requestBytes }),
        },
      },
      upkeep: {
        task: named ? 'tsdb.interval-settle' : 'tsdb.settle',
        // What was put was read back, where it can be, before its folder is called verified; it is not counted again.
        params: { sink, from: operation.id, verify: verify && via === 'import', settleMs: via === 'import' ? settleMs : 0 },
        everyMs: UPKEEP_MS,
      },
    };
    const prove =
      via === 'import'
        ? { id: PROVE_SINK, task: 'tsdb.prove-sink', params: { sink, existing }, placement: 'role' as const }
        : via !== 'put'
          ? { id: 'make-folder', task: 'tsdb.make-folder', params: { folder: sink }, placement: 'role' as const }
          : {
              id: PROVE_PUT,
              task: 'tsdb.prove-put',
              params: { sink, existing, ...(params.verifyUrl === undefined ? {} : { verifyUrl: params.verifyUrl }) },
              placement: 'role' as const,
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
      leases:
        via === 'import'
          ? await sinkLease(context, params.metricsPrefix)
          : via === 'put'
            ? await putLease(context, params.metricsPrefix)
            : [{ target: sink, scope: '' }],
      expect: { batches: count },
      data: planData(batches),
      stages: [
        { name: 'prove', title: 'prove that the sink keeps what it takes', concurrency: 1, tasks: [prove] },
        move,
        ...(verify && via === 'import'
          ? [{ name: 'count', title: 'count everything once more', concurrency: 1, tasks: [finalCount] }]
          : []),
        {
          name: 'cleanup',
          title: 'put the folders away',
          concurrency: 1,
          always: true,
          tasks: [],
          upkeep: { task: named ? 'tsdb.interval-cleanup' : 'tsdb.cleanup', params: {}, everyMs: UPKEEP_MS },
        },
      ],
    };
  },

  expand(_plan, stage, unit) {
    const { source, sink, existing, verify, redo, tally, via, named, verifyUrl, requestBytes, sync } = moveParams.parse(stage.bulk!.params);
    const batch = batchName(unit, redo);
    const from = fromOf(stage);
    const putting = {
      sink,
      existing,
      batch,
      from,
      verify,
      tally,
      sync,
      ...(verifyUrl === undefined ? {} : { verifyUrl }),
      ...(requestBytes === undefined ? {} : { requestBytes }),
    };
    const writing =
      via === 'lines' || via === 'text'
        ? { task: 'tsdb.write-batch', params: { sink, via, batch, from, tally } }
        : via === 'put'
          ? { task: named ? 'tsdb.interval-put' : 'tsdb.put-batch', params: putting }
          : { task: named ? 'tsdb.interval-restore' : 'tsdb.restore-batch', params: { sink, batch, from, existing, verify, redo, tally } };
    return [
      {
        id: `dump-${batch}`,
        task: named ? 'tsdb.interval-dump' : 'tsdb.dump-batch',
        params: { source, unit, redo, tally },
        placement: 'spool',
      },
      {
        id: `restore-${batch}`,
        ...writing,
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
