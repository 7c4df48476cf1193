/**
 * `POST /api/put`, once, and honestly what came of it. What matters about the server: good points of a bad batch are stored; a body it
 * takes for too large is a 400 that speaks of chunks, or a connection closed without a word; putting the same point again changes
 * nothing in OpenTSDB, while VictoriaMetrics, which has the same endpoint, keeps both.
 */
import type { LongshoreError } from '@longshore/core';
import { LongshoreError as Known } from '@longshore/core';
import type { HttpClient } from '@longshore/http';
import { Broken, effectOf, parseRetryAfter } from '@longshore/http';
import { z } from 'zod';
import { errorText } from './replies.ts';

export interface PutRequest {
  body: string | Uint8Array;
  /** `details`: an answer that names the points it did not take. `sync`: answered when they are stored. */
  flags?: readonly ('details' | 'sync' | 'summary')[];
  contentEncoding?: 'gzip';
  deadlineMs: number;
  what: string;
  signal?: AbortSignal;
  nowMs: number;
}

export interface PutError {
  error: string;
  /** As the server gives it back. */
  datapoint: unknown;
}

/**
 * - `taken`: every point.
 * - `partly`: the points in `errors` were not; `errors` is empty where the server does not name them.
 * - `too-large`: nothing was taken; the same in smaller parts may be.
 * - `busy`: try again; parts may have been taken.
 * - `not-sent`: no connection; nothing was taken.
 * - `unknown`: no answer.
 * - `refused`: nothing can help.
 */
export type PutResult =
  | { result: 'taken' }
  | { result: 'partly'; status: number; reason: string; failed: number; errors: PutError[] }
  | { result: 'too-large'; reason: string }
  | { result: 'busy'; status: number; reason: string; retryAfterMs?: number }
  | { result: 'not-sent'; error: LongshoreError }
  | { result: 'unknown'; error: LongshoreError; closed: boolean }
  | { result: 'refused'; status: number; reason: string };

const ANSWER_BYTES = 16 * 1024 * 1024;
const counted = z.object({ success: z.coerce.number(), failed: z.coerce.number() });
const detailed = z.object({ errors: z.array(z.object({ error: z.string(), datapoint: z.unknown() })) });

export async function put(http: HttpClient, request: PutRequest): Promise<PutResult> {
  const { body, flags = [], what, deadlineMs, nowMs } = request;
  try {
    const reply = await http.request({
      method: 'POST',
      path: '/api/put',
      query: Object.fromEntries(flags.map((flag) => [flag, 'true'])),
      headers: {
        'content-type': 'application/json',
        ...(request.contentEncoding === undefined ? {} : { 'content-encoding': request.contentEncoding }),
      },
      body,
      deadlineMs,
      what,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    const retryAfterMs = parseRetryAfter(reply.headers['retry-after'], nowMs);
    const text = await reply.text(ANSWER_BYTES);
    return answer(reply.status, text, retryAfterMs);
  } catch (error) {
    if (!(error instanceof Known)) throw error;
    if (effectOf(error) === 'none') return { result: 'not-sent', error };
    return { result: 'unknown', error, closed: Broken.is(error) };
  }
}

/** What an answer means. Pure. */
export function answer(status: number, text: string, retryAfterMs?: number): PutResult {
  const numbers = parsed(text);
  const errors = numbers?.errors ?? [];
  // With `sync` a 200 may still count failures.
  if (numbers !== undefined && numbers.failed > 0)
    return {
      result: 'partly',
      status,
      reason: errors[0]?.error ?? `${numbers.failed} points were not taken`,
      failed: numbers.failed,
      errors,
    };
  const reason = errorText(text);
  if (status >= 200 && status < 300) {
    if (numbers !== undefined || !isNoAccount(text)) return { result: 'taken' };
    // An account that was cut off, an error, or the page of something on the way: nobody knows what was stored.
    return { result: 'busy', status, reason };
  }
  if (status === 413 || /chunked request not supported/i.test(reason)) return { result: 'too-large', reason };
  if (status === 400 && /data points? had errors/i.test(reason)) return { result: 'partly', status, reason, failed: 0, errors: [] };
  if (status === 408 || status === 424 || status === 429 || status >= 500 || /please throttle/i.test(reason))
    return { result: 'busy', status, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return { result: 'refused', status, reason };
}

/** It looks like an account of points, or like a page, and cannot be read as an account. */
function isNoAccount(text: string): boolean {
  const start = text.trimStart()[0];
  if (start === '<') return true;
  if (start !== '{' && start !== '[') return false;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && ['error', 'errors', 'failed'].some((key) => Object.hasOwn(value, key));
  } catch {
    return true;
  }
}

function parsed(text: string): { failed: number; errors: PutError[] } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const numbers = counted.safeParse(value);
  if (!numbers.success) return undefined;
  const details = detailed.safeParse(value);
  const errors = details.success ? (details.data.errors as PutError[]) : [];
  return { failed: Math.max(numbers.data.failed, errors.length), errors };
}
