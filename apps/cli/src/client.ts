/** The HTTP API as typed calls. Errors come back as the catalogue entries they were at the server. */
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type {
  AccessRole,
  ApprovalPolicy,
  AuditEntry,
  DeadLetter,
  DoneRecord,
  JournalEntry,
  Json,
  OperationEvent,
  OperationHeader,
  Picture,
  Presence,
  Report,
  SpoolRecord,
  StoredPlan,
  TokenRecord,
} from '@longshore/core';
import { EXIT, LongshoreError, systemClock, systemRandom } from '@longshore/core';
import type { HttpReply } from '@longshore/http';
import { openHttp, retry } from '@longshore/http';
import type { Action, ActOptions, ApprovalRequest, FleetDrain, OperationView, RevertStep } from '@longshore/operations';
import { ApiAnswer } from './errors.ts';
import { readMessages } from './server-sent-events.ts';

export interface KindInfo {
  name: string;
  title: string;
  role: string;
  params: { properties?: Record<string, { type?: string; description?: string; default?: Json }>; required?: string[] };
}

export interface NewOperation {
  kind: string;
  params: Json;
  mode?: 'run' | 'plan';
  reason?: string;
  approvals?: ApprovalPolicy;
  deadlineMs?: number;
}

export interface ListFilter {
  states?: string[];
  kind?: string;
  cursor?: string;
  limit?: number;
}

export type TokenInfo = Omit<TokenRecord, 'hash'>;

export interface AuditFilter {
  /** From this time on, in milliseconds since the epoch. */
  since?: number;
  operation?: string;
  cursor?: string;
  limit?: number;
}

export interface Client extends AsyncDisposable {
  /** For people: `unix:/…/api.sock`, `http://…`. */
  readonly address: string;
  submit(operation: NewOperation): Promise<string>;
  operation(id: string): Promise<OperationView>;
  operations(filter?: ListFilter): Promise<{ operations: OperationHeader[]; next?: string }>;
  plan(id: string): Promise<StoredPlan>;
  tasks(id: string): Promise<DoneRecord[]>;
  act(id: string, action: Exclude<Action, 'discard'>, options?: ActOptions): Promise<OperationHeader>;
  approve(id: string, approval: Omit<ApprovalRequest, 'by'>): Promise<OperationHeader>;
  /** What taking it back would do, newest first. */
  revertSteps(id: string): Promise<RevertStep[]>;
  revert(id: string): Promise<OperationHeader>;
  retry(id: string): Promise<OperationHeader>;
  takeOver(id: string, reason: string): Promise<OperationHeader>;
  journal(id: string): Promise<JournalEntry[]>;
  deadLetters(): Promise<DeadLetter[]>;
  requeue(letter: string): Promise<OperationHeader>;
  fleetDrain(): Promise<FleetDrain | null>;
  drainFleet(withinMs: number): Promise<FleetDrain>;
  openFleet(): Promise<void>;
  report(id: string): Promise<Report>;
  picture(id: string): Promise<Picture>;
  explain(id: string): Promise<string>;
  /** Events behind `after`. Ends when the operation is final, or, without `follow`, with what there is; also when the connection does. */
  events(
    id: string,
    options: { after?: string; follow: boolean; signal?: AbortSignal },
  ): AsyncGenerator<OperationEvent, 'end' | 'cut', undefined>;
  kinds(): Promise<KindInfo[]>;
  workers(): Promise<Presence[]>;
  spools(): Promise<SpoolRecord[]>;
  addSpool(name: string, path: string): Promise<void>;
  /** Operations that had batches there, with how many are done again. */
  forgetSpool(name: string): Promise<{ operation: string; batches: number }[]>;
  targets(): Promise<{ name: string; system: string }[]>;
  /** The answer alone has the token. */
  createToken(wanted: { name: string; role: AccessRole; lifeMs?: number }): Promise<TokenInfo & { token: string }>;
  tokens(): Promise<TokenInfo[]>;
  revokeToken(name: string): Promise<void>;
  /** Oldest first; with `next` there may be more. */
  audit(filter: AuditFilter): Promise<{ entries: AuditEntry[]; next?: string }>;
  /** Throws the reason why the API cannot work now. */
  ready(): Promise<void>;
}

const DEADLINE_MS = 15_000;
const STREAM_DEADLINE_MS = 24 * 3_600_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Sent again under one idempotency key, so that a lost answer does not become a second operation. */
const SUBMIT_RETRY = { attempts: 5, firstPauseMs: 200, maxPauseMs: 3_000 };

/** `token` for an API that asks for one. */
export function openClient(base: string, token?: string): Client {
  const user =
    userInfo()
      .username.replace(/[^\w.@+-]/g, '_')
      .slice(0, 64) || 'unknown';
  const headers = token === undefined ? { 'x-longshore-user': user, host: 'localhost' } : { authorization: `Bearer ${token}` };
  const http = openHttp({ base, headers, allow: { linkLocal: true } });

  const call = async <T>(
    what: string,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    options: { body?: object; query?: Record<string, string | number | undefined | string[]>; headers?: Record<string, string> } = {},
  ): Promise<T> => {
    const reply = await http.request({
      method,
      path,
      what,
      deadlineMs: DEADLINE_MS,
      ...(options.query === undefined ? {} : { query: options.query }),
      headers: { ...(options.body === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    if (reply.status >= 400) throw await errorOf(what, reply);
    return (await reply.json(MAX_ANSWER_BYTES)) as T;
  };
  const change = async (what: string, where: string, body?: object): Promise<OperationHeader> =>
    (await call<{ header: OperationHeader }>(what, 'POST', where, body === undefined ? {} : { body })).header;
  const path = (id: string, rest = ''): string => `/v1/operations/${encodeURIComponent(id)}${rest}`;

  return {
    address: http.origin,

    async submit(operation) {
      const key = { 'idempotency-key': randomUUID() };
      const once = (): Promise<{ id: string }> =>
        call(`submit ${operation.kind}`, 'POST', '/v1/operations', { body: operation, headers: key });
      return (await retry(SUBMIT_RETRY, systemClock, systemRandom, once)).id;
    },
    operation: (id) => call(`look at ${id}`, 'GET', path(id)),
    operations: ({ states, kind, cursor, limit } = {}) =>
      call('list operations', 'GET', '/v1/operations', { query: { state: states ?? [], kind, cursor, limit } }),
    plan: (id) => call(`read the plan of ${id}`, 'GET', path(id, '/plan')),
    tasks: async (id) => (await call<{ tasks: DoneRecord[] }>(`list the tasks of ${id}`, 'GET', path(id, '/tasks'))).tasks,
    act: (id, action, options) => change(`${action} ${id}`, path(id, `/${action}`), options),
    approve: (id, approval) => change(`approve ${id}`, path(id, '/approve'), approval),
    revertSteps: async (id) => (await call<{ steps: RevertStep[] }>(`plan the way back of ${id}`, 'GET', path(id, '/revert'))).steps,
    revert: (id) => change(`revert ${id}`, path(id, '/revert')),
    retry: (id) => change(`retry ${id}`, path(id, '/retry')),
    takeOver: (id, reason) => change(`take over ${id}`, path(id, '/take-over'), { reason }),
    journal: async (id) => (await call<{ entries: JournalEntry[] }>(`read the journal of ${id}`, 'GET', path(id, '/journal'))).entries,
    deadLetters: async () => (await call<{ letters: DeadLetter[] }>('list dead letters', 'GET', '/v1/dead-letters')).letters,
    requeue: (id) => change(`requeue ${id}`, '/v1/dead-letters/requeue', { id }),
    fleetDrain: async () => (await call<{ drain: FleetDrain | null }>('look at the fleet', 'GET', '/v1/fleet')).drain,
    drainFleet: async (withinMs) =>
      (await call<{ drain: FleetDrain }>('drain the fleet', 'POST', '/v1/fleet/drain', { body: { withinMs } })).drain,
    openFleet: async () => void (await call('open the fleet', 'POST', '/v1/fleet/open')),
    picture: (id) => call(`read what ${id} shows`, 'GET', path(id, '/picture')),
    report: (id) => call(`read the report of ${id}`, 'GET', path(id, '/report')),

    async explain(id) {
      const what = `explain ${id}`;
      const reply = await http.request({ method: 'GET', path: path(id, '/explain'), what, deadlineMs: DEADLINE_MS });
      if (reply.status >= 400) throw await errorOf(what, reply);
      return reply.text(MAX_ANSWER_BYTES);
    },

    async *events(id, { after, follow, signal }) {
      const what = `follow ${id}`;
      const reply = await http.request({
        method: 'GET',
        path: path(id, '/events'),
        query: { follow: String(follow) },
        what,
        deadlineMs: STREAM_DEADLINE_MS,
        ...(after === undefined ? {} : { headers: { 'last-event-id': after } }),
        ...(signal === undefined ? {} : { signal }),
      });
      if (reply.status >= 400) throw await errorOf(what, reply);
      for await (const { event, data } of readMessages(reply.body)) {
        if (event === 'end') return 'end';
        yield JSON.parse(data) as OperationEvent;
      }
      return 'cut';
    },

    kinds: async () => (await call<{ kinds: KindInfo[] }>('list kinds', 'GET', '/v1/kinds')).kinds,
    workers: async () => (await call<{ workers: Presence[] }>('list workers', 'GET', '/v1/workers')).workers,
    spools: async () => (await call<{ spools: SpoolRecord[] }>('list spools', 'GET', '/v1/spools')).spools,
    addSpool: async (name, spoolPath) =>
      void (await call(`add the spool ${name}`, 'POST', '/v1/spools', { body: { name, path: spoolPath } })),
    forgetSpool: async (name) =>
      (
        await call<{ forgotten: { operation: string; batches: number }[] }>(
          `forget the spool ${name}`,
          'DELETE',
          `/v1/spools/${encodeURIComponent(name)}`,
        )
      ).forgotten,
    targets: async () => (await call<{ targets: { name: string; system: string }[] }>('list targets', 'GET', '/v1/targets')).targets,
    createToken: (wanted) => call(`make the token ${wanted.name}`, 'POST', '/v1/tokens', { body: wanted }),
    tokens: async () => (await call<{ tokens: TokenInfo[] }>('list tokens', 'GET', '/v1/tokens')).tokens,
    revokeToken: async (name) => void (await call(`revoke the token ${name}`, 'DELETE', `/v1/tokens/${encodeURIComponent(name)}`)),
    audit: ({ since, operation, cursor, limit }) =>
      call('read the audit log', 'GET', '/v1/audit', { query: { since, operation, cursor, limit } }),
    ready: async () => void (await call('ask whether the fleet is ready', 'GET', '/readyz')),
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

/** The catalogue entry in an error answer; what is not one is said to be no answer of ours. */
async function errorOf(what: string, reply: HttpReply): Promise<LongshoreError> {
  const text = await reply.text(MAX_ANSWER_BYTES);
  try {
    const { error } = JSON.parse(text) as {
      error?: { code?: unknown; message?: unknown; fix?: unknown; retryable?: unknown; exitCode?: unknown };
    };
    const known = Object.values(EXIT).find((code) => code === error?.exitCode);
    if (typeof error?.code === 'string' && typeof error.message === 'string' && known !== undefined)
      return new LongshoreError({
        code: error.code,
        message: error.message,
        fix: String(error.fix ?? ''),
        retryable: error.retryable === true,
        exitCode: known,
      });
  } catch (error) {
    return ApiAnswer({ what, status: reply.status }, { cause: error });
  }
  return ApiAnswer({ what, status: reply.status });
}
