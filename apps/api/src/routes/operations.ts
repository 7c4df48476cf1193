/** `/v1/operations`: submit, look at, act on. The rules are the service's; here they get paths and status codes. */

import type { OperationState } from '@longshore/core';
import type { Service } from '@longshore/operations';
import { z } from 'zod';
import { userOf } from '../guards.ts';
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

const ACTIONS = ['start', 'pause', 'resume', 'drain', 'cancel'] as const;

export function operationRoutes(api: Api, service: Service): void {
  api.post('/v1/operations', { schema: { body: submission, headers: submissionHeaders } }, async (request, reply) => {
    const { kind, params, mode, reason } = request.body;
    const key = request.headers['idempotency-key'];
    const { id, created } = await service.submit({
      kind,
      params,
      mode,
      owner: userOf(request),
      ...(reason === undefined ? {} : { reason }),
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
  api.get('/v1/operations/:id/explain', one, async (request, reply) =>
    reply.type('text/plain; charset=utf-8').send(await service.explain(request.params.id)),
  );
  for (const action of ACTIONS) {
    api.post(`/v1/operations/:id/${action}`, one, async (request, reply) => {
      const header = await service.act(request.params.id, action, userOf(request));
      return reply.code(202).send({ header });
    });
  }
}
