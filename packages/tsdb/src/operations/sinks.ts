/** What plans say of sinks that take points over `/api/put`. */
import type { Finding, LeaseRequest, TaskContext } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import { openTsdbSink } from '../client/opentsdb/index.ts';
import { victoriaMetrics } from '../client/victoriametrics/index.ts';
import { SinkNotEmpty } from '../errors.ts';
import type { BatchPlan } from '../plan/batches.ts';
import { cannotAsk } from '../tasks/prove-put.ts';
import { countHeld } from '../tasks/prove-sink.ts';

type Context = TaskContext<{ sink: string; verifyUrl?: string | undefined; existing: 'refuse' | 'fill' }>;

/** How a sink is written, as it answers. One that is configured by name is what its system says. */
export type Via = 'import' | 'put' | 'lines' | 'text';

export async function viaOf(context: Context): Promise<Via> {
  const { sink: name } = context.params;
  if (name.startsWith('file:')) return 'lines';
  if (!/^[a-z]+:\/\//i.test(name)) {
    try {
      await using _named = context.target(name, victoriaMetrics);
      return 'import';
    } catch {
      await using _named = context.target(name, openTsdbSink);
      return 'put';
    }
  }
  await using sink = context.target(name, openTsdbSink);
  try {
    return (await sink.serves()) === 'victoriametrics' ? 'import' : 'put';
  } catch (error) {
    // Nothing answers now: what is usual.
    if (error instanceof LongshoreError && error.data.retryable) return 'import';
    throw error;
  }
}

export async function putLease(context: Context, scope: string): Promise<LeaseRequest[]> {
  await using sink = context.target(context.params.sink, openTsdbSink);
  return [{ target: `put:${sink.identity}`, scope }];
}

export async function surveyPut(context: Context, batches: BatchPlan, findings: Finding[]): Promise<string> {
  const { sink: name, verifyUrl, existing } = context.params;
  await using sink = context.target(name, openTsdbSink);
  const serves = await sink.serves();
  if (serves === 'opentsdb') return `into the OpenTSDB ${name} over /api/put, read back from there`;
  if (verifyUrl === undefined) {
    findings.push({
      level: 'warning',
      text: `${name} only takes points: unless its query port is found, the outcome will be "not verified" (exit code 3), and ${cannotAsk(name)}, such as http://host:8428`,
    });
    return `into ${name} over /api/put`;
  }
  await using reader = context.target(verifyUrl, victoriaMetrics);
  const held = await countHeld(reader, batches.metrics, batches, context.signal);
  if (held.points > 0 && existing === 'refuse') {
    const error = SinkNotEmpty({ sink: verifyUrl, ...held });
    findings.push({ level: 'error', text: error.message, error: error.data });
  }
  const present =
    held.points > 0 && existing === 'fill' ? `, which holds ${held.points} points of it already; only what is missing is sent` : '';
  return `into ${name} over /api/put, read back at ${verifyUrl}${present}`;
}
