/** Who asks, found once per request: by a token in a header or a cookie, or, where the API asks for none, by the name that is given. */
import type { AccessRole, Clock, Store } from '@longshore/core';
import { mayAs } from '@longshore/core';
import { isTokenOf, nameInToken } from '@longshore/host';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { accessOf } from './access.ts';
import { NotAnybody, RequestInvalid, RoleTooLow, TokenMissing, TokenRefused } from './errors.ts';
import { limiter } from './limits.ts';
import type { ApiSetup, Auth } from './setup.ts';

export interface Caller {
  name: string;
  role: AccessRole;
  auth: Auth;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined where the route is for everybody. */
    caller: Caller | undefined;
  }
}

export const COOKIE = 'longshore_session';

const USER = /^[\w.@+-]{1,64}$/;

/** The caller's name, for the record. A route for everybody has none. */
export function userOf(request: FastifyRequest): string {
  if (request.caller === undefined) throw NotAnybody();
  return request.caller.name;
}

/** The caller behind a token. Throws `LSH_TOKEN_REFUSED`, whatever is wrong with it. */
export async function callerOf(token: string, store: Pick<Store, 'token'>, clock: Clock): Promise<Caller> {
  const name = nameInToken(token);
  const record = name === undefined ? undefined : await store.token(name);
  if (record === undefined || !isTokenOf(token, record, clock.now())) throw TokenRefused();
  return { name: record.name, role: record.role, auth: 'tokens' };
}

/**
 * Where no token is asked for, the peer is a process of this machine that may reach the socket or the loopback, and is believed: the
 * name is there for the record, it grants nothing.
 */
export function named(request: FastifyRequest): Caller {
  const given = request.headers['x-longshore-user'] ?? 'unknown';
  if (typeof given !== 'string' || !USER.test(given))
    throw RequestInvalid({ problems: ['X-Longshore-User: a name of at most 64 letters, digits and . _ @ + -'] });
  return { name: given, role: 'admin', auth: 'none' };
}

/** The token in `Authorization: Bearer …`, else in the cookie. */
export function tokenIn(request: FastifyRequest): string | undefined {
  const { authorization, cookie } = request.headers;
  if (authorization !== undefined) return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '';
  const pairs = cookie?.split(';').map((pair) => pair.trim());
  return pairs?.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
}

/**
 * Lets a request pass to its handler only when the table of routes says so, and not too often. Whatever is not known is refused.
 * Callers are counted by their names, strangers by their addresses: those cannot use up what belongs to somebody with a token.
 */
export function checkAccess(server: FastifyInstance, { auth, engine: { store, clock }, limits }: ApiSetup): void {
  const limit = limiter(limits.requestsPerSecond, clock);
  server.decorateRequest('caller', undefined);
  // Before the body is read: strangers cannot make the API read anything.
  server.addHook('onRequest', async (request) => {
    const access = accessOf(request.method, request.routeOptions.url);
    if (request.is404 || access?.least === 'everybody') return limit(`address ${request.ip}`);
    const caller = await whoAsks(request).catch((error: unknown) => {
      limit(`address ${request.ip}`);
      throw error;
    });
    limit(`name ${caller.name}`);
    request.caller = caller;
    if (access === undefined || !mayAs(caller.role, access.least)) {
      const { name, role } = caller;
      throw RoleTooLow({ name, role, least: access?.least ?? 'nobody', what: `${request.method} ${request.routeOptions.url ?? ''}` });
    }
  });

  async function whoAsks(request: FastifyRequest): Promise<Caller> {
    if (auth === 'none') return named(request);
    const token = tokenIn(request);
    if (token === undefined) throw TokenMissing();
    return callerOf(token, store, clock);
  }
}
