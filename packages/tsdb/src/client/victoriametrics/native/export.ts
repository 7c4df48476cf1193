/** Asking a sink for native blocks, and holding a chunk against them. */
import { LongshoreError } from '@longshore/core';
import type { TimeRange } from '../../../model.ts';
import type { ChunkComparison } from '../compare.ts';
import { BadNative } from '../errors.ts';
import { type ExportRequest, FIRST_MS } from '../export.ts';
import { selector } from '../selector.ts';
import type { Wire } from '../wire.ts';
import { ask, moment } from '../wire.ts';
import type { ConfirmOptions } from './confirm.ts';
import { ChunkConfirm, Incomplete, NotConfirmed } from './confirm.ts';
import type { DigestOptions, DigestVerdict, MetricDigests } from './digests.ts';
import { DigestConfirm } from './digests.ts';
import { Undecodable } from './int64s.ts';
import type { TakePart } from './reply.ts';
import { NativeReply } from './reply.ts';

export interface NativeRequest {
  selectors: readonly string[];
  range: TimeRange;
  signal?: AbortSignal | undefined;
  /** For messages. */
  metric: string;
}

/**
 * Hands on every part of a native export of some series and a range. Throws LSH_VM_NATIVE when the reply is not exactly that, LSH_VM_READ when
 * the sink refuses, and what `take` and `pause` throw. See `NativeReply`.
 */
export async function exportNative(
  wire: Wire,
  { metric, selectors, range, signal }: NativeRequest,
  take: TakePart,
  pause: () => void,
): Promise<void> {
  const { startMs, stopMs } = asked(range);
  if (stopMs <= startMs) return;
  const reply = await ask(wire, {
    endpoint: wire.address.select,
    path: '/api/v1/export/native',
    query: {
      'match[]': selectors,
      start: moment(startMs),
      end: moment(stopMs - 1),
      deny_partial_response: 1,
    },
    deadlineMs: wire.settings.readDeadlineMs,
    signal,
    what: `export ${metric} in its native format`,
  });
  try {
    const parts = new NativeReply({ startMs, stopMs }, take, pause);
    for await (const chunk of reply.body) parts.push(chunk);
    parts.end();
  } catch (error) {
    if (error instanceof Undecodable) throw BadNative({ sink: wire.sink, metric, reason: error.message }, { cause: error });
    throw error;
  }
}

/** The same times as JSON lines are asked for. */
function asked({ startMs, stopMs }: TimeRange): TimeRange {
  return { startMs: Math.max(FIRST_MS, startMs), stopMs };
}

export type Confirmation =
  | { confirmed: ChunkComparison }
  /** Why not. `incomplete`: only that points are missing; `failed`: the reply could not be had, or not be read. */
  | { confirmed: undefined; reason: string; kind: 'incomplete' | 'other' | 'failed' };

/** Whether the sink holds exactly a chunk. Throws only the signal's reason, and LSH_VM_EXPORT when the chunk itself cannot be read. */
export async function confirmChunk(wire: Wire, lines: Buffer, request: ExportRequest, options: ConfirmOptions): Promise<Confirmation> {
  const { metric, matchers, range, signal } = request;
  const confirm = new ChunkConfirm(lines, asked(range), options);
  try {
    await exportNative(
      wire,
      { metric, selectors: [selector(metric, matchers)], range, signal },
      (...part) => confirm.take(...part),
      () => confirm.settle(),
    );
    return { confirmed: confirm.finish() };
  } catch (error) {
    const unconfirmed = (kind: 'incomplete' | 'other' | 'failed', { message }: Error): Confirmation => ({
      confirmed: undefined,
      reason: message,
      kind,
    });
    if (error instanceof NotConfirmed) return unconfirmed(error instanceof Incomplete ? 'incomplete' : 'other', error);
    if (error instanceof LongshoreError && !request.signal?.aborted) return unconfirmed('failed', error);
    throw error;
  }
}

/**
 * What the sink holds of whole metrics, by sums. Throws only the signal's reason, and LSH_VM_EXPORT when labels cannot be read; undefined when the
 * reply could not be had, or not be read.
 */
export async function confirmDigests(
  wire: Wire,
  metrics: readonly MetricDigests[],
  options: DigestOptions,
  signal: AbortSignal | undefined,
): Promise<{ verdicts: Map<string, DigestVerdict> | undefined; reason: string }> {
  const clipped = metrics.map((each) => ({ ...each, range: asked(each.range) }));
  const confirm = new DigestConfirm(clipped, options);
  const names = clipped.map(({ metric }) => metric);
  const ranges = clipped.map(({ range }) => range);
  const range = { startMs: Math.min(...ranges.map(({ startMs }) => startMs)), stopMs: Math.max(...ranges.map(({ stopMs }) => stopMs)) };
  try {
    await exportNative(
      wire,
      { metric: names.join(', '), selectors: names.map((name) => selector(name)), range, signal },
      (...part) => confirm.take(...part),
      () => confirm.settle(),
    );
    return { verdicts: confirm.finish(), reason: '' };
  } catch (error) {
    if (error instanceof LongshoreError && !signal?.aborted) return { verdicts: undefined, reason: error.message };
    throw error;
  }
}
