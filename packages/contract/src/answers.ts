/**
 * What the routes that programs use most answer with, for the OpenAPI document. The compiler holds each schema against the answer's type: every
 * answer fits, and fields may be added without breaking a client.
 */
import { z } from 'zod';
import type { AnswerOf, RouteKey } from './routes.ts';
import { STATES } from './schemas.ts';

const at = z.int().describe('milliseconds since the epoch');
const counts = z.record(z.string(), z.number());

const ERROR = z.object({
  code: z.string().describe('LSH_…; it never changes its meaning'),
  message: z.string(),
  fix: z.string(),
  retryable: z.boolean(),
});

const STAGE = z.object({
  name: z.string(),
  state: z.enum(['pending', 'running', 'done', 'failed', 'skipped']),
  total: z.int(),
  done: z.int(),
  failed: z.int(),
  skipped: z.int(),
  startedAt: at.optional(),
  endedAt: at.optional(),
});

const HEADER = z.object({
  id: z.string(),
  kind: z.string(),
  params: z.unknown(),
  mode: z.enum(['run', 'plan']),
  owner: z.string(),
  reason: z.string().optional(),
  createdAt: at,
  updatedAt: at,
  startedAt: at.optional(),
  endedAt: at.optional().describe('present when it is over'),
  state: z.enum(STATES),
  intent: z.string().optional().describe('what a person has asked of it and that is not so yet'),
  waitsFor: z.string().optional(),
  awaits: z
    .object({ stages: z.array(z.string()), since: at })
    .optional()
    .describe('stages that wait for a person'),
  attention: z.object({ since: at, error: ERROR }).optional().describe('what is left unsafe, and what mends it'),
  stage: z.int().describe('index of the stage at work'),
  stages: z.array(STAGE),
  counters: counts,
  error: ERROR.optional().describe('why it failed, or what is missing'),
});

/** An operation as lists and actions answer it; it has a name of its own in the document. */
export const OPERATION: z.ZodType = HEADER;

const TASK = z.object({
  id: z.string(),
  task: z.string(),
  state: z.enum(['waiting', 'queued', 'running', 'gated']),
  worker: z.string().optional(),
  progress: z.object({ done: z.number(), total: z.number().optional(), unit: z.string() }).optional(),
  gate: z.object({ gate: z.string(), reason: z.string(), since: at }).optional().describe('what must open before it goes on'),
  failures: z.int(),
  lastError: z.string().optional(),
});
const GUARD = z.object({
  key: z.string(),
  what: z.string(),
  target: z.string(),
  openedAt: at,
  maxMs: z.int(),
  state: z.enum(['open', 'closed', 'replaced', 'handed-over']),
  endedAt: at.optional(),
});
const ENDED = z.object({
  id: z.string(),
  task: z.string(),
  stage: z.int(),
  result: z.enum(['ok', 'failed', 'cancelled', 'skipped']),
  startedAt: at.optional(),
  endedAt: at,
  error: ERROR.optional(),
});
const REPORT = z.object({
  operation: z.string(),
  kind: z.string(),
  state: z.enum(STATES),
  columns: z.array(z.string()),
  rows: z.array(z.object({ row: z.string(), values: counts })),
  totals: counts,
  counters: counts,
  notes: z.array(z.object({ level: z.enum(['info', 'warning', 'error']), row: z.string().optional(), text: z.string() })),
  notesDropped: z.int(),
  error: ERROR.optional(),
});
const ME = z.object({ name: z.string(), role: z.enum(['viewer', 'operator', 'approver', 'admin']), auth: z.enum(['none', 'tokens']) });
const changed = z.object({ header: HEADER });

const LIST = {
  'GET /v1/me': ME,
  'POST /v1/session': ME,
  'POST /v1/operations': z.object({ id: z.string(), created: z.boolean().describe('false: the key had made it before') }),
  'GET /v1/operations': z.object({ operations: z.array(HEADER), next: z.string().optional().describe('the cursor of the next page') }),
  'GET /v1/operations/:id': z.object({ header: HEADER, tasks: z.array(TASK), guards: z.array(GUARD) }),
  'GET /v1/operations/:id/tasks': z.object({ tasks: z.array(ENDED) }),
  'GET /v1/operations/:id/report': REPORT,
  'POST /v1/operations/:id/start': changed,
  'POST /v1/operations/:id/pause': changed,
  'POST /v1/operations/:id/resume': changed,
  'POST /v1/operations/:id/finish': changed,
  'POST /v1/operations/:id/drain': changed,
  'POST /v1/operations/:id/cancel': changed,
  'POST /v1/operations/:id/retry': changed,
  'POST /v1/operations/:id/revert': changed,
  'POST /v1/operations/:id/approve': changed,
  'POST /v1/operations/:id/take-over': changed,
};

/** Does not compile where an answer of a route would not fit. */
type Fitting = { [K in keyof typeof LIST]: AnswerOf<K> extends z.input<(typeof LIST)[K]> ? z.ZodType : never };

export const ANSWERS: { readonly [K in RouteKey]?: z.ZodType } = LIST satisfies Fitting;
