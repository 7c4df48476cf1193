/**
 * OpenTSDB → VictoriaMetrics, or another OpenTSDB, while the source is still written to: window after window as they close, each read once more for points that came
 * late, until a person asks for the end. Then the last, open window up to that moment, and, in a VictoriaMetrics, everything counted once more.
 * Verified means: every point that the source had when a window was read for the last time is in the sink, once.
 */
import type { Finding, Json, KindDefinition, OperationHeader, StageSpec, StoredPlan, TaskRecord, TaskSpec } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { z } from 'zod';
import { openTsdb } from '../client/opentsdb/index.ts';
import { CannotFollowInto, NoMetrics } from '../errors.ts';
import { FollowParams } from '../params.ts';
import type { BatchPlan } from '../plan/batches.ts';
import { batchPlanOf, planData } from '../plan/batches.ts';
import { closedBy, firstCloseMs, LAST, windowName, windowStartMs } from '../plan/follow.ts';
import { selectionOf } from '../plan/selection.ts';
import { COMPARED_VIA } from '../tasks/compared-sink.ts';
import { selectedMetrics } from '../tasks/selected-metrics.ts';
import { TALLIES, UNITS_IN_FLIGHT, UPKEEP_MS } from '../tasks/settings.ts';
import { countsAgain, proving, settling, writingOf } from '../tasks/writing.ts';
import { COLUMNS, conclude } from '../verdict.ts';
import { annotatedBy, durationText, placement, plural } from './common.ts';
import { followedVia, leaseOf, surveyWriting } from './sinks.ts';

const MOVE = 'move';
const MOVE_LAST = 'move-last';
/** Windows that are done again after a lost spool are numbered from here; the final count's begin at 1. */
const FORGOTTEN = 100;

const moveParams = z.object({
  source: z.string(),
  sink: z.string(),
  via: COMPARED_VIA,
  last: z.boolean(),
  redo: z.int(),
  tally: z.enum(TALLIES),
});

export const follow: KindDefinition<FollowParams> = defineKind({
  name: 'tsdb.follow',
  title: 'Move time series from an OpenTSDB that is still written to into VictoriaMetrics or another OpenTSDB, until the end is asked for',
  role: 'dumper',
  params: FollowParams,
  tolerant: true,
  // A worker woken from the dead is kept from the sink by the places there, which outlive its longest request.
  actionMs: 0,
  columns: [...COLUMNS.slice(0, 1), 'late', ...COLUMNS.slice(1)],

  async plan(context) {
    const { params, operation, signal, clock } = context;
    const { source: name, sink, startMs, intervalMs, graceMs, settleMs } = params;
    const findings: Finding[] = [];
    await using source = context.target(name, openTsdb);
    const { metrics, complete, reason = 'the source did not say why' } = await selectedMetrics(source, selectionOf(params), signal);
    const error = (entry: ReturnType<typeof NoMetrics>): void =>
      void findings.push({ level: 'error', text: entry.message, error: entry.data });
    if (metrics.length === 0) error(NoMetrics({ source: name, prefix: params.metricsPrefix }));
    if (!complete) findings.push({ level: 'warning', text: `the list of metrics may be incomplete: ${reason}` });
    const now = clock.now();
    const { tags } = params;
    const windows: BatchPlan = {
      startMs,
      stopMs: Math.max(now, startMs + 1),
      intervalMs,
      metrics,
      annotations: params.annotations === 'off' ? 'none' : await annotatedBy(source, { startMs }, findings, signal),
      follow: { graceMs, select: selectionOf(params) },
      ...(tags === undefined ? {} : { reading: { tags } }),
    };
    const behind = closedBy(windows, now);
    const each = durationText(intervalMs);
    const summary = [
      `${plural(metrics.length, 'metric')}${params.metricsPrefix === '' ? '' : ` beginning with "${params.metricsPrefix}"`} from ${name} now; metrics that appear later are found, the list is read again for each window`,
      `from ${new Date(startMs).toISOString().replace('.000Z', 'Z')} on, in windows of ${each}, of which ${behind.toLocaleString('en-US')} have closed; each is read as soon as it has closed${graceMs > 0 ? `, and again ${durationText(graceMs)} later for points that came late` : ''}`,
    ];
    const via = await followedVia(context);
    const writing = writingOf({ ...params, verify: true, via: 'auto' }, via ?? 'import');
    if (via === undefined) error(CannotFollowInto({ sink }));
    else summary.push(...(await surveyWriting(context, writing, windows, findings)));
    summary.push(
      `it goes on until \`longshore finish ${operation.id}\` says that nothing is written to the source any more: the open window is then moved up to that moment${graceMs > 0 ? `, ${durationText(graceMs)} later read again` : ''}${countsAgain(writing) ? ', and everything is counted once more' : ''}`,
      `a point that reaches the source more than ${durationText(graceMs)} after the end of its window is not found: \`longshore tsdb verify\` shows it, \`tsdb migrate --existing fill\` over that window sends it`,
    );
    const where = await placement(context, ['dumper', 'restorer'], findings);
    const upkeep = { task: 'tsdb.settle', params: settling(writing, operation.id, settleMs), everyMs: UPKEEP_MS };
    const moving = { source: name, sink, via: via ?? 'import', redo: 0, tally: 'all' };
    const move: StageSpec = {
      ...where,
      name: MOVE,
      title: 'dump and restore, window after window, until the end is asked for',
      concurrency: UNITS_IN_FLIGHT,
      bulk: {
        count: 0,
        params: { ...moving, last: false },
        endless: { from: firstCloseMs(windows), everyMs: intervalMs },
      },
      upkeep,
    };
    const last: StageSpec = {
      ...where,
      name: MOVE_LAST,
      title: 'dump and restore the open window, up to the end that was asked for',
      concurrency: 1,
      bulk: { count: 1, params: { ...moving, last: true } },
      upkeep,
    };
    const counting = JSON.parse(JSON.stringify({ sink, redo: 0, move, last })) as Json;
    const count: StageSpec = {
      name: 'count',
      title: 'count everything once more',
      concurrency: 1,
      tasks: [{ id: 'count', task: 'tsdb.final-count', params: counting, placement: 'role' }],
    };
    return {
      summary,
      findings,
      fingerprint: { startMs, intervalMs, graceMs, select: { ...selectionOf(params) } },
      leases: await leaseOf(context, writing, params.metricsPrefix),
      expect: {},
      data: planData(windows),
      stages: [
        proving(writing),
        move,
        last,
        ...(countsAgain(writing) ? [count] : []),
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
    const { source, sink, via, last, redo, tally } = moveParams.parse(stage.bulk!.params);
    const window = windowName(last ? LAST : unit, redo);
    const { from } = z.object({ from: z.string() }).parse(stage.upkeep?.params);
    const step = (name: string, task: string, params: { [key: string]: Json }, after?: string): TaskSpec => ({
      id: `${name}-${window}`,
      task,
      params,
      placement: 'spool',
      ...(after === undefined ? {} : { after: `${after}-${window}` }),
    });
    const reading = { source, window, tally };
    const writing = { sink, batch: window, from, existing: 'fill', verify: true, tally: 'none' };
    return [
      step('dump', 'tsdb.follow-dump', reading),
      via === 'put'
        ? step('restore', 'tsdb.follow-put', { ...writing, sync: false }, 'dump')
        : step('restore', 'tsdb.follow-restore', { ...writing, redo }, 'dump'),
      step('reread', 'tsdb.follow-reread', reading, 'restore'),
      step('close', 'tsdb.follow-close', { sink, via, window, from, redo, tally }, 'reread'),
    ];
  },

  redo(plan, stage, only) {
    const redo = FORGOTTEN + plan.stages.length;
    const { spools: _lost, ...elsewhere } = stage;
    const { endless: _endless, ...bulk } = stage.bulk!;
    return {
      ...elsewhere,
      name: `${stage.name}-again-${redo}`,
      title: 'dump again what lay in a lost spool, and send what is missing',
      // A window is counted when it is through, and these were not.
      bulk: { ...bulk, only, params: { ...(bulk.params as { [key: string]: Json }), redo } },
    };
  },

  reached: (plan, header, tasks) => verifiedUntil(plan, header, tasks),

  conclude: ({ header, totals }) => conclude(header, totals, 'back'),
});

/** Tasks before whose end a window is not in the sink. */
const MOVING: ReadonlySet<string> = new Set(['tsdb.follow-dump', 'tsdb.follow-restore', 'tsdb.follow-put']);

/**
 * The end of the last window of which it can be said that it and all before it have been read back from the sink, late points apart. It stands
 * still once a window has failed.
 */
function verifiedUntil(plan: StoredPlan, header: OperationHeader, tasks: readonly TaskRecord[]): number | undefined {
  const windows = batchPlanOf(plan.data);
  const { reachedAt = windows.startMs, finish, stages } = header;
  const moving = plan.stages.flatMap((spec, at) => (spec.name.startsWith(MOVE) ? [{ spec, at, stage: stages[at]! }] : []));
  if (moving.some(({ stage }) => stage.failed > 0)) return reachedAt;
  if (finish !== undefined && moving.every(({ stage }) => stage.state === 'done')) return finish.at;
  const open = moving.flatMap(({ spec, at, stage }) => {
    if (spec.name.startsWith(MOVE_LAST)) return [];
    // Those that are done again are not told one by one.
    if (spec.bulk?.only !== undefined) return stage.state === 'done' ? [] : [Math.min(...spec.bulk.only)];
    return [stage.cursor, ...tasks.flatMap((task) => (task.stage === at && MOVING.has(task.task) ? (task.unit ?? []) : []))];
  });
  return windowStartMs(windows, Math.min(...open));
}
