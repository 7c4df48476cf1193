/** The HTTP API as a Fastify server that listens nowhere yet, so that tests can call it without a network. */
import { createService } from '@longshore/operations';
import type { FastifyInstance } from 'fastify';
import { fastify } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { validatorCompiler } from 'fastify-type-provider-zod';
import { answerTo } from './answers.ts';
import { NoSuchPath } from './errors.ts';
import { guard, requestId } from './guards.ts';
import { eventRoutes } from './routes/events.ts';
import { fleetRoutes } from './routes/fleet.ts';
import { healthRoutes } from './routes/health.ts';
import { operationRoutes } from './routes/operations.ts';
import type { ApiSetup } from './setup.ts';

export const MAX_BODY_BYTES: number = 256 * 1024;

export function buildServer(setup: ApiSetup): FastifyInstance {
  const { engine } = setup;
  const server = fastify({
    bodyLimit: MAX_BODY_BYTES,
    genReqId: (request) => requestId(request.headers['x-request-id']),
    routerOptions: { maxParamLength: 128 },
    forceCloseConnections: true,
  });
  server.setValidatorCompiler(validatorCompiler);
  server.setErrorHandler((error, request, reply) => {
    const { status, body } = answerTo(error, engine.log, request.id, MAX_BODY_BYTES);
    return reply.code(status).send(body);
  });
  server.setNotFoundHandler((request) => {
    throw NoSuchPath({ method: request.method, path: request.url.split('?')[0] ?? '' });
  });
  guard(server, engine.store);

  const service = createService(engine);
  const api = server.withTypeProvider<ZodTypeProvider>();
  operationRoutes(api, service);
  eventRoutes(api, service, engine.log);
  fleetRoutes(api, service, setup);
  healthRoutes(api, setup);
  return server;
}
