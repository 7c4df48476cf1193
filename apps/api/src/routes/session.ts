/** Who asks, and a cookie for browsers: the page gives the token once, and its scripts never see it again. */
import type { Me } from '@longshore/contract';
import { SCHEMAS } from '@longshore/contract';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../caller.ts';
import { COOKIE, callerOf, named } from '../caller.ts';
import type { ApiSetup } from '../setup.ts';
import type { Api } from './api.ts';

/** A browser is asked for the token again after a working day. */
const SESSION_SECONDS = 43_200;

export function sessionRoutes(api: Api, { engine, auth }: ApiSetup): void {
  const { store, clock } = engine;

  api.post('/v1/session', { schema: SCHEMAS['POST /v1/session'] }, async (request, reply) => {
    if (auth === 'none') return me(named(request));
    const given = request.body?.token ?? '';
    const caller = await callerOf(given, store, clock);
    reply.header('set-cookie', cookie(given, SESSION_SECONDS, isSecure(request)));
    return me(caller);
  });
  api.delete('/v1/session', async (request, reply) => {
    reply.header('set-cookie', cookie('', 0, isSecure(request)));
    return reply.code(204).send();
  });
  api.get('/v1/me', async (request) => me(request.caller!));
}

/** A proxy with TLS speaks plainly to us; the page that asks knows better. */
function isSecure({ protocol, headers }: FastifyRequest): boolean {
  return protocol === 'https' || headers.origin?.startsWith('https:') === true;
}

function me({ name, role, auth }: Caller): Me {
  return { name, role, auth };
}

function cookie(value: string, seconds: number, secure: boolean): string {
  return `${COOKIE}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
}
