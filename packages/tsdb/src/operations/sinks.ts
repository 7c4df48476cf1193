/** What plans say of sinks: how they are written, what they hold, what things are called there. */
import type { Finding, LeaseRequest, TaskContext } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import { openTsdbSink } from '../client/opentsdb/index.ts';
import { victoriaMetrics } from '../client/victoriametrics/index.ts';
import { CannotRead, CannotRename, SinkNotEmpty, WouldMerge } from '../errors.ts';
import type { BatchPlan } from '../plan/batches.ts';
import type { Renaming } from '../plan/renaming.ts';
import { renamingText, SinkNames } from '../plan/renaming.ts';
import { cannotAsk } from '../tasks/prove-put.ts';
import { countHeld } from '../tasks/prove-sink.ts';
import type { Via, Writing } from '../tasks/writing.ts';

/** How a sink is written, as it answers. One that is configured by name is what its system says. */
export async function viaOf(context: TaskContext<{ sink: string }>): Promise<Via> {
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

/** The same of a sink that is only read. Throws LSH_TSDB_CANNOT_READ for a listener that only takes points. */
export async function comparableVia(context: TaskContext<{ sink: string }>): Promise<'import' | 'put'> {
  const via = await followedVia(context);
  if (via === undefined) throw CannotRead({ sink: context.params.sink });
  return via;
}

/** The same of a sink that is looked into before it is written; undefined where it cannot be asked by itself. */
export async function followedVia(context: TaskContext<{ sink: string }>): Promise<'import' | 'put' | undefined> {
  const via = await viaOf(context);
  if (via === 'import') return via;
  if (via !== 'put') return undefined;
  await using sink = context.target(context.params.sink, openTsdbSink);
  return (await sink.serves()) === 'opentsdb' ? via : undefined;
}

/** What is taken is the sink's address; two operations into it may run when neither's metrics can be the other's (`scope`: how they begin). */
export async function leaseOf(context: TaskContext<{ sink: string }>, { sink, via }: Writing, scope: string): Promise<LeaseRequest[]> {
  if (via === 'import') {
    await using server = context.target(sink, victoriaMetrics);
    return [{ target: `victoriametrics:${server.identity}`, scope }];
  }
  if (via === 'put') {
    await using server = context.target(sink, openTsdbSink);
    return [{ target: `put:${server.identity}`, scope }];
  }
  return [{ target: sink, scope: '' }];
}

/** How the names of an operation's metrics begin in the sink. */
export function scopeOf({ metricsPrefix, ...params }: Renaming & { metricsPrefix: string }): string {
  return new SinkNames(params).keepsMetrics ? metricsPrefix : '';
}

/** What the sink already holds, as far as it can be asked from here; the run asks again before anything is sent. */
export async function surveyWriting(
  context: TaskContext<unknown>,
  writing: Writing,
  batches: BatchPlan,
  findings: Finding[],
): Promise<string[]> {
  const { via, sink, verify } = writing;
  const summary = surveyNames(batches, findings);
  if (via === 'import') summary.push(await surveyImport(context, writing, batches, findings));
  else if (via === 'put') summary.push(await surveyPut(context, writing, batches, findings));
  else
    summary.push(
      `into files in ${sink}, as ${via === 'lines' ? 'JSON lines of VictoriaMetrics' : 'text for tsdb import, which stores floats with 32 bits'}`,
    );
  if (batches.annotations === 'none') summary.push('annotations are left out');
  else if (!(await hasAnnotations(context, writing))) summary.push('annotations are counted, and not moved: the sink has no annotations');
  const again = {
    import: 'everything is read back and counted once more at the end',
    put: 'everything is read back, where the sink can be asked',
    lines: 'every file is read back',
    text: 'every file is read back',
  }[via];
  summary.push(verify ? again : 'nothing is read back: the outcome will be "not verified"');
  return summary;
}

async function hasAnnotations(context: TaskContext<unknown>, { via, sink }: Writing): Promise<boolean> {
  if (via !== 'put') return false;
  await using server = context.target(sink, openTsdbSink);
  return (await server.serves()) === 'opentsdb';
}

const MOST_FINDINGS = 5;

/** How things are called in the sink, with an example; what stands against it becomes findings. */
export function surveyNames({ metrics, renaming }: Pick<BatchPlan, 'metrics' | 'renaming'>, findings: Finding[]): string[] {
  if (renaming === undefined) return [];
  const { wrong, merges, idle, renamed, example } = new SinkNames(renaming).review(metrics);
  const errors = [
    ...wrong.map((reason) => CannotRename({ reason })),
    ...merges.map(({ one, other, becomes }) => WouldMerge({ one: `the metric ${one}`, other: `the metric ${other}`, becomes })),
  ];
  for (const error of errors.slice(0, MOST_FINDINGS)) findings.push({ level: 'error', text: error.message, error: error.data });
  if (errors.length > MOST_FINDINGS)
    findings.push({ level: 'error', text: `and ${errors.length - MOST_FINDINGS} more metrics cannot get their names` });
  for (const rule of idle.slice(0, MOST_FINDINGS)) findings.push({ level: 'warning', text: `no metric is renamed by ${rule}` });
  const shown = example === undefined ? '' : `, such as ${example.before} → ${example.after}`;
  return [`other names in the sink (${renamingText(renaming)}): ${renamed} of ${metrics.length} metrics${shown}`];
}

async function surveyImport(
  context: TaskContext<unknown>,
  { sink: name, existing }: Writing,
  batches: BatchPlan,
  findings: Finding[],
): Promise<string> {
  try {
    await using sink = context.target(name, victoriaMetrics);
    const held = await countHeld(sink, batches, context.signal);
    if (held.points === 0) return `into ${name}, which holds none of it yet`;
    if (existing === 'fill') return `into ${name}, which holds ${held.points} points of it already; only what is missing is sent`;
    const error = SinkNotEmpty({ sink: name, ...held });
    findings.push({ level: 'error', text: error.message, error: error.data });
    return `into ${name}`;
  } catch (error) {
    if (!(error instanceof LongshoreError) || !error.data.retryable) throw error;
    findings.push({
      level: 'warning',
      text: `${name} could not be asked from here (${error.message}); the run asks again before anything is sent`,
    });
    return `into ${name}`;
  }
}

async function surveyPut(
  context: TaskContext<unknown>,
  { sink: name, verifyUrl, existing }: Writing,
  batches: BatchPlan,
  findings: Finding[],
): Promise<string> {
  await using sink = context.target(name, openTsdbSink);
  const serves = await sink.serves();
  if (serves === 'opentsdb')
    return `into the OpenTSDB ${name} over /api/put${batches.annotations === 'none' ? '' : ', annotations too'}, read back from there`;
  if (verifyUrl === undefined) {
    findings.push({
      level: 'warning',
      text: `${name} only takes points: unless its query port is found, the outcome will be "not verified" (exit code 3), and ${cannotAsk(name)}, such as http://host:8428`,
    });
    return `into ${name} over /api/put`;
  }
  await using reader = context.target(verifyUrl, victoriaMetrics);
  const held = await countHeld(reader, batches, context.signal);
  if (held.points > 0 && existing === 'refuse') {
    const error = SinkNotEmpty({ sink: verifyUrl, ...held });
    findings.push({ level: 'error', text: error.message, error: error.data });
  }
  const present =
    held.points > 0 && existing === 'fill' ? `, which holds ${held.points} points of it already; only what is missing is sent` : '';
  return `into ${name} over /api/put, read back at ${verifyUrl}${present}`;
}
