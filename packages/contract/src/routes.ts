/**
 * The HTTP API as types: what each route takes and what it answers. `schemas.ts` checks requests at run time, by schemas that the compiler
 * holds against this table; `caller.ts` makes typed calls of it. Both sides of the wire, and the tests, have no other source.
 */
import type {
  AccessRole,
  ApprovalPolicy,
  AuditEntry,
  DeadLetter,
  DoneRecord,
  JournalEntry,
  Json,
  OperationHeader,
  OperationState,
  Picture,
  Presence,
  Report,
  SpoolRecord,
  StoredPlan,
  TokenRecord,
} from '@longshore/core';
import type { FleetDrain, OperationView, RevertStep } from '@longshore/operations';

export interface Submission {
  kind: string;
  params: Record<string, unknown>;
  /** `plan`: stop when planned. Default `run`. */
  mode?: 'run' | 'plan' | undefined;
  reason?: string | undefined;
  approvals?: ApprovalPolicy | undefined;
  deadlineMs?: number | undefined;
}

export interface ListFilter {
  /** One or several. */
  state?: OperationState | OperationState[] | undefined;
  kind?: string | undefined;
  owner?: string | undefined;
  /** Part of the id, the reason or the params, in any case. */
  text?: string | undefined;
  /** `next` of the page before. */
  cursor?: string | undefined;
  limit?: number | undefined;
}

export interface AuditFilter {
  /** From this time on, in milliseconds since the epoch. */
  since?: number | undefined;
  operation?: string | undefined;
  /** `next` of the page before. */
  cursor?: string | undefined;
  limit?: number | undefined;
}

export interface ApprovalGiven {
  /** Default: every stage that waits now. */
  stages?: string[] | undefined;
  reason: string;
  lifeMs?: number | undefined;
}

export interface TokenWanted {
  name: string;
  role: AccessRole;
  /** Absent: it is good until it is revoked. */
  lifeMs?: number | undefined;
}

export type TokenInfo = Omit<TokenRecord, 'hash'>;

export interface Me {
  name: string;
  role: AccessRole;
  /** `none`: the API asks nobody for a token. */
  auth: 'none' | 'tokens';
}

/** A kind of operation; `params` is the JSON Schema of its parameters. */
export interface KindInfo {
  name: string;
  title: string;
  role: string;
  params: { [key: string]: Json };
}

export interface TargetInfo {
  name: string;
  system: string;
}

interface Id {
  id: string;
}
interface Name {
  name: string;
}
interface Changed {
  header: OperationHeader;
}
interface Within {
  withinMs?: number | undefined;
}
interface At {
  at?: number | undefined;
}

/** Of a route: what stands in its path, behind its `?`, in its headers and its body, and what it answers with. */
export interface Routes {
  'GET /healthz': { answer: { ok: true } };
  'GET /readyz': { answer: { ok: true } };
  'GET /metrics': { answer: string };

  'POST /v1/session': { body: { token: string } | null | undefined; answer: Me };
  'DELETE /v1/session': { answer: null };
  'GET /v1/me': { answer: Me };
  'GET /v1/tokens': { answer: { tokens: TokenInfo[] } };
  'POST /v1/tokens': { body: TokenWanted; answer: TokenInfo & { token: string } };
  'DELETE /v1/tokens/:name': { params: Name; answer: { revoked: string } };
  'GET /v1/audit': { query: AuditFilter; answer: { entries: AuditEntry[]; next?: string } };

  'POST /v1/operations': {
    body: Submission;
    headers: { 'idempotency-key'?: string | undefined };
    answer: { id: string; created: boolean };
  };
  'GET /v1/operations': { query: ListFilter; answer: { operations: OperationHeader[]; next?: string } };
  'GET /v1/operations/:id': { params: Id; answer: OperationView };
  'GET /v1/operations/:id/plan': { params: Id; answer: StoredPlan };
  'GET /v1/operations/:id/tasks': { params: Id; answer: { tasks: DoneRecord[] } };
  'GET /v1/operations/:id/report': { params: Id; answer: Report };
  'GET /v1/operations/:id/picture': { params: Id; answer: Picture };
  'GET /v1/operations/:id/explain': { params: Id; answer: string };
  'GET /v1/operations/:id/journal': { params: Id; answer: { entries: JournalEntry[] } };
  'GET /v1/operations/:id/revert': { params: Id; answer: { steps: RevertStep[] } };
  'GET /v1/operations/:id/events': {
    params: Id;
    query: { after?: string | undefined; follow?: 'true' | 'false' | undefined };
    headers: { 'last-event-id'?: string | undefined };
    answer: string;
  };
  'POST /v1/operations/:id/start': { params: Id; body: { replan?: boolean | undefined } | null | undefined; answer: Changed };
  'POST /v1/operations/:id/pause': { params: Id; answer: Changed };
  'POST /v1/operations/:id/resume': { params: Id; answer: Changed };
  'POST /v1/operations/:id/finish': { params: Id; body: At | null | undefined; answer: Changed };
  'POST /v1/operations/:id/drain': { params: Id; body: Within | null | undefined; answer: Changed };
  'POST /v1/operations/:id/cancel': { params: Id; answer: Changed };
  'POST /v1/operations/:id/retry': { params: Id; answer: Changed };
  'POST /v1/operations/:id/revert': { params: Id; answer: Changed };
  'POST /v1/operations/:id/approve': { params: Id; body: ApprovalGiven; answer: Changed };
  'POST /v1/operations/:id/take-over': { params: Id; body: { reason: string }; answer: Changed };

  'GET /v1/kinds': { answer: { kinds: KindInfo[] } };
  'GET /v1/workers': { answer: { workers: Presence[] } };
  'GET /v1/spools': { answer: { spools: SpoolRecord[] } };
  'POST /v1/spools': { body: { name: string; path: string }; answer: { spool: SpoolRecord } };
  'DELETE /v1/spools/:name': { params: Name; answer: { forgotten: { operation: string; batches: number }[] } };
  'GET /v1/targets': { answer: { targets: TargetInfo[] } };
  'GET /v1/fleet': { answer: { drain: FleetDrain | null } };
  'POST /v1/fleet/drain': { body: { withinMs: number }; answer: { drain: FleetDrain } };
  'POST /v1/fleet/open': { answer: { drain: null } };
  'GET /v1/dead-letters': { answer: { letters: DeadLetter[] } };
  'POST /v1/dead-letters/requeue': { body: { id: string }; answer: Changed };
}

export type RouteKey = keyof Routes;

type Part<K extends RouteKey, P extends string> = Routes[K] extends { [key in P]: infer T } ? T : undefined;
/** What a call of a route is given. Parts that a route does not have cannot be given; what may be left out altogether may. */
export type InputOf<K extends RouteKey> = Given<'params', Part<K, 'params'>> &
  Given<'query', Part<K, 'query'>> &
  Given<'headers', Part<K, 'headers'>> &
  Given<'body', Part<K, 'body'>>;
type Given<P extends string, T> = [T] extends [undefined] ? unknown : undefined extends T ? { [key in P]?: T } : Optional<P, T>;
// An object of nothing but optional keys need not be given.
type Optional<P extends string, T> = object extends T ? { [key in P]?: T } : { [key in P]: T };
export type AnswerOf<K extends RouteKey> = Routes[K]['answer'];
