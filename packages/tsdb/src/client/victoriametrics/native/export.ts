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
import { Undecodable } from './int64s.ts';
import type { TakePart } from './reply.ts';
import { NativeReply } from './reply.ts';

/**
 * Hands on every part of a native export of a metric and range. Throws LSH_VM_NATIVE when the reply is not exactly that, LSH_VM_READ when
 * the sink refuses, and what `take` and `pause` throw. See `NativeReply`.
 */
export async function exportNative(
  wire: Wire,
  { metric, matchers, range, signal }: ExportRequest,
  take: TakePart,
  pause: () => void,
): Promise<void> {
  const { startMs, stopMs } = asked(range);
  if (stopMs <= startMs) return;
  const reply = await ask(wire, {
    endpoint: wire.address.select,
    path: '/api/v1/export/native',
    query: {
      'match[]': selector(metric, matchers),
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
  const confirm = new ChunkConfirm(lines, asked(request.range), options);
  try {
    await exportNative(
      wire,
      request,
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
