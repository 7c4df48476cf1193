/**
 * Finds out what answers behind `/api/put`, how large its requests may be, and what it already holds.
 *
 * Changes: two points under `longshore.probe` in a VictoriaMetrics. Twice is harmless.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import type { OpenTsdbSink } from '../client/opentsdb/index.ts';
import { NoSuchMetric, openTsdb, openTsdbSink } from '../client/opentsdb/index.ts';
import { flagDurationMs } from '../client/victoriametrics/counters.ts';
import { SinkDropsData, victoriaMetrics } from '../client/victoriametrics/index.ts';
import { DEFAULT_QUEUE_MS } from '../client/victoriametrics/probe.ts';
import { NotBehind, SinkNotEmpty } from '../errors.ts';
import { batchPlanOf } from '../plan/batches.ts';
import { namesOf } from '../plan/renaming.ts';
import { countHeld } from './prove-sink.ts';
import { FIRST_BYTES } from './put-writer.ts';
import { PATIENT } from './settings.ts';

export interface ProvePutParams {
  sink: string;
  verifyUrl?: string | undefined;
  existing: 'refuse' | 'fill';
}

export interface PutFacts {
  serves: 'opentsdb' | 'put-only';
  /** A body of this size is taken. */
  bodyBytes: number;
  /** The query port behind a sink that only takes points, found by a point that was put in at one and seen at the other. */
  verifyUrl?: string | undefined;
  /** How long a request may wait in the server before it takes effect. */
  queueMs: number;
}

export const PROVE_PUT = 'prove-put';
const facts: z.ZodType<PutFacts> = z.object({
  serves: z.enum(['opentsdb', 'put-only']),
  bodyBytes: z.int().positive(),
  verifyUrl: z.string().optional(),
  queueMs: z.number().default(DEFAULT_QUEUE_MS),
});
const MOST_BYTES = 256 * 1024;
/** VictoriaMetrics takes 32 MiB. */
const LISTENER_BYTES = 1024 * 1024;

export async function putFacts(context: Pick<TaskContext<unknown>, 'resultOf'>): Promise<PutFacts> {
  return facts.parse(await context.resultOf(PROVE_PUT));
}

export const provePut: TaskDefinition<ProvePutParams> = defineTask({
  name: 'tsdb.prove-put',
  role: 'restorer',
  params: z.strictObject({ sink: z.string(), verifyUrl: z.string().optional(), existing: z.enum(['refuse', 'fill']) }),
  retry: PATIENT,
  undo: { none: 'its two points stay under longshore.probe: single points cannot be taken back' },

  async run(context) {
    const { params, signal } = context;
    await using sink = context.target(params.sink, openTsdbSink);
    const serves = await sink.serves();
    if (serves !== 'opentsdb') {
      const verifyUrl = await provenQueryPort(context, sink);
      const words = verifyUrl === undefined ? 'where it could be read back was not found' : `it is read back at ${verifyUrl}`;
      await context.event('note', `${params.sink} only takes points; ${words}`);
      if (verifyUrl === undefined) {
        context.note({ level: 'warning', text: cannotAsk(params.sink) });
        return { output: { serves: 'put-only', bodyBytes: LISTENER_BYTES, queueMs: DEFAULT_QUEUE_MS } };
      }
      if (params.existing === 'refuse') await refuseHeld(context, verifyUrl);
      return { output: { serves: 'put-only', bodyBytes: LISTENER_BYTES, verifyUrl, queueMs: await queueOf(context, verifyUrl) } };
    }
    await using reader = context.target(params.sink, openTsdb);
    const { config } = await reader.probe({ signal });
    if (params.existing === 'refuse') await refuseStored(context);
    const chunked = config?.['tsd.http.request.enable_chunked'] === 'true';
    const limit = Number(config?.['tsd.http.request.max_chunk'] ?? Number.NaN);
    const bodyBytes = chunked && limit > FIRST_BYTES ? Math.min(MOST_BYTES, Math.floor(limit / 2)) : FIRST_BYTES;
    await context.event('note', `${params.sink} is an OpenTSDB; requests begin with ${bodyBytes} bytes`);
    return { output: { serves, bodyBytes, queueMs: 0 } };
  },
});

/** Neither `refuse` nor `fill` can be kept there. */
export function cannotAsk(sink: string): string {
  return `what ${sink} holds already cannot be asked, so nothing was looked up: every point is sent, and one that is there already will be there twice; --verify-url names its query port`;
}

async function queueOf(context: TaskContext<ProvePutParams>, verifyUrl: string): Promise<number> {
  await using reader = context.target(verifyUrl, victoriaMetrics);
  const { flags } = await reader.flags(context.signal);
  return reader.settings.queueMs ?? flagDurationMs(flags['insert.maxQueueDuration']) ?? DEFAULT_QUEUE_MS;
}

const USUAL_QUERY_PORT = '8428';
const PROBE_METRIC = 'longshore.probe';
const LOOK_MS = 10_000;

/**
 * The address that was given, or the usual one of the same host, when a point that was put in shows up there. Throws when new points show
 * up and such of the window's beginning do not.
 */
async function provenQueryPort(context: TaskContext<ProvePutParams>, sink: OpenTsdbSink): Promise<string | undefined> {
  const { params, clock, signal } = context;
  const url = params.verifyUrl ?? usualQueryPort(params.sink);
  if (url === undefined) return undefined;
  const newestMs = clock.now();
  const oldestMs = batchPlanOf(context.plan).startMs;
  try {
    await using reader = context.target(url, victoriaMetrics);
    const count = (ms: number): Promise<number> => reader.countPoints(PROBE_METRIC, { startMs: ms, stopMs: ms + 1 }, signal);
    const [newestBefore, oldestBefore] = [await count(newestMs), await count(oldestMs)];
    const point = (timestamp: number): object => ({ metric: PROBE_METRIC, timestamp, value: 1, tags: { run: context.random.id(8) } });
    const result = await sink.put(JSON.stringify([point(newestMs), point(oldestMs)]), {});
    if (result.result !== 'taken') return undefined;
    const until = clock.now() + LOOK_MS;
    let seen = false;
    while (clock.now() < until) {
      await reader.flush(signal);
      seen = (await count(newestMs)) > newestBefore;
      if (seen && (await count(oldestMs)) > oldestBefore) return url;
      await clock.sleep(LOOK_MS / 20, signal);
    }
    if (seen) throw SinkDropsData({ sink: params.sink, point: 'oldest', atMs: oldestMs, kept: undefined });
  } catch (error) {
    // A guess that fails is no failure; an address that was given is.
    if (SinkDropsData.is(error) || params.verifyUrl !== undefined) throw error;
    context.log.info({ url, err: error }, 'no query port was found there');
  }
  if (params.verifyUrl !== undefined) throw NotBehind({ sink: params.sink, verifyUrl: params.verifyUrl });
  return undefined;
}

function usualQueryPort(sink: string): string | undefined {
  if (!/^https?:/i.test(sink) || !URL.canParse(sink)) return undefined;
  const url = new URL(sink);
  return `${url.protocol}//${url.hostname}:${USUAL_QUERY_PORT}`;
}

async function refuseHeld(context: TaskContext<ProvePutParams>, verifyUrl: string): Promise<void> {
  const plan = batchPlanOf(context.plan);
  await using sink = context.target(verifyUrl, victoriaMetrics);
  const held = await countHeld(sink, plan, context.signal);
  if (held.points > 0) throw SinkNotEmpty({ sink: context.params.sink, ...held });
}

/** OpenTSDB overwrites: a point that is there already with another number would be gone. */
async function refuseStored(context: TaskContext<ProvePutParams>): Promise<void> {
  const { params, signal } = context;
  const plan = batchPlanOf(context.plan);
  await using sink = context.target(params.sink, openTsdb);
  let [points, metrics, example] = [0, 0, ''];
  const names = namesOf(context.plan);
  for (const [at, metric] of plan.metrics.map((source) => names.metric(source)).entries()) {
    try {
      const found = await sink.readRange(metric, plan, {
        signal,
        frame: () => ({ write: async () => undefined, rollback: async () => undefined, commit: async () => undefined }),
      });
      points += found.points;
      if (found.points > 0) metrics += 1;
      if (found.points > 0) example ||= metric;
    } catch (error) {
      if (!NoSuchMetric.is(error)) throw error;
    }
    context.progress(at + 1, plan.metrics.length, 'metrics');
  }
  if (points > 0) throw SinkNotEmpty({ sink: params.sink, points, metrics, example });
}
