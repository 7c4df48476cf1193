/** A VictoriaMetrics in the place of a source: only looked at. */
import type { Finding, TaskContext } from '@longshore/core';
import { openTsdb, openTsdbSink } from '../client/opentsdb/index.ts';
import { victoriaMetrics } from '../client/victoriametrics/index.ts';
import { EmptyWindow, NoMetrics } from '../errors.ts';
import type { WindowParams } from '../params.ts';
import type { BatchPlan } from '../plan/batches.ts';
import { rangeText } from '../plan/batches.ts';
import { selectMetrics } from '../plan/selection.ts';
import type { Surveyed } from './common.ts';

type Context = TaskContext<WindowParams & { source: string }>;

const CLUSTER_PATH = /\/(?:insert|select)\/[^/]+\/prometheus\/?$/;

/** Whether what is named as a source is a VictoriaMetrics: one that is configured by name is what its system says, an address what it answers. */
export async function holds(context: Context): Promise<boolean> {
  const { source: name } = context.params;
  if (!/^[a-z]+:\/\//i.test(name)) {
    try {
      await using _named = context.target(name, openTsdb);
      return false;
    } catch {
      await using _named = context.target(name, victoriaMetrics);
      return true;
    }
  }
  if (CLUSTER_PATH.test(name)) return true;
  await using one = context.target(name, openTsdbSink);
  return (await one.serves()) === 'victoriametrics';
}

export async function surveyHeld(context: Context): Promise<Surveyed> {
  const { params, signal } = context;
  const { source: name, startMs, stopMs, intervalMs, metricsPrefix, match = [], exclude = [], tags, downsample } = params;
  if (stopMs <= startMs) throw EmptyWindow({ startMs, stopMs });
  await using source = context.target(name, victoriaMetrics);
  await source.flush(signal);
  const { prefixes = [metricsPrefix] } = params;
  const named = (await source.metrics({ startMs, stopMs }, signal)).filter((metric) =>
    prefixes.some((prefix) => metric.startsWith(prefix)),
  );
  const metrics = selectMetrics(named, { match, exclude });
  const findings: Finding[] = [];
  if (metrics.length === 0) {
    const error = NoMetrics({ source: name, prefix: metricsPrefix });
    findings.push({ level: 'error', text: error.message, error: error.data });
  }
  if (downsample !== undefined)
    findings.push({ level: 'error', text: `${name} is a VictoriaMetrics, whose points are looked at as they are: leave out --downsample` });
  const batches: BatchPlan = { startMs, stopMs, intervalMs, metrics, ...(tags === undefined ? {} : { reading: { tags } }) };
  const summary = [
    `${metrics.length} metrics of the VictoriaMetrics ${name}`,
    `${rangeText(batches)} (the end is exclusive, times are UTC)`,
  ];
  return { batches, count: metrics.length, summary, findings, fingerprint: { metrics, startMs, stopMs } };
}
