/** What every part of the client needs: where the server is, how to talk to it, and for how long. */
import type { Clock, Log, LongshoreError } from '@longshore/core';
import type { HttpClient, HttpReply, Query } from '@longshore/http';
import type { Endpoint, SinkAddress, SinkSettings } from './address.ts';
import { ReadRefused } from './errors.ts';

export interface Wire {
  /** The target's name, for messages. */
  sink: string;
  address: SinkAddress;
  settings: SinkSettings;
  clock: Clock;
  log: Log;
  /** The connections to an endpoint's base. */
  http(endpoint: Endpoint): HttpClient;
}

export interface Ask {
  endpoint: Endpoint;
  path: string;
  query?: Query;
  method?: 'GET' | 'POST';
  deadlineMs: number;
  signal?: AbortSignal | undefined;
  /** Completes "refused to …". */
  what: string;
}

const ANSWER_BYTES = 64 * 1024;
const ANSWER_SHOWN = 300;

/** A request to read or to administrate. Throws LSH_VM_READ on any answer that is not 200 or 204. */
export async function ask(wire: Wire, { endpoint, path, query, method = 'GET', deadlineMs, signal, what }: Ask): Promise<HttpReply> {
  const reply = await wire.http(endpoint).request({
    method,
    path: endpoint.path + path,
    deadlineMs,
    what: `${what} at ${wire.sink}`,
    ...(query === undefined ? {} : { query }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (reply.status === 200 || reply.status === 204) return reply;
  throw await refused(wire, reply, what);
}

async function refused(wire: Wire, reply: HttpReply, what: string): Promise<LongshoreError> {
  return ReadRefused({ sink: wire.sink, what, status: reply.status, answer: await answerOf(reply) });
}

/** The first words of an answer, for a message. */
export async function answerOf(reply: HttpReply): Promise<string> {
  const text = (await reply.text(ANSWER_BYTES)).trim().replace(/\s+/g, ' ');
  return text.length > ANSWER_SHOWN ? `${text.slice(0, ANSWER_SHOWN)}…` : text;
}

/**
 * A moment for `start`, `end` and `time`. As RFC 3339, because numbers are taken for seconds, ms or ns by their size in
 * newer versions and always for seconds in older ones; with three tenths of a ms on top, because 1.79 goes through a binary
 * fraction of seconds and cuts it off: one whole ms in ten would come out one too early. Both cut to the ms meant.
 */
export function moment(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '3Z');
}
