/** `/v1/operations`: submit, look at, act on. The rules are the service's; here they get paths and status codes. */

import type { OperationState } from '@longshore/core';
import { APPROVAL_POLICIES } from '@longshore/core';
import type { Service } from '@longshore/operations';
import { z } from 'zod';
import { userOf } from '../caller.ts';
import type { Api } from './api.ts';
import { idParams } from './api.ts';

const STATES: readonly OperationState[] = [
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

const PAGE = 50;
const MAX_PAGE = 500;

const submission = z.strictObject({
  kind: z.string().min(1).max(128),
  params: z.record(z.string(), z.unknown()),
  mode: z.enum(['run', 'plan']).default('run'),
  reason: z.string().max(500).optional(),
  approvals: z.enum(APPROVAL_POLICIES).optional(),
  deadlineMs: z.int().positive().optional(),
});
const submissionHeaders = z.object({ 'idempotency-key': z.string().min(1).max(200).optional() });

const state = z.enum(STATES);
const listQuery = z.strictObject({
  /** Given once or several times. */
  state: z
    .union([state, z.array(state)])
    .transform((given) => (Array.isArray(given) ? given : [given]))
    .optional(),
  kind: z.string().max(128).optional(),
  /** `next` of the page before. */
  cursor: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(PAGE),
});

const ACTIONS = ['pause', 'resume', 'finish', 'cancel'] as const;

const approval = z.strictObject({
  /** Default: every stage that waits now. */
  stages: z.array(z.string().max(200)).min(1).max(100).optional(),
  reason: z.string().min(1).max(500),
  lifeMs: z.int().positive().optional(),
});
const start = z.strictObject({ replan: z.boolean().optional() }).nullish();
const drain = z.strictObject({ withinMs: z.int().positive().optional() }).nullish();
const takeOver = z.strictObject({ reason: z.string().min(1).max(500) });

export function operationRoutes(api: Api, service: Service): void {
  api.post('/v1/operations', { schema: { body: submission, headers: submissionHeaders } }, async (request, reply) => {
    const { kind, params, mode, reason, approvals, deadlineMs } = request.body;
    const key = request.headers['idempotency-key'];
    const { id, created } = await service.submit({
      kind,
      params,
      mode,
      owner: userOf(request),
      ...(reason === undefined ? {} : { reason }),
      ...(approvals === undefined ? {} : { approvals }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(key === undefined ? {} : { idempotencyKey: key }),
    });
    return reply.code(202).header('location', `/v1/operations/${id}`).send({ id, created });
  });

  api.get('/v1/operations', { schema: { querystring: listQuery } }, async (request) => {
    const { state: states, kind, cursor, limit } = request.query;
    return service.list({
      limit,
      ...(states === undefined ? {} : { states }),
      ...(kind === undefined ? {} : { kind }),
      ...(cursor === undefined ? {} : { after: cursor }),
    });
  });

  const one = { schema: { params: idParams } };
  api.get('/v1/operations/:id', one, (request) => service.get(request.params.id));
  api.get('/v1/operations/:id/plan', one, (request) => service.plan(request.params.id));
  api.get('/v1/operations/:id/tasks', one, async (request) => ({ tasks: await service.done(request.params.id) }));
  api.get('/v1/operations/:id/report', one, (request) => service.report(request.params.id));
  api.get('/v1/operations/:id/picture', one, (request) => service.picture(request.params.id));
  api.get('/v1/operations/:id/explain', one, async (request, reply) =>
    reply.type('text/plain; charset=utf-8').send(await service.explain(request.params.id)),
  );
  api.get('/v1/operations/:id/journal', one, async (request) => ({ entries: await service.journal(request.params.id) }));
  api.get('/v1/operations/:id/revert', one, async (request) => ({ steps: (await service.revertPlan(request.params.id)).steps }));

  api.post('/v1/operations/:id/start', { schema: { params: idParams, body: start } }, async (request, reply) => {
    const replan = request.body?.replan;
    const header = await service.act(request.params.id, 'start', userOf(request), replan === undefined ? {} : { replan });
    return reply.code(202).send({ header });
  });
  api.post('/v1/operations/:id/drain', { schema: { params: idParams, body: drain } }, async (request, reply) => {
    const withinMs = request.body?.withinMs;
    const header = await service.act(request.params.id, 'drain', userOf(request), withinMs === undefined ? {} : { withinMs });
    return reply.code(202).send({ header });
  });
  api.post('/v1/operations/:id/approve', { schema: { params: idParams, body: approval } }, async (request, reply) => {
    const { stages, reason, lifeMs } = request.body;
    const header = await service.approve(request.params.id, {
      by: userOf(request),
      reason,
      ...(stages === undefined ? {} : { stages }),
      ...(lifeMs === undefined ? {} : { lifeMs }),
    });
    return reply.code(202).send({ header });
  });
  api.post('/v1/operations/:id/take-over', { schema: { params: idParams, body: takeOver } }, async (request, reply) =>
    reply.code(202).send({ header: await service.takeOver(request.params.id, userOf(request), request.body.reason) }),
  );
  api.post('/v1/operations/:id/revert', one, async (request, reply) =>
    reply.code(202).send({ header: await service.revert(request.params.id, userOf(request)) }),
  );
  api.post('/v1/operations/:id/retry', one, async (request, reply) =>
    reply.code(202).send({ header: await service.retry(request.params.id, userOf(request)) }),
  );
  for (const action of ACTIONS) {
    api.post(`/v1/operations/:id/${action}`, one, async (request, reply) => {
      const header = await service.act(request.params.id, action, userOf(request));
      return reply.code(202).send({ header });
    });
  }
}
