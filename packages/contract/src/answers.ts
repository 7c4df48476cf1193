/**
 * What every route answers with, for the OpenAPI document. The compiler holds each schema against the answer's type: every answer fits, none
 * is without a schema, and fields may be added without breaking a client.
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
  finish: z.object({ by: z.string(), at }).optional().describe('who asked for the end of what would go on for ever'),
  reachedAt: at.optional().describe('of what goes on until its end is asked for: everything up to then is done; the rest is its lag'),
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
const json = z.unknown().describe('any JSON');
const TASK_SPEC = z.object({
  id: z.string(),
  task: z.string().describe('what is run, such as tsdb.dump'),
  params: json,
  after: z.string().optional().describe('the task of the same stage that must have ended well before'),
  placement: z.enum(['role', 'spool']),
  undoes: z.string().optional(),
});
const STAGE_SPEC = z.object({
  name: z.string(),
  title: z.string().describe('for people'),
  concurrency: z.int().describe('tasks, or units, at a time'),
  tasks: z.array(TASK_SPEC).optional(),
  bulk: z
    .object({
      count: z.int(),
      params: json,
      only: z.array(z.int()).optional().describe('these units alone'),
      endless: z.object({ from: at, everyMs: z.int() }).optional().describe('until it is asked to finish'),
    })
    .optional()
    .describe('units that are made when their turn comes'),
  spools: z.array(z.string()).optional(),
  tolerant: z.boolean().optional(),
  always: z.boolean().optional().describe('runs also after failure and cancel'),
  approval: z.string().optional().describe('what a person is asked to agree to, where the policy asks'),
  guard: z.object({ opens: z.array(z.string()).optional(), ends: z.array(z.string()).optional() }).optional(),
  emittedBy: z.string().optional(),
  upkeep: z.object({ task: z.string(), params: json, everyMs: z.int() }).optional(),
});
const LEASE = z.object({ target: z.string(), scope: z.string().describe('empty: all of it') });
const PLAN = z.object({
  summary: z.array(z.string()).describe('one line each, for people'),
  findings: z.array(z.object({ level: z.enum(['info', 'warning', 'error']), text: z.string(), error: ERROR.optional() })),
  stages: z.array(STAGE_SPEC),
  fingerprint: z.unknown().describe('what must still be so when the plan runs; any JSON'),
  leases: z.array(LEASE),
  expect: counts.describe('what the whole plan comes to, such as batches or points'),
  data: z.unknown().describe('of the kind, any JSON'),
  hash: z.string(),
  madeAt: at,
});
const PICTURE = z.object({
  exhibits: z.record(z.string(), z.unknown()).describe('the last value of each name; any JSON'),
  series: z.record(z.string(), z.array(z.tuple([at, z.number()]))).describe('numbers over time, oldest first'),
});
const JOURNAL_ENTRY = z.object({
  task: z.string(),
  key: z.string(),
  what: z.string().describe('the change, for people'),
  before: json,
  after: json,
  state: z.enum(['intent', 'done', 'undone']).describe('intent: begun, and not read back yet'),
  generation: z.int().describe('of the attempt that wrote this'),
  at,
  endedAt: at.optional(),
});
const REVERT_STEP = z.object({
  task: z.string().describe('the task that is taken back'),
  kind: z.string(),
  endedAt: at.optional(),
  changed: z.array(z.string()).describe('what it changed'),
  guards: z
    .array(z.object({ what: z.string(), maxMs: z.int() }))
    .optional()
    .describe('what is denied or frozen meanwhile'),
  none: z.string().optional().describe('why there is nothing to take back'),
});
const PRESENCE = z.object({
  worker: z.string(),
  role: z.enum(['dumper', 'restorer', 'migrator', 'rebalancer', 'api', 'scheduler']),
  host: z.string(),
  pid: z.int(),
  startedAt: at,
  seenAt: at,
  tasks: z.array(z.string()).describe('tasks it can run'),
  concurrency: z.int(),
  busy: z.int(),
  spools: z.array(z.string()),
  restarts: z.int().optional().describe('consumers that had gone deaf and were replaced'),
  room: z
    .record(z.string(), z.object({ bytesFree: z.number(), bytesTotal: z.number(), inodesFree: z.number() }))
    .optional()
    .describe('of the disk of each spool'),
  secondsPerTask: counts.optional().describe('of each queue, lately'),
});
const SPOOL = z.object({
  name: z.string(),
  path: z.string(),
  host: z.string(),
  quotaBytes: z.number().optional().describe('absent: what the disk has'),
});
const ROLE = z.enum(['viewer', 'operator', 'approver', 'admin']);
const TOKEN = z.object({
  name: z.string(),
  role: ROLE,
  createdAt: at,
  createdBy: z.string(),
  expiresAt: at.optional().describe('absent: until it is revoked'),
});
const AUDIT_ENTRY = z.object({
  id: z.string(),
  at,
  who: z.string().describe('longshore: the fleet by itself'),
  role: ROLE.optional(),
  requestId: z.string().optional(),
  what: z.string().describe('such as operation.cancel'),
  subject: z.string().optional(),
  operation: z.string().optional(),
  reason: z.string().optional(),
  result: z.enum(['done', 'refused', 'failed']),
  code: z.string().optional(),
});
const LETTER = z.object({
  id: z.string(),
  operation: z.string(),
  task: z.string(),
  round: z.int(),
  queue: z.string(),
  reason: z.string(),
  at,
});
const DRAIN = z.object({ by: z.string(), since: at, until: at.describe('what is left then is cancelled') });
const OK = z.object({ ok: z.literal(true) });
const ME = z.object({ name: z.string(), role: ROLE, auth: z.enum(['none', 'tokens']) });
const changed = z.object({ header: HEADER });

const LIST = {
  'GET /healthz': OK,
  'GET /readyz': OK,
  'GET /metrics': z.string(),
  'GET /v1/me': ME,
  'POST /v1/session': ME,
  'DELETE /v1/session': z.null(),
  'GET /v1/tokens': z.object({ tokens: z.array(TOKEN) }),
  'POST /v1/tokens': TOKEN.extend({ token: z.string().describe('shown this once') }),
  'DELETE /v1/tokens/:name': z.object({ revoked: z.string() }),
  'GET /v1/audit': z.object({ entries: z.array(AUDIT_ENTRY), next: z.string().optional() }),
  'POST /v1/operations': z.object({ id: z.string(), created: z.boolean().describe('false: the key had made it before') }),
  'GET /v1/operations': z.object({ operations: z.array(HEADER), next: z.string().optional().describe('the cursor of the next page') }),
  'GET /v1/operations/:id': z.object({ header: HEADER, tasks: z.array(TASK), guards: z.array(GUARD) }),
  'GET /v1/operations/:id/plan': PLAN,
  'GET /v1/operations/:id/picture': PICTURE,
  'GET /v1/operations/:id/explain': z.string(),
  'GET /v1/operations/:id/journal': z.object({ entries: z.array(JOURNAL_ENTRY).describe('oldest first') }),
  'GET /v1/operations/:id/revert': z.object({ steps: z.array(REVERT_STEP).describe('newest first') }),
  'GET /v1/operations/:id/events': z.string(),
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
  'GET /v1/kinds': z.object({
    kinds: z.array(
      z.object({
        name: z.string(),
        title: z.string(),
        role: z.string(),
        params: z.record(z.string(), z.unknown()).describe('JSON Schema of its parameters'),
      }),
    ),
  }),
  'GET /v1/workers': z.object({ workers: z.array(PRESENCE) }),
  'GET /v1/spools': z.object({ spools: z.array(SPOOL) }),
  'POST /v1/spools': z.object({ spool: SPOOL }),
  'DELETE /v1/spools/:name': z.object({
    forgotten: z.array(z.object({ operation: z.string(), batches: z.int().describe('that are dumped again') })),
  }),
  'GET /v1/targets': z.object({ targets: z.array(z.object({ name: z.string(), system: z.string() })) }),
  'GET /v1/fleet': z.object({ drain: DRAIN.nullable() }),
  'POST /v1/fleet/drain': z.object({ drain: DRAIN }),
  'POST /v1/fleet/open': z.object({ drain: z.null() }),
  'GET /v1/dead-letters': z.object({ letters: z.array(LETTER) }),
  'POST /v1/dead-letters/requeue': changed,
};

/** Does not compile where an answer of a route would not fit, or a route has none. */
type Fitting = { [K in RouteKey]: AnswerOf<K> extends z.input<(typeof LIST)[K]> ? z.ZodType : never };

export const ANSWERS: { readonly [K in RouteKey]: z.ZodType } = LIST satisfies Fitting;
