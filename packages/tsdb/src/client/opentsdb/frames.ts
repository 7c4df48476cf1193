/**
 * Reading a long range in frames: half-open, one after another, together exactly the range. Their size follows the size of
 * the replies; a frame the source cannot answer is asked again in halves, one it cannot answer now is asked again later.
 */

import type { Clock, Random, RetryPolicy } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import { Broken, pauseBefore } from '@longshore/http';
import type { FrameSummary, LineSink, TimeRange } from '../../model.ts';
import { OverLimit, ranOutOfTime, wantsSmallerFrame } from './errors.ts';

/** Takes one try of one frame. After `commit` or `rollback` it is not used again. */
export interface FrameWriter {
  write: LineSink;
  /** The frame is complete. An error of `write` or `commit` ends the whole read; it is never taken for one of the source. */
  commit(frame: TimeRange, summary: FrameSummary): Promise<void>;
  /** The try failed: nothing of it counts. */
  rollback(): Promise<void>;
}

/** A fresh writer for each try. */
export type OpenFrame = (frame: TimeRange) => FrameWriter | Promise<FrameWriter>;

export interface FrameRetry {
  frame: TimeRange;
  error: LongshoreError;
  /** `split`: asked again in smaller frames; `retry`: the same frame after a pause. */
  action: 'split' | 'retry';
  pauseMs: number;
}

export interface RangeOptions {
  frame: OpenFrame;
  signal?: AbortSignal;
  targetReplyBytes?: number;
  /** Bytes of reply per ms, when something is known. */
  density?: number | undefined;
  /** For one frame; a smaller frame starts anew. */
  retry?: RetryPolicy;
  onRetry?: (retry: FrameRetry) => void;
}

export interface RangeSummary {
  frames: number;
  points: number;
  replyBytes: number;
  retries: number;
  splits: number;
}

export interface RangeSource {
  readFrame(frame: TimeRange, sink: LineSink): Promise<FrameSummary>;
  clock: Clock;
  random: Random;
}

export const FRAME_RETRY: RetryPolicy = { attempts: 6, firstPauseMs: 500, maxPauseMs: 30_000 };
const TARGET_REPLY_BYTES = 8 * 1024 * 1024;
/** Where nothing is known: storage is in rows of an hour, and an hour is small for nearly every metric. */
export const FIRST_FRAME_MS = 3_600_000;
/** A row of storage. */
export const ROW_MS = 3_600_000;
const GROWTH = 16;
/** A lost connection may be the reply's size too: after this many in a row the frame is halved. */
const LOST_BEFORE_SPLIT = 2;
/** Time-outs in a row, each halving the frame, after which the source is taken for dead. */
const MAX_TIMEOUTS = 8;
/** As long as nothing is seen frames grow no longer than this: what comes next may be dense. */
const BLIND_FRAME_MS = 32 * 24 * ROW_MS;
/** After this many good frames, one twice as long may be tried again. */
const FRAMES_BEFORE_REGROWTH = 32;

export async function readRange(
  source: RangeSource,
  range: TimeRange,
  options: RangeOptions,
  learned?: (density: number) => void,
): Promise<RangeSummary> {
  const target = options.targetReplyBytes ?? TARGET_REPLY_BYTES;
  const policy = options.retry ?? FRAME_RETRY;
  const total: RangeSummary = { frames: 0, points: 0, replyBytes: 0, retries: 0, splits: 0 };
  const { density } = options;
  let sizeMs = density === undefined ? FIRST_FRAME_MS : sizeFor(target, density);
  let ceilingMs = Number.POSITIVE_INFINITY;
  let goodFrames = 0;
  let madeBytes = 0;
  let failures = 0;
  let timeouts = 0;
  /** The source counts rows: frames end with them. */
  let byRows = false;

  for (let at = range.startMs; at < range.stopMs; ) {
    options.signal?.throwIfAborted();
    const frame = { startMs: at, stopMs: frameStop(at, Math.min(sizeMs, ceilingMs), range.stopMs, byRows) };
    const lengthMs = frame.stopMs - frame.startMs;
    const tried = await tryFrame(source, frame, options.frame);
    if ('error' in tried) {
      const { error } = tried;
      if (options.signal?.aborted || !(error instanceof LongshoreError) || !error.data.retryable) throw error;
      failures++;
      if (ranOutOfTime(error) && ++timeouts > MAX_TIMEOUTS) throw error;
      const split = lengthMs > 1 && (wantsSmallerFrame(error) || (Broken.is(error) && failures > LOST_BEFORE_SPLIT));
      if (!split && failures >= policy.attempts) throw error;
      // Cut short or refused for its size: no use in waiting. Everything else may be load, also a time-out.
      const pauseMs =
        split && !ranOutOfTime(error) && !Broken.is(error) ? 0 : pauseBefore(failures, policy, source.random, error.data.retryAfterMs);
      options.onRetry?.({ frame, error, action: split ? 'split' : 'retry', pauseMs });
      if (split) {
        total.splits++;
        byRows = OverLimit.is(error);
        failures = 0;
        goodFrames = 0;
        sizeMs = Math.floor(lengthMs / 2);
        ceilingMs = Math.max(1, Math.floor(lengthMs * 0.75));
      } else total.retries++;
      if (pauseMs > 0) await source.clock.sleep(pauseMs, options.signal);
      continue;
    }
    const { summary } = tried;
    failures = 0;
    timeouts = 0;
    at = frame.stopMs;
    total.frames++;
    total.points += summary.points;
    total.replyBytes += summary.replyBytes;
    // The reply may have been compressed; what the source had to make is about as long as the lines.
    const bytes = Math.max(summary.replyBytes, summary.lineBytes);
    madeBytes += summary.points === 0 ? 0 : bytes;
    if (++goodFrames % FRAMES_BEFORE_REGROWTH === 0) ceilingMs *= 2;
    const wanted = sizeFor(target, summary.points === 0 ? 0 : bytes / lengthMs);
    sizeMs = Math.max(1, Math.min(wanted, lengthMs * GROWTH));
    learned?.(madeBytes / (at - range.startMs));
  }
  return total;
}

async function tryFrame(source: RangeSource, frame: TimeRange, open: OpenFrame): Promise<{ summary: FrameSummary } | { error: unknown }> {
  const writer = await open(frame);
  let sinkError: { error: unknown } | undefined;
  const sink: LineSink = async (lines) => {
    try {
      await writer.write(lines);
    } catch (error) {
      sinkError ??= { error };
      throw error;
    }
  };
  let summary: FrameSummary;
  try {
    summary = await source.readFrame(frame, sink);
  } catch (error) {
    await writer.rollback();
    if (sinkError !== undefined) throw sinkError.error;
    return { error };
  }
  await writer.commit(frame, summary);
  return { summary };
}

function sizeFor(target: number, bytesPerMs: number): number {
  return bytesPerMs <= 0 ? BLIND_FRAME_MS : Math.max(1, Math.floor(target / bytesPerMs));
}

/** Long frames end with a row of storage, so that no row is read twice. */
function frameStop(startMs: number, sizeMs: number, stopMs: number, byRows: boolean): number {
  const stop = Math.min(stopMs, startMs + sizeMs);
  if (byRows) return Math.min(stopMs, Math.max(stop - (stop % ROW_MS), startMs - (startMs % ROW_MS) + ROW_MS));
  if (stop === stopMs || sizeMs < 2 * ROW_MS) return stop;
  return stop - (stop % ROW_MS);
}
