/** What requests are checked with, and described by in the OpenAPI document. Unknown fields are refused: what the server decides cannot be sent. */
import { isAbsolute, normalize } from 'node:path';
import type { OperationState } from '@longshore/core';
import { ACCESS_ROLES, APPROVAL_POLICIES } from '@longshore/core';
import { z } from 'zod';
import type { RouteKey, Routes } from './routes.ts';

/** Per part that a route has, the schema of it. */
type SchemasOf<R> = { [P in Exclude<keyof R, 'answer'>]: z.ZodType<R[P]> };
/** Routes that take nothing need no entry. */
type Taking = { [K in RouteKey as Exclude<keyof Routes[K], 'answer'> extends never ? never : K]: SchemasOf<Routes[K]> };

const PAGE = 50;
const MAX_PAGE = 500;
const AUDIT_PAGE = 100;
export const MAX_AUDIT_PAGE = 1_000;
const DAY_MS = 86_400_000;
const ID = 64;

export const STATES: readonly [OperationState, ...OperationState[]] = [
  'submitted',
  'planned',
  'discarded',
  'awaiting-approval',
  'running',
  'paused',
  'succeeded',
  'failed',
  'cancelled',
  'reverting',
  'reverted',
  'needs-attention',
];

const id = z.strictObject({ id: z.string().min(1).max(ID) });
const spoolName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a name is made of lower-case letters, digits, - and _');
const tokenName = z.string().regex(/^[\w.@+-]{1,64}$/, 'a name has at most 64 letters, digits and . _ @ + -');
const reason = z.string().min(1).max(500);
const ms = z.int().positive();
/** As the store numbers events: another would break the stream off after it was begun. */
const eventId = z.string().regex(/^\d{1,15}(-\d{1,20})?$/, 'must be the id of an event');
const state = z.enum(STATES);
const one = { params: id };

export const SCHEMAS: Taking = {
  'POST /v1/session': { body: z.strictObject({ token: z.string().max(200) }).nullish() },
  'POST /v1/tokens': {
    body: z.strictObject({
      name: tokenName,
      role: z.enum(ACCESS_ROLES),
      lifeMs: ms
        .max(10 * 366 * DAY_MS)
        .optional()
        .describe('absent: it is good until it is revoked'),
    }),
  },
  'DELETE /v1/tokens/:name': { params: z.strictObject({ name: tokenName }) },
  'GET /v1/audit': {
    query: z.strictObject({
      cursor: z
        .string()
        .regex(/^\d{1,15}(-\d{1,20})?$/)
        .optional()
        .describe('`next` of the page before'),
      since: z.coerce.number().int().min(1).max(1e14).optional().describe('from this time on, in milliseconds since the epoch'),
      operation: z.string().min(1).max(ID).optional(),
      limit: z.coerce.number().int().min(1).max(MAX_AUDIT_PAGE).default(AUDIT_PAGE),
    }),
  },

  'POST /v1/operations': {
    body: z.strictObject({
      kind: z.string().min(1).max(128).describe('see /v1/kinds'),
      params: z.record(z.string(), z.unknown()).describe('checked against the schema of the kind'),
      mode: z.enum(['run', 'plan']).default('run').describe('plan: stop when planned, change nothing'),
      reason: z.string().max(500).optional(),
      approvals: z.enum(APPROVAL_POLICIES).optional().describe('which stages wait for a person'),
      deadlineMs: ms.optional().describe('it fails when it has not ended so long after now'),
    }),
    headers: z.object({
      'idempotency-key': z
        .string()
        .min(1)
        .max(200)
        .optional()
        .describe('the same key again gives the operation that was made the first time'),
    }),
  },
  'GET /v1/operations': {
    query: z.strictObject({
      state: z
        .union([state, z.array(state)])
        .transform((given) => (Array.isArray(given) ? given : [given]))
        .optional()
        .describe('given once or several times'),
      kind: z.string().max(128).optional().describe('a kind, or the beginning of several: `tsdb.`'),
      owner: z.string().max(64).optional(),
      text: z.string().min(1).max(200).optional().describe('part of the id, the reason or the params, in any case'),
      cursor: z
        .string()
        .regex(/^\d{1,15}\.\w{1,64}$/)
        .optional()
        .describe('`next` of the page before'),
      limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(PAGE),
    }),
  },
  'GET /v1/operations/:id': one,
  'GET /v1/operations/:id/plan': one,
  'GET /v1/operations/:id/tasks': one,
  'GET /v1/operations/:id/report': one,
  'GET /v1/operations/:id/picture': one,
  'GET /v1/operations/:id/explain': one,
  'GET /v1/operations/:id/journal': one,
  'GET /v1/operations/:id/revert': one,
  'GET /v1/operations/:id/events': {
    params: id,
    query: z.strictObject({
      after: eventId.optional().describe('as `Last-Event-ID`, for clients that cannot set headers'),
      follow: z.enum(['true', 'false']).default('true').describe('false: ends with what there is now'),
    }),
    headers: z.object({ 'last-event-id': eventId.optional() }),
  },
  'POST /v1/operations/:id/start': {
    params: id,
    body: z.strictObject({ replan: z.boolean().optional().describe('where the targets have changed since, take the new plan') }).nullish(),
  },
  'POST /v1/operations/:id/pause': one,
  'POST /v1/operations/:id/resume': one,
  'POST /v1/operations/:id/finish': { params: id, body: z.strictObject({ at: z.int().min(0).optional() }).nullish() },
  'POST /v1/operations/:id/drain': { params: id, body: z.strictObject({ withinMs: ms.optional() }).nullish() },
  'POST /v1/operations/:id/cancel': one,
  'POST /v1/operations/:id/retry': one,
  'POST /v1/operations/:id/revert': one,
  'POST /v1/operations/:id/approve': {
    params: id,
    body: z.strictObject({
      stages: z.array(z.string().max(200)).min(1).max(100).optional().describe('absent: every stage that waits now'),
      reason,
      lifeMs: ms.optional().describe('how long it is good for; default a day'),
    }),
  },
  'POST /v1/operations/:id/take-over': { params: id, body: z.strictObject({ reason }) },

  'POST /v1/spools': {
    body: z.strictObject({
      name: spoolName,
      path: z
        .string()
        .max(4_096)
        .refine((path) => isAbsolute(path) && normalize(path) === path, 'must be an absolute path without . and ..'),
    }),
  },
  'DELETE /v1/spools/:name': { params: z.strictObject({ name: spoolName }) },
  'POST /v1/fleet/drain': { body: z.strictObject({ withinMs: ms }) },
  'POST /v1/dead-letters/requeue': { body: z.strictObject({ id: z.string().min(1).max(400) }) },
};
