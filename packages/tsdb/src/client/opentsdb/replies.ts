/** Replies other than points: what an error says, in few words, and what it means. */
import type { LongshoreError } from '@longshore/core';
import {
  NoRawReads,
  NoSuchMetric,
  OverLimit,
  SourceBusy,
  SourceDuplicates,
  SourceRefused,
  SourceTimedOut,
  TooMuchAsked,
} from './errors.ts';

const ERROR_CHARS = 300;
/** HBase has closed the scanner of a query that took too long. */
const SCANNER_TIMEOUT = /scanner.*(?:time|lease|unknown)|(?:time|lease|unknown).*scanner/i;

/**
 * The message in an error body: `{"error":{"code":400,"message":"…","details":"…","trace":"…"}}` from the API, plain text or
 * HTML from anything else. Stack traces are left out, control characters become spaces, the rest is shortened.
 */
export function errorText(body: string): string {
  const found = messageIn(body) ?? body.replace(/<[^>]*>/g, ' ');
  const flat = found
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not get into a message
    .replace(/[\u0000-\u001f\u007f]+/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  return flat.length > ERROR_CHARS ? `${flat.slice(0, ERROR_CHARS)}…` : flat || 'no reason given';
}

function messageIn(body: string): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  const error = field(parsed, 'error') ?? field(parsed, 'err') ?? parsed;
  if (typeof error === 'string') return error;
  const message = field(error, 'message');
  const details = field(error, 'details');
  if (typeof message !== 'string') return undefined;
  return typeof details === 'string' && details !== message ? `${message}: ${details}` : message;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

/**
 * What an answer other than 200 means. The source's texts are matched loosely: they differ between versions, and statuses
 * alone do not tell an unknown metric from a duplicate query or from duplicate data.
 */
export function replyError(reply: { status: number; body: string; what: string; metric?: string; retryAfterMs?: number }): LongshoreError {
  const { status, what, metric } = reply;
  const reason = errorText(reply.body);
  const wait = reply.retryAfterMs === undefined ? {} : { retryAfterMs: reply.retryAfterMs };
  if (status === 413 && /attempted to fetch more than/i.test(reason)) return OverLimit({ what, reason });
  if (status === 413 || status === 408) return TooMuchAsked({ what, status, reason });
  if (/No such aggregation function/i.test(reason)) return NoRawReads({ what });
  if (metric !== undefined && status === 400 && /No such name for '?metrics?'?/i.test(reason)) return NoSuchMetric({ what, metric });
  if (/duplicate.*(data|cell|column)|out[- ]of[- ]order/i.test(reason)) return SourceDuplicates({ what, reason });
  if (status === 504 || ((status === 424 || status >= 500) && SCANNER_TIMEOUT.test(reason)))
    return SourceTimedOut({ what, status, reason }, wait);
  if (status === 429 || status === 424 || status >= 500) return SourceBusy({ what, status, reason }, wait);
  // The same query, given up by us a moment ago, may still be running there (tsd.query.allow_simultaneous_duplicates=false).
  if (/already (executing|running)/i.test(reason)) return SourceBusy({ what, status, reason }, wait);
  return SourceRefused({ what, status, reason });
}
