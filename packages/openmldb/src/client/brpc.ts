/**
 * One server of a cluster over brpc's HTTP: `POST /Service/Method` with a JSON body. The handler's own verdict is in `code`; the HTTP status is
 * 200 whenever it ran. Without an Authorization header the servers close the connection, whatever they are set to allow.
 */
import type { Clock } from '@longshore/core';
import { effectOf, openHttp } from '@longshore/http';
import type { z } from 'zod';
import { codeName } from './codes.ts';
import { AccessDenied, BadAnswer, CallRefused, CallUnknown, OutcomeUnknown, Unanswered } from './errors.ts';
import { formatJson, parseJson } from './json.ts';
import type { General } from './wire.ts';

export type Service = 'NameServer' | 'TabletServer';

export interface Call<T extends General> {
  service: Service;
  method: string;
  body: { [key: string]: unknown };
  answer: z.ZodType<T>;
  /** "list the tablets". */
  what: string;
  /** It is sent once; a lost answer is an unknown outcome. */
  changes?: true;
}

export interface ServerDeps {
  clock: Clock;
  signal: AbortSignal;
  authorization: string;
}

/** For one whole exchange. An answer with all tables is long; a change is a few writes to ZooKeeper. */
const READ_MS = 20_000;
const CHANGE_MS = 4_000;
/** Longest time a change can take effect after it was sent: its deadline, and what a server may hold a request for. */
export const ACTION_MS = 5_000;
const ANSWER_BYTES = 256 << 20;
const SHOWN = 200;
const BUSY = 503;

export class CodeError extends Error {
  readonly code: number;
  readonly msg: string;
  constructor(code: number, msg: string) {
    super(`code ${code}, ${codeName(code)}`);
    this.name = 'CodeError';
    this.code = code;
    this.msg = msg;
  }
}

/** Sends it once. Throws a `CodeError` for any code but 0, a catalogue error for everything else. */
export async function callServer<T extends General>(
  address: string,
  call: Call<T>,
  { clock, signal, authorization }: ServerDeps,
): Promise<T> {
  const { service, method, body, what } = call;
  await using http = openHttp({ base: `http://${address}`, clock });
  let status: number;
  let text: string;
  try {
    const reply = await http.request({
      method: 'POST',
      path: `/${service}/${method}`,
      headers: { 'content-type': 'application/json', authorization },
      body: formatJson(body),
      signal,
      deadlineMs: call.changes ? CHANGE_MS : READ_MS,
      what: `${what} at ${address}`,
    });
    status = reply.status;
    text = await reply.text(ANSWER_BYTES);
  } catch (error) {
    if (signal.aborted) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    if (call.changes && effectOf(error) !== 'none') throw OutcomeUnknown({ what, server: address, reason }, { cause: error });
    throw Unanswered({ what, server: address, reason }, { cause: error });
  }
  if (status === 401 || status === 403) throw AccessDenied({ what, server: address, status });
  if (status === 404) throw CallUnknown({ what, server: address });
  // Turned away before the handler ran.
  if (status === BUSY) throw Unanswered({ what, server: address, reason: `it answers ${status}` });
  if (status !== 200) {
    if (call.changes && status >= 500) throw OutcomeUnknown({ what, server: address, reason: `it answers ${status}` });
    throw BadAnswer({ what, server: address, status, text: text.slice(0, SHOWN) });
  }
  const parsed = call.answer.safeParse(jsonOf(text));
  // Its handler ran: what it did is to be seen from the cluster, not from this.
  if (!parsed.success && call.changes)
    throw OutcomeUnknown({ what, server: address, reason: `its answer cannot be understood (${text.slice(0, SHOWN)})` });
  if (!parsed.success) throw BadAnswer({ what, server: address, status, text: text.slice(0, SHOWN) });
  if (parsed.data.code !== 0) throw new CodeError(parsed.data.code, parsed.data.msg);
  return parsed.data;
}

/** A code that nobody has a use for, as an error for people. */
export function refused(error: CodeError, what: string, server: string): ReturnType<typeof CallRefused> {
  return CallRefused({ what, server, code: error.code, name: codeName(error.code), msg: error.msg }, { cause: error });
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
