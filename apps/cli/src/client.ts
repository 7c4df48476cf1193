/** The HTTP API as typed calls. Errors come back as the catalogue entries they were at the server. */
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type {
  ApiRequest,
  ApprovalGiven,
  AuditFilter,
  Call,
  KindInfo,
  ListFilter,
  Me,
  Submission,
  TargetInfo,
  TokenInfo,
  TokenWanted,
} from '@longshore/contract';
import { caller, pathOf } from '@longshore/contract';
import type {
  AuditEntry,
  DeadLetter,
  DoneRecord,
  JournalEntry,
  OperationEvent,
  OperationHeader,
  Picture,
  Presence,
  Report,
  SpoolRecord,
  StoredPlan,
} from '@longshore/core';
import { EXIT, LongshoreError, systemClock, systemRandom } from '@longshore/core';
import type { HttpReply } from '@longshore/http';
import { openHttp, retry } from '@longshore/http';
import type { Action, ActOptions, FleetDrain, OperationView, RevertStep } from '@longshore/operations';
import { ApiAnswer } from './errors.ts';
import { readMessages } from './server-sent-events.ts';

export interface CallOptions {
  /** For messages: "list operations". */
  what?: string;
}

export interface Client extends AsyncDisposable {
  /** For people: `unix:/…/api.sock`, `http://…`. */
  readonly address: string;
  /** The fleet ends with this client. */
  readonly ownsFleet?: true;
  /** Any route, typed; the calls below are the ones with something more to them, or used everywhere. */
  call: Call<CallOptions>;
  submit(operation: Submission): Promise<string>;
  /** The same key again gives the same operation, whoever made it and however long ago. */
  submitOnce(operation: Submission, key: string): Promise<{ id: string; created: boolean }>;
  operation(id: string): Promise<OperationView>;
  operations(filter?: ListFilter): Promise<{ operations: OperationHeader[]; next?: string }>;
  plan(id: string): Promise<StoredPlan>;
  tasks(id: string): Promise<DoneRecord[]>;
  act(id: string, action: Exclude<Action, 'discard'>, options?: ActOptions): Promise<OperationHeader>;
  approve(id: string, approval: ApprovalGiven): Promise<OperationHeader>;
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
  targets(): Promise<TargetInfo[]>;
  me(): Promise<Me>;
  /** The answer alone has the token. */
  createToken(wanted: TokenWanted): Promise<TokenInfo & { token: string }>;
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

/** `token` for an API that asks for one; `given` is where the address comes from, should it be none. */
export function openClient(base: string, token?: string, given = 'the address of the API'): Client {
  const user =
    userInfo()
      .username.replace(/[^\w.@+-]/g, '_')
      .slice(0, 64) || 'unknown';
  const headers = token === undefined ? { 'x-longshore-user': user, host: 'localhost' } : { authorization: `Bearer ${token}` };
  const http = openHttp({ base, given, headers, allow: { linkLocal: true } });

  const send = async (request: ApiRequest, { what = request.route }: CallOptions): Promise<unknown> => {
    const { method, path, headers: own, body, text } = request;
    const reply = await http.request({
      method: method as 'GET',
      path,
      what,
      deadlineMs: DEADLINE_MS,
      headers: own,
      ...(body === undefined ? {} : { body }),
    });
    if (reply.status >= 400) throw await errorOf(what, reply);
    if (text) return reply.text(MAX_ANSWER_BYTES);
    if (reply.status === 204) return null;
    if (!reply.headers['content-type']?.startsWith('application/json')) throw ApiAnswer({ what, status: reply.status });
    return reply.json(MAX_ANSWER_BYTES);
  };
  const call = caller(send, {});
  const changed = async (answer: Promise<{ header: OperationHeader }>): Promise<OperationHeader> => (await answer).header;
  const of = (id: string): { params: { id: string } } => ({ params: { id } });

  const submitOnce: Client['submitOnce'] = (operation, key) => {
    const input = { body: operation, headers: { 'idempotency-key': key } };
    return retry(SUBMIT_RETRY, systemClock, systemRandom, () => call('POST /v1/operations', input, { what: `submit ${operation.kind}` }));
  };

  return {
    address: http.origin,
    call,

    submit: async (operation) => (await submitOnce(operation, randomUUID())).id,
    submitOnce,
    operation: (id) => call('GET /v1/operations/:id', of(id), { what: `look at ${id}` }),
    operations: (filter = {}) => call('GET /v1/operations', { query: filter }, { what: 'list operations' }),
    plan: (id) => call('GET /v1/operations/:id/plan', of(id), { what: `read the plan of ${id}` }),
    tasks: async (id) => (await call('GET /v1/operations/:id/tasks', of(id), { what: `list the tasks of ${id}` })).tasks,
    act(id, action, { replan, withinMs, at } = {}) {
      const options = { what: `${action} ${id}` };
      if (action === 'start') return changed(call('POST /v1/operations/:id/start', { ...of(id), body: { replan } }, options));
      if (action === 'drain') return changed(call('POST /v1/operations/:id/drain', { ...of(id), body: { withinMs } }, options));
      if (action === 'finish') return changed(call('POST /v1/operations/:id/finish', { ...of(id), body: { at } }, options));
      return changed(call(`POST /v1/operations/:id/${action}`, of(id), options));
    },
    approve: (id, body) => changed(call('POST /v1/operations/:id/approve', { ...of(id), body }, { what: `approve ${id}` })),
    revertSteps: async (id) => (await call('GET /v1/operations/:id/revert', of(id), { what: `plan the way back of ${id}` })).steps,
    revert: (id) => changed(call('POST /v1/operations/:id/revert', of(id), { what: `revert ${id}` })),
    retry: (id) => changed(call('POST /v1/operations/:id/retry', of(id), { what: `retry ${id}` })),
    takeOver: (id, reason) =>
      changed(call('POST /v1/operations/:id/take-over', { ...of(id), body: { reason } }, { what: `take over ${id}` })),
    journal: async (id) => (await call('GET /v1/operations/:id/journal', of(id), { what: `read the journal of ${id}` })).entries,
    deadLetters: async () => (await call('GET /v1/dead-letters', {}, { what: 'list dead letters' })).letters,
    requeue: async (id) => (await call('POST /v1/dead-letters/requeue', { body: { id } }, { what: `requeue ${id}` })).header,
    fleetDrain: async () => (await call('GET /v1/fleet', {}, { what: 'look at the fleet' })).drain,
    drainFleet: async (withinMs) => (await call('POST /v1/fleet/drain', { body: { withinMs } }, { what: 'drain the fleet' })).drain,
    openFleet: async () => void (await call('POST /v1/fleet/open', {}, { what: 'open the fleet' })),
    report: (id) => call('GET /v1/operations/:id/report', of(id), { what: `read the report of ${id}` }),
    picture: (id) => call('GET /v1/operations/:id/picture', of(id), { what: `read what ${id} shows` }),
    explain: (id) => call('GET /v1/operations/:id/explain', of(id), { what: `explain ${id}` }),

    async *events(id, { after, follow, signal }) {
      const what = `follow ${id}`;
      const query = { follow: String(follow) as 'true' };
      const reply = await http.request({
        method: 'GET',
        path: pathOf('GET /v1/operations/:id/events', { params: { id }, query }),
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

    kinds: async () => (await call('GET /v1/kinds', {}, { what: 'list kinds' })).kinds,
    workers: async () => (await call('GET /v1/workers', {}, { what: 'list workers' })).workers,
    spools: async () => (await call('GET /v1/spools', {}, { what: 'list spools' })).spools,
    addSpool: async (name, path) => void (await call('POST /v1/spools', { body: { name, path } }, { what: `add the spool ${name}` })),
    forgetSpool: async (name) =>
      (await call('DELETE /v1/spools/:name', { params: { name } }, { what: `forget the spool ${name}` })).forgotten,
    targets: async () => (await call('GET /v1/targets', {}, { what: 'list targets' })).targets,
    me: () => call('GET /v1/me', {}, { what: 'ask who I am' }),
    createToken: (wanted) => call('POST /v1/tokens', { body: wanted }, { what: `make the token ${wanted.name}` }),
    tokens: async () => (await call('GET /v1/tokens', {}, { what: 'list tokens' })).tokens,
    revokeToken: async (name) => void (await call('DELETE /v1/tokens/:name', { params: { name } }, { what: `revoke the token ${name}` })),
    audit: (filter) => call('GET /v1/audit', { query: filter }, { what: 'read the audit log' }),
    ready: async () => void (await call('GET /readyz', {}, { what: 'ask whether the fleet is ready' })),
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
