/** Sending import lines, once, and saying honestly what came of it. */
import { LongshoreError } from '@longshore/core';
import { effectOf, parseRetryAfter } from '@longshore/http';
import { ImportRefused, ImportUncertain, SinkPushesBack } from './errors.ts';
import type { Wire } from './wire.ts';
import { answerOf } from './wire.ts';

/** How a body of import lines is compressed. Stored chunks are zstd; what is sent is what the server was proven to read. */
export type BodyEncoding = 'zstd' | 'plain';

/**
 * - `acknowledged`: a clean 204. Not a proof of storage: a body cut on its way, old points and bad lines are answered so too.
 * - `not-sent`: no connection came about; nothing was written.
 * - `pushed-back`: 429 or 503. Parts may have been written all the same.
 * - `unknown`: anything else, a 400 too, may be a partial write (1.79.5 stores half of a truncated gzip body and answers 400).
 *
 * After the last two the chunk must be looked up before it is sent again, and not before `settledAtMs`: a request may wait
 * in the server's queue after its connection has gone.
 */
export type ImportResult =
  | { result: 'acknowledged' }
  | { result: 'not-sent'; error: LongshoreError }
  | { result: 'pushed-back'; error: LongshoreError; retryAfterMs?: number; settledAtMs: number }
  | { result: 'unknown'; error: LongshoreError; settledAtMs: number };

const DEFAULT_RETRY_AFTER_MS = 5_000;

/**
 * Sends one body of whole import lines; never repeats anything. `queueMs` is the server's `-insert.maxQueueDuration`.
 * Throws the signal's reason when that is aborted; then the outcome is as unknown as above.
 */
export async function importLines(
  wire: Wire,
  body: Uint8Array,
  encoding: BodyEncoding,
  queueMs: number,
  signal?: AbortSignal,
): Promise<ImportResult> {
  const { sink, clock, address, settings } = wire;
  try {
    const reply = await wire.http(address.insert).request({
      method: 'POST',
      path: `${address.insert.path}/api/v1/import`,
      headers: { 'content-type': 'application/json', ...(encoding === 'zstd' ? { 'content-encoding': 'zstd' } : {}) },
      body,
      deadlineMs: settings.deadlineMs,
      what: `import into ${sink}`,
      ...(signal === undefined ? {} : { signal }),
    });
    if (reply.status === 204) {
      await reply.discard();
      return { result: 'acknowledged' };
    }
    const retryAfterMs = parseRetryAfter(reply.headers['retry-after'], clock.now());
    const { status } = reply;
    const answer = await answerOf(reply);
    const settledAtMs = clock.now() + queueMs;
    if (status === 429 || status === 503) {
      const wait = retryAfterMs ?? DEFAULT_RETRY_AFTER_MS;
      return {
        result: 'pushed-back',
        error: SinkPushesBack({ sink, status, answer }, { retryAfterMs: wait }),
        retryAfterMs: wait,
        settledAtMs,
      };
    }
    const entry = status >= 500 || status === 400 || status === 408 ? ImportUncertain : ImportRefused;
    return { result: 'unknown', error: entry({ sink, status, answer }), settledAtMs };
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    if (effectOf(error) === 'none') return { result: 'not-sent', error };
    return { result: 'unknown', error, settledAtMs: clock.now() + queueMs };
  }
}
