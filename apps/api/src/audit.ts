/** Every request that changes something, or was not allowed to, leaves one entry in the audit log before it is answered. */
import type { AuditEntry, Clock, Log, Store } from '@longshore/core';
import { auditText } from '@longshore/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { accessOf } from './access.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the error it was answered with. */
    errorCode: string | undefined;
  }
}

/**
 * Strangers leave no entry: they could fill the store. What was done although the log could not be written is told in the process's
 * own log, since taking it back is not possible and not answering would make it be asked again.
 */
export function auditRequests(server: FastifyInstance, store: Pick<Store, 'audit'>, clock: Clock, log: Log): void {
  server.decorateRequest('errorCode', undefined);
  server.addHook('onSend', async (request, reply) => {
    const what = accessOf(request.method, request.routeOptions.url)?.audit;
    if (what === undefined || request.caller === undefined) return;
    const entry = entryOf(request, reply, what, clock.now());
    try {
      await store.audit(entry);
    } catch (error) {
      log.error({ err: error, entry }, 'the audit log could not be written');
    }
  });
}

function entryOf(request: FastifyRequest, reply: FastifyReply, what: string, at: number): Omit<AuditEntry, 'id'> {
  const { name: who = '', role } = request.caller ?? {};
  const { statusCode } = reply;
  const params = request.params as { id?: string; name?: string };
  const body = typeof request.body === 'object' && request.body !== null ? (request.body as Record<string, unknown>) : {};
  const made = String(reply.getHeader('location') ?? '').match(/^\/v1\/operations\/(.+)$/)?.[1];
  const operation = made ?? params.id;
  const subject = params.name ?? [body.kind, body.name, body.id].find((text) => typeof text === 'string');
  return {
    at,
    who,
    ...(role === undefined ? {} : { role }),
    requestId: request.id,
    what,
    ...(typeof subject === 'string' ? { subject: auditText(subject) } : {}),
    ...(operation === undefined ? {} : { operation: auditText(operation) }),
    ...(typeof body.reason === 'string' ? { reason: auditText(body.reason) } : {}),
    result: statusCode < 400 ? 'done' : statusCode === 403 ? 'refused' : 'failed',
    ...(request.errorCode === undefined ? {} : { code: request.errorCode }),
  };
}
