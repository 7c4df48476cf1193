/** The HTTP API as a Fastify server that listens nowhere yet, so that tests can call it without a network. */
import { createService } from '@longshore/operations';
import type { FastifyInstance } from 'fastify';
import { fastify } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { validatorCompiler } from 'fastify-type-provider-zod';
import { requireAccess } from './access.ts';
import { answerTo } from './answers.ts';
import { auditRequests } from './audit.ts';
import { checkAccess } from './caller.ts';
import { NoSuchPath } from './errors.ts';
import { awaitStore, guard, requestId } from './guards.ts';
import { countRequests } from './metrics.ts';
import { describeRoutes } from './openapi.ts';
import { auditRoutes } from './routes/audit.ts';
import { docsRoutes } from './routes/docs.ts';
import { eventRoutes } from './routes/events.ts';
import { fleetRoutes } from './routes/fleet.ts';
import { healthRoutes } from './routes/health.ts';
import { operationRoutes } from './routes/operations.ts';
import { sessionRoutes } from './routes/session.ts';
import { tokenRoutes } from './routes/tokens.ts';
import type { ApiSetup } from './setup.ts';
import { staticRoutes } from './static.ts';

export const MAX_BODY_BYTES: number = 256 * 1024;

export function buildServer(setup: ApiSetup): FastifyInstance {
  const { engine } = setup;
  const server = fastify({
    bodyLimit: MAX_BODY_BYTES,
    genReqId: (request) => requestId(request.headers['x-request-id']),
    routerOptions: { maxParamLength: 128 },
    forceCloseConnections: true,
    ...(setup.tls === undefined ? {} : { serverFactory: setup.tls }),
  });
  server.setValidatorCompiler(validatorCompiler);
  server.setErrorHandler((error, request, reply) => {
    const { status, body, retryAfterMs } = answerTo(error, engine.log, request.id, MAX_BODY_BYTES);
    request.errorCode = body.error.code;
    if (status === 401) reply.header('www-authenticate', 'Bearer');
    if (retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(retryAfterMs / 1000));
    return reply.code(status).send(body);
  });
  server.setNotFoundHandler((request) => {
    throw NoSuchPath({ method: request.method, path: request.url.split('?')[0] ?? '' });
  });
  const { auth } = setup;
  if (setup.metrics) countRequests(server, setup.metrics);
  requireAccess(server);
  guard(server, auth, setup.tls !== undefined);
  awaitStore(server, engine.store);
  checkAccess(server, setup);
  auditRequests(server, engine.store, engine.clock, engine.log);

  describeRoutes(server);

  const service = createService(engine);
  server.register(async (scope) => {
    const api = scope.withTypeProvider<ZodTypeProvider>();
    operationRoutes(api, service);
    eventRoutes(api, service, engine.log, setup.limits.streams);
    fleetRoutes(api, service, setup);
    healthRoutes(api, setup);
    sessionRoutes(api, setup);
    tokenRoutes(api, setup);
    auditRoutes(api, setup);
    docsRoutes(api);
    staticRoutes(scope);
  });
  return server;
}
