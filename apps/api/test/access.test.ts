/** Tokens and roles, and that the table of who may use what is whole. `access-matrix.test.ts` asks every route as every role. */
import { SCHEMAS } from '@longshore/contract';
import type { AccessRole } from '@longshore/core';
import { ACCESS_ROLES } from '@longshore/core';
import { mintToken } from '@longshore/host';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ACCESS } from '../src/access.ts';
import type { Fixture } from './fixture.ts';
import { makeApi } from './fixture.ts';

let fixture: Fixture;
const tokens = new Map<AccessRole, string>();

async function give(name: string, role: AccessRole, expiresAt?: number): Promise<string> {
  const { token, record } = mintToken({ name, role, createdAt: 1, createdBy: 'test', ...(expiresAt === undefined ? {} : { expiresAt }) });
  await fixture.store.addToken(record);
  return token;
}

beforeEach(async () => {
  fixture = makeApi({ auth: 'tokens' });
  for (const role of ACCESS_ROLES) tokens.set(role, await give(role, role));
});
afterEach(() => fixture.server.close());

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function ask(method: string, url: string, headers: Record<string, string> = {}, payload?: object): Promise<[number, string?]> {
  const reply = await fixture.server.inject({ method: method as 'GET', url, headers, ...(payload === undefined ? {} : { payload }) });
  const json = reply.headers['content-type']?.toString().startsWith('application/json') ? reply.json() : {};
  return json.error === undefined ? [reply.statusCode] : [reply.statusCode, json.error.code];
}

test('the typed client has every route that is not a page for people', () => {
  const pages = ['GET /', 'GET /app/*', 'GET /docs', 'GET /openapi.json'];
  const known = Object.keys(ACCESS).filter((route) => !pages.includes(route));
  const taking = known.filter(
    (route) =>
      /:|^POST .*(session|tokens|operations|spools|drain|requeue)$/.test(route) || ['GET /v1/operations', 'GET /v1/audit'].includes(route),
  );
  expect(Object.keys(SCHEMAS).sort()).toEqual(taking.sort());
});

test('the table has every route, and no other', async () => {
  await fixture.server.ready();
  expect([...fixture.server.routeKeys].sort()).toEqual(Object.keys(ACCESS).sort());
});

test('whatever changes something has a name in the audit log, and needs more than a viewer', () => {
  for (const [route, { least, audit }] of Object.entries(ACCESS)) {
    if (route.endsWith('/v1/session')) continue;
    const changes = !route.startsWith('GET ');
    expect([route, audit !== undefined]).toEqual([route, changes]);
    expect([route, changes && (least === 'everybody' || least === 'viewer')]).toEqual([route, false]);
  }
});

describe('a token', () => {
  test('is refused with the same words whatever is wrong with it', async () => {
    const good = tokens.get('viewer')!;
    const expired = await give('old', 'admin', 1);
    const stolenName = `lsh_admin.${good.split('.').at(-1)}`;
    await fixture.store.revokeToken('operator');
    const bodies = new Set<string>();
    for (const token of [
      expired,
      stolenName,
      tokens.get('operator')!,
      `${good}A`,
      good.slice(0, -1),
      'lsh_nobody.x',
      'x',
      '',
      'lsh___proto__.',
    ]) {
      const reply = await fixture.server.inject({ url: '/v1/me', headers: bearer(token) });
      expect([token, reply.statusCode]).toEqual([token, 401]);
      expect(reply.headers['www-authenticate']).toBe('Bearer');
      bodies.add(reply.body);
    }
    expect(bodies.size).toBe(1);
    expect((await ask('GET', '/v1/me', { authorization: 'Basic YWRtaW46YQ==' }))[0]).toBe(401);
    expect((await ask('GET', '/v1/me', bearer(good)))[0]).toBe(200);
  });

  test('says who asks; a name in a header says nothing', async () => {
    const headers = { ...bearer(tokens.get('operator')!), 'x-longshore-user': 'mallory' };
    const me = await fixture.server.inject({ url: '/v1/me', headers });
    expect(me.json()).toEqual({ name: 'operator', role: 'operator', auth: 'tokens' });
    const payload = { kind: 'test.copy', params: { from: 'a' } };
    const made = await fixture.server.inject({ method: 'POST', url: '/v1/operations', payload, headers });
    expect((await fixture.store.header(made.json().id))?.owner).toBe('operator');
  });

  test('is shown once, kept as a hash, and gone when revoked', async () => {
    const admin = bearer(tokens.get('admin')!);
    const payload = { name: 'ci', role: 'operator', lifeMs: 3_600_000 };
    const made = await fixture.server.inject({ method: 'POST', url: '/v1/tokens', payload, headers: admin });
    expect(made.statusCode).toBe(201);
    const { token, expiresAt, createdBy, createdAt } = made.json<{
      token: string;
      expiresAt: number;
      createdBy: string;
      createdAt: number;
    }>();
    expect([createdBy, expiresAt - createdAt]).toEqual(['admin', 3_600_000]);
    expect(Buffer.from(token.split('.').at(-1)!, 'base64url')).toHaveLength(32);
    const secret = token.split('.').at(-1)!;
    const listed = await fixture.server.inject({ url: '/v1/tokens', headers: admin });
    expect(listed.body).not.toMatch(/hash/);
    for (const text of [
      listed.body,
      JSON.stringify(await fixture.store.tokens()),
      JSON.stringify(await fixture.store.auditEntries(undefined, 9)),
    ])
      expect(text).not.toContain(secret);
    expect(await ask('POST', '/v1/tokens', admin, payload)).toEqual([409, 'LSH_TOKEN_TAKEN']);
    expect((await ask('GET', '/v1/me', bearer(token)))[0]).toBe(200);
    expect((await ask('DELETE', '/v1/tokens/ci', admin))[0]).toBe(200);
    expect(await ask('GET', '/v1/me', bearer(token))).toEqual([401, 'LSH_TOKEN_REFUSED']);
    expect(await ask('DELETE', '/v1/tokens/ci', admin)).toEqual([404, 'LSH_TOKEN_UNKNOWN']);
    for (const name of ['', 'a b', 'a\nb', 'a;b', 'x'.repeat(65)])
      expect(await ask('POST', '/v1/tokens', admin, { name, role: 'viewer' })).toEqual([400, 'LSH_REQUEST_INVALID']);
  });
});

describe('a browser', () => {
  test('gives its token once and has a cookie that no script sees', async () => {
    const token = tokens.get('approver')!;
    const reply = await fixture.server.inject({ method: 'POST', url: '/v1/session', payload: { token } });
    expect(reply.json()).toEqual({ name: 'approver', role: 'approver', auth: 'tokens' });
    const cookie = String(reply.headers['set-cookie']);
    expect(cookie).toMatch(/^longshore_session=lsh_approver\..{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/);
    const safe = { host: 'fleet.example', origin: 'https://fleet.example' };
    const overTls = await fixture.server.inject({ method: 'POST', url: '/v1/session', payload: { token }, headers: safe });
    expect(String(overTls.headers['set-cookie'])).toMatch(/; Secure$/);
    const mine = { cookie: `theme=dark; ${cookie.split(';')[0]}` };
    expect((await fixture.server.inject({ url: '/v1/me', headers: mine })).json().name).toBe('approver');
    const away = await fixture.server.inject({ method: 'DELETE', url: '/v1/session', headers: mine });
    expect([away.statusCode, String(away.headers['set-cookie'])]).toEqual([204, expect.stringContaining('Max-Age=0')]);
    const foreign = { ...mine, host: 'fleet.example', origin: 'https://evil.example' };
    expect(await ask('POST', '/v1/fleet/open', foreign)).toEqual([403, 'LSH_CROSS_SITE']);
  });

  test('with a wrong token gets no cookie', async () => {
    const reply = await fixture.server.inject({ method: 'POST', url: '/v1/session', payload: { token: 'lsh_admin.x' } });
    expect([reply.statusCode, reply.headers['set-cookie']]).toEqual([401, undefined]);
  });

  test('may come by any name of the host where tokens are asked for', async () => {
    const headers = { ...bearer(tokens.get('viewer')!), host: 'fleet.example', origin: 'https://fleet.example' };
    expect((await ask('GET', '/v1/me', headers))[0]).toBe(200);
  });
});

test('where no token is asked for, everybody is an admin by the name that is given', async () => {
  await fixture.server.close();
  fixture = makeApi();
  const me = await fixture.server.inject({ url: '/v1/me', headers: { 'x-longshore-user': 'ann' } });
  expect(me.json()).toEqual({ name: 'ann', role: 'admin', auth: 'none' });
  expect((await fixture.server.inject({ method: 'POST', url: '/v1/session' })).json().role).toBe('admin');
  expect((await ask('GET', '/v1/me', { 'x-longshore-user': 'a b' }))[0]).toBe(400);
});
