/** `/v1/operations`: submit, look at, act on. The rules are the service's; here they get paths and status codes. */
import { SCHEMAS } from '@longshore/contract';
import type { Service } from '@longshore/operations';
import { userOf } from '../caller.ts';
import type { Api } from './api.ts';

const PAGE = 50;
const ACTIONS = ['pause', 'resume', 'cancel'] as const;

export function operationRoutes(api: Api, service: Service): void {
  api.post('/v1/operations', { schema: SCHEMAS['POST /v1/operations'] }, async (request, reply) => {
    const { kind, params, mode = 'run', reason, approvals, deadlineMs } = request.body;
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

  const { query } = SCHEMAS['GET /v1/operations'];
  api.get('/v1/operations', { schema: { querystring: query } }, async (request) => {
    const { state, kind, owner, text, cursor, limit = PAGE } = request.query;
    return service.list({
      limit,
      ...(state === undefined ? {} : { states: [state].flat() }),
      ...(kind === undefined ? {} : { kind }),
      ...(owner === undefined ? {} : { owner }),
      ...(text === undefined ? {} : { text }),
      ...(cursor === undefined ? {} : { after: cursor }),
    });
  });

  const one = { schema: SCHEMAS['GET /v1/operations/:id'] };
  api.get('/v1/operations/:id', one, (request) => service.get(request.params.id));
  api.get('/v1/operations/:id/plan', one, (request) => service.plan(request.params.id));
  api.get('/v1/operations/:id/tasks', one, async (request) => ({ tasks: await service.done(request.params.id) }));
  api.get('/v1/operations/:id/report', one, (request) => service.report(request.params.id));
  api.get('/v1/operations/:id/picture', one, (request) => service.picture(request.params.id));
  api.get('/v1/operations/:id/explain', one, async (request, reply) =>
    reply.type('text/plain; charset=utf-8').send(await service.explain(request.params.id)),
  );
  api.get('/v1/operations/:id/journal', one, async (request) => ({ entries: await service.journal(request.params.id) }));
  api.get('/v1/operations/:id/revert', one, async (request) => {
    const { steps, approval } = await service.revertPlan(request.params.id);
    return approval === undefined ? { steps } : { steps, approval };
  });

  api.post('/v1/operations/:id/start', { schema: SCHEMAS['POST /v1/operations/:id/start'] }, async (request, reply) => {
    const replan = request.body?.replan;
    const header = await service.act(request.params.id, 'start', userOf(request), replan === undefined ? {} : { replan });
    return reply.code(202).send({ header });
  });
  api.post('/v1/operations/:id/drain', { schema: SCHEMAS['POST /v1/operations/:id/drain'] }, async (request, reply) => {
    const withinMs = request.body?.withinMs;
    const header = await service.act(request.params.id, 'drain', userOf(request), withinMs === undefined ? {} : { withinMs });
    return reply.code(202).send({ header });
  });
  api.post('/v1/operations/:id/finish', { schema: SCHEMAS['POST /v1/operations/:id/finish'] }, async (request, reply) => {
    const at = request.body?.at;
    const header = await service.act(request.params.id, 'finish', userOf(request), at === undefined ? {} : { at });
    return reply.code(202).send({ header });
  });
  api.post('/v1/operations/:id/approve', { schema: SCHEMAS['POST /v1/operations/:id/approve'] }, async (request, reply) => {
    const { stages, reason, lifeMs } = request.body;
    const header = await service.approve(request.params.id, {
      by: userOf(request),
      reason,
      ...(stages === undefined ? {} : { stages }),
      ...(lifeMs === undefined ? {} : { lifeMs }),
    });
    return reply.code(202).send({ header });
  });
  api.post('/v1/operations/:id/take-over', { schema: SCHEMAS['POST /v1/operations/:id/take-over'] }, async (request, reply) =>
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
