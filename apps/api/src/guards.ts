/** What every request passes before a handler sees it: the host it names, the site it comes from, and whether the store answers. */
import { randomUUID } from 'node:crypto';
import type { Store } from '@longshore/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CrossSite, ForeignHost, StoreSilent } from './errors.ts';
import { isLoopbackHost } from './listen.ts';
import type { Auth } from './setup.ts';

/** How long a request waits for a sign of life of the store before it is turned away. */
export const STORE_PATIENCE_MS = 3_000;

const REQUEST_ID = /^[\w.-]{1,64}$/;
/** The caller's `X-Request-Id` when it is a harmless one, else a new one. */
export function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Browsers name the site a request comes from; other programs do not send these headers. */
export function refuseCrossSite(request: FastifyRequest, auth: Auth): void {
  const { host, origin } = request.headers;
  // Without tokens, a foreign name that leads here would be enough for a page to be let in. With them, a page of that name has no cookie.
  if (auth === 'none' && !isLoopbackHost(host)) throw ForeignHost({ host: String(host ?? '') });
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw CrossSite({ from: origin ?? String(site) });
  if (origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host)) throw CrossSite({ from: origin });
}

/** Commands to a lost Redis wait for its return; a request should not. Throws `LSH_STORE_SILENT` before anything was changed. */
export async function storeAnswers(store: Pick<Store, 'getShared'>, patienceMs: number = STORE_PATIENCE_MS): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(StoreSilent({ waitedMs: patienceMs })), patienceMs);
  try {
    await Promise.race([store.getShared('api-sign-of-life'), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export function guard(server: FastifyInstance, auth: Auth, tls: boolean): void {
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('cache-control', 'no-store');
    // A browser that has been here once does not come without TLS again.
    if (tls) reply.header('strict-transport-security', 'max-age=31536000');
    refuseCrossSite(request, auth);
  });
}

/** Before anything is asked of the store: the caller's token, too, is looked up there. */
export function awaitStore(server: FastifyInstance, store: Pick<Store, 'getShared'>): void {
  server.addHook('onRequest', async (request) => {
    if (request.url.startsWith('/v1/')) await storeAnswers(store);
  });
}
