/** Tokens: made, listed and revoked by admins. A token is in the answer that made it and nowhere else. */
import { SCHEMAS } from '@longshore/contract';
import type { TokenRecord } from '@longshore/core';
import { mintToken } from '@longshore/host';
import { userOf } from '../caller.ts';
import { NoSuchToken, TokenTaken, TooManyTokens } from '../errors.ts';
import type { ApiSetup } from '../setup.ts';
import type { Api } from './api.ts';

/** One for each person and program is few; more than this is a program gone wrong. */
const MAX_TOKENS = 1_000;

export function tokenRoutes(api: Api, { engine }: ApiSetup): void {
  const { store, clock } = engine;

  api.get('/v1/tokens', async () => ({ tokens: (await store.tokens()).map(shown) }));

  api.post('/v1/tokens', { schema: SCHEMAS['POST /v1/tokens'] }, async (request, reply) => {
    const { name: given, role, lifeMs } = request.body;
    if ((await store.tokens()).length >= MAX_TOKENS) throw TooManyTokens({ most: MAX_TOKENS });
    const now = clock.now();
    const expiry = lifeMs === undefined ? {} : { expiresAt: now + lifeMs };
    const { token, record } = mintToken({ name: given, role, createdAt: now, createdBy: userOf(request), ...expiry });
    if (!(await store.addToken(record))) throw TokenTaken({ name: given });
    return reply.code(201).send({ token, ...shown(record) });
  });

  api.delete('/v1/tokens/:name', { schema: SCHEMAS['DELETE /v1/tokens/:name'] }, async (request) => {
    if (!(await store.revokeToken(request.params.name))) throw NoSuchToken({ name: request.params.name });
    return { revoked: request.params.name };
  });
}

/** Without its hash, which nobody needs. */
function shown({ name: its, role, createdAt, createdBy, expiresAt }: TokenRecord): Omit<TokenRecord, 'hash'> {
  return { name: its, role, createdAt, createdBy, ...(expiresAt === undefined ? {} : { expiresAt }) };
}
