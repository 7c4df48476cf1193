/** What the plans of all four kinds have in common: the source is read, nothing is changed. */

import type { Finding, Json, OperationHeader, Role, TaskContext, Verdict } from '@longshore/core';
import { z } from 'zod';
import type { OpenTsdbClient } from '../client/opentsdb/index.ts';
import { openTsdb } from '../client/opentsdb/index.ts';
import { EmptyWindow, NoDump, NoMetrics } from '../errors.ts';
import type { TimeRange } from '../model.ts';
import type { AnnotationParams, WindowParams } from '../params.ts';
import type { Annotated, BatchPlan } from '../plan/batches.ts';
import { batchCount, batchPlanOf, rangeText, windowCount } from '../plan/batches.ts';
import type { Renaming } from '../plan/renaming.ts';
import { renamingOf } from '../plan/renaming.ts';
import { selectionOf } from '../plan/selection.ts';
import { selectedMetrics } from '../tasks/selected-metrics.ts';
import { estimate, estimateText } from './estimate.ts';

export interface Surveyed {
  batches: BatchPlan;
  count: number;
  summary: string[];
  findings: Finding[];
  fingerprint: Json;
}

/** Finds the metrics and cuts the window. Throws only what trying again may mend; everything else is a finding. */
export async function survey(context: TaskContext<WindowParams & Renaming & AnnotationParams & { source: string }>): Promise<Surveyed> {
  const { params, signal } = context;
  const { startMs, stopMs, intervalMs, metricsPrefix: prefix } = params;
  if (stopMs <= startMs) throw EmptyWindow({ startMs, stopMs });
  await using source = context.target(params.source, openTsdb);
  const { metrics, complete, reason } = await selectedMetrics(source, selectionOf(params), signal);
  const probe = await source.probe({ signal });
  const findings: Finding[] = [];
  if (metrics.length === 0) {
    const error = NoMetrics({ source: params.source, prefix });
    findings.push({ level: 'error', text: error.message, error: error.data });
  }
  if (!complete)
    findings.push({ level: 'warning', text: `the list of metrics may be incomplete: ${reason ?? 'the source did not say why'}` });
  if (probe.rawReads === false)
    findings.push({
      level: 'info',
      text: `${params.source} has no aggregator "none" (OpenTSDB before 2.3): raw points are asked for series by series, which takes longer`,
    });
  if (stopMs > context.clock.now())
    findings.push({ level: 'warning', text: 'the window reaches beyond now: points that arrive at the source later are not moved' });
  const { tags, downsample, originMs, folders } = params;
  const without = folders?.kildaFrameS !== undefined || params.annotations === 'off';
  const annotations = without ? 'none' : await annotatedBy(source, params, findings, signal);
  const renaming = renamingOf(params);
  const batches: BatchPlan = {
    startMs,
    stopMs,
    intervalMs,
    metrics,
    ...(originMs === undefined ? {} : { originMs }),
    ...(renaming === undefined ? {} : { renaming }),
    ...(tags === undefined && downsample === undefined ? {} : { reading: { tags, downsample } }),
    annotations,
    // One folder for each window, whatever is in it.
    ...(folders === undefined ? {} : { folders, metricsPerBatch: Math.max(1, metrics.length) }),
  };
  const count = batchCount(batches);
  const summary = [
    `${plural(metrics.length, 'metric')}${prefix === '' ? '' : ` beginning with "${prefix}"`} from ${params.source}`,
    `${rangeText(batches)} (the end is exclusive, times are UTC)`,
    `${plural(count, 'batch', 'batches')}: ${plural(windowCount(batches), 'window')} of ${durationText(intervalMs)}`,
  ];
  const wanted = params.estimate === true && !findings.some(({ level }) => level === 'error');
  const sample = wanted ? await estimate(source, batches, context) : undefined;
  if (sample !== undefined) summary.push(estimateText(sample));
  if (tags !== undefined)
    summary.push(
      `only series with ${Object.entries(tags)
        .map(([key, value]) => `${key}=${value}`)
        .join(', ')}`,
    );
  if (downsample !== undefined) summary.push(`averaged by the source: ${downsample}; single points are not moved`);
  return { batches, count, summary, findings, fingerprint: { metrics, startMs, stopMs, intervalMs } };
}

/** Which annotations the source gives: it need not list those of no series. */
export async function annotatedBy(
  source: OpenTsdbClient,
  { startMs }: Pick<TimeRange, 'startMs'>,
  findings: Finding[],
  signal: AbortSignal,
): Promise<Annotated> {
  const reason = await source.withoutGlobals(startMs, { signal });
  if (reason === undefined) return 'all';
  findings.push({ level: 'warning', text: `global annotations are left out, since the source does not list them (${reason})` });
  return 'series';
}

export function durationText(ms: number): string {
  const units: [number, string][] = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
    [1_000, 'second'],
  ];
  const [size, unit] = units.find(([each]) => ms % each === 0) ?? [1, 'ms'];
  const number = ms / size;
  return `${number} ${unit}${number === 1 || unit === 'ms' ? '' : 's'}`;
}

export interface SurveyedDump {
  spools: string[];
  /** What was dumped, under the names it is to have; undefined when there is no dump. */
  batches: BatchPlan | undefined;
  /** What its plan keeps. */
  data: Json;
  findings: Finding[];
}

/** Where the batches of a dump lie; what is in the way becomes findings. */
export async function surveyDump(context: TaskContext<Renaming & { from?: string | undefined }>, from: string): Promise<SurveyedDump> {
  const dumped = await context.operationOf(from);
  const served = await context.liveSpools(['restorer']);
  const spools = dumped?.spools ?? [];
  const findings: Finding[] = [];
  const away = spools.filter((spool) => !served.includes(spool));
  if (!dumped?.planData || spools.length === 0) {
    const error = NoDump({ from, spools: served });
    findings.push({ level: 'error', text: error.message, error: error.data });
  }
  if (dumped?.live)
    findings.push({ level: 'error', text: `${from} is still being dumped; \`longshore watch ${from}\` shows how far it is` });
  if (dumped && !dumped.live && dumped.state !== 'succeeded')
    findings.push({ level: 'warning', text: `${from} ended as "${dumped.state}": what it did not dump is not here` });
  if (away.length > 0) findings.push({ level: 'error', text: `no restorer serves ${away.join(', ')}, where part of ${from} lies` });
  const { renaming: _before, ...batches } = dumped?.planData ? batchPlanOf(dumped.planData) : {};
  const renaming = renamingOf(context.params);
  return {
    spools,
    batches: 'metrics' in batches ? { ...batches, ...(renaming === undefined ? {} : { renaming }) } : undefined,
    data: dumped?.planData ?? null,
    findings,
  };
}

/** Of a dump whose folders are all gone nothing was restored or compared: that is no success. */
export function nothingFound(header: OperationHeader, stage: 'restore' | 'compare'): Verdict | undefined {
  const { from } = z.object({ from: z.string().optional() }).parse(header.params);
  if (from === undefined || header.stages.some(({ name }) => name === stage)) return undefined;
  return { ok: false, error: NoDump({ from, spools: header.spools }).data };
}

/** The stage's restriction to the spool that was asked for, and a finding when nobody serves it. */
export async function placement(
  context: TaskContext<{ spool?: string | undefined }>,
  roles: Role[],
  findings: Finding[],
): Promise<{ spools?: string[] }> {
  const { spool } = context.params;
  const served = await context.liveSpools(roles);
  if (spool === undefined) {
    if (served.length === 0)
      findings.push({ level: 'warning', text: `no spool is served by a ${roles.join(' and a ')} at the moment; the run waits for one` });
    return {};
  }
  if (!served.includes(spool))
    findings.push({
      level: 'error',
      text: `the spool ${spool} is not served by a ${roles.join(' and a ')}; there are ${served.join(', ') || 'none'}`,
    });
  return { spools: [spool] };
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}
