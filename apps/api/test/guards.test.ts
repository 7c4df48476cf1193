import { memoryStore, systemClock } from '@longshore/core';
import { RedisUnreachable } from '@longshore/fleet';
import { afterEach, describe, expect, test } from 'vitest';
import { storeAnswers } from '../src/guards.ts';
import { authAt, isLoopbackHost, parseListen } from '../src/listen.ts';
import type { Fixture } from './fixture.ts';
import { makeApi } from './fixture.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.server.close();
  fixture = undefined;
});

describe('where it listens', () => {
  test.each([
    ['127.0.0.1:8750', { host: '127.0.0.1', port: 8750 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
    ['unix:/run/l.sock', { path: '/run/l.sock' }],
  ])('%s', (text, address) => expect(parseListen(text)).toEqual(address));

  test.each([':8750', 'a b:80', '[::1:80', '8750', '127.0.0.1', 'unix:relative', '127.0.0.1:99999'])('%s is refused', (text) =>
    expect(() => parseListen(text)).toThrow(expect.objectContaining({ code: 'LSH_API_ADDRESS' })),
  );

  test.each(['127.0.0.1:8750', '[::1]:1', 'localhost:1', 'unix:/run/l.sock'])('%s asks for tokens only when told to', (text) => {
    expect([undefined, 'none' as const, 'tokens' as const].map((wanted) => authAt(text, wanted))).toEqual(['none', 'none', 'tokens']);
  });

  test.each(['0.0.0.0:8750', '[::]:8750', '10.0.0.1:80', 'example.org:80'])('%s is served with tokens or not at all', (text) => {
    expect([undefined, 'tokens' as const].map((wanted) => authAt(text, wanted))).toEqual(['tokens', 'tokens']);
    expect(() => authAt(text, 'none')).toThrow(expect.objectContaining({ code: 'LSH_API_LISTEN' }));
  });
});

test.each([
  ['localhost', true],
  ['LOCALHOST:8750', true],
  ['127.0.0.1:1', true],
  ['[::1]:8750', true],
  ['evil.example', false],
  ['localhost.evil.example:80', false],
  ['127.0.0.1.evil.example', false],
  ['', false],
  [undefined, false],
])('the host %s is ours: %s', (host, ours) => expect(isLoopbackHost(host)).toBe(ours));

describe('browsers', () => {
  test.each([
    ['a foreign host name', { host: 'rebound.example' }, 'LSH_HOST_REFUSED'],
    ['a page of another site', { host: 'localhost:8750', 'sec-fetch-site': 'cross-site' }, 'LSH_CROSS_SITE'],
    ['a page of another port', { host: 'localhost:8750', 'sec-fetch-site': 'same-site' }, 'LSH_CROSS_SITE'],
    ['a foreign origin', { host: 'localhost:8750', origin: 'http://evil.example' }, 'LSH_CROSS_SITE'],
    ['an opaque origin', { host: 'localhost:8750', origin: 'null' }, 'LSH_CROSS_SITE'],
  ])('%s is refused before anything else', async (_what, headers, code) => {
    fixture = makeApi();
    const payload = { kind: 'test.copy', params: { from: 'a' } };
    const reply = await fixture.server.inject({ method: 'POST', url: '/v1/operations', payload, headers });
    expect([reply.statusCode, reply.json().error.code]).toEqual([403, code]);
    expect((await fixture.store.list({ limit: 1 })).operations).toEqual([]);
  });

  test('its own pages and typed addresses are served', async () => {
    fixture = makeApi();
    for (const headers of [
      { host: 'localhost:8750', 'sec-fetch-site': 'same-origin', origin: 'http://localhost:8750' },
      { host: 'localhost:8750', 'sec-fetch-site': 'none' },
    ])
      expect((await fixture.server.inject({ url: '/v1/kinds', headers })).statusCode).toBe(200);
  });
});

describe('the fleet', () => {
  test('kinds come with the schema of their parameters, targets without addresses', async () => {
    fixture = makeApi();
    const { kinds } = (await fixture.server.inject('/v1/kinds')).json();
    expect(kinds).toMatchObject([{ name: 'test.copy', params: { type: 'object', required: ['from'], additionalProperties: false } }]);
    expect((await fixture.server.inject('/v1/targets')).json()).toEqual({ targets: [{ name: 'old', system: 'opentsdb' }] });
  });

  test('spools may be added where addresses are allowed, and nowhere else', async () => {
    fixture = makeApi();
    const add = (payload: object): Promise<{ statusCode: number; json(): { error: { code: string } } }> =>
      fixture!.server.inject({ method: 'POST', url: '/v1/spools', payload }) as never;
    const refused = await add({ name: 'disk', path: '/data' });
    expect([refused.statusCode, refused.json().error.code]).toEqual([403, 'LSH_SPOOL_FIXED']);
    await fixture.server.close();

    fixture = makeApi({ allowAddresses: true });
    expect((await add({ name: 'disk', path: '/data' })).statusCode).toBe(201);
    expect((await add({ name: 'disk', path: '/data' })).statusCode).toBe(200);
    expect((await add({ name: 'disk', path: '/other' })).statusCode).toBe(409);
    for (const path of ['data', '/data/../etc', '/data/.', ''])
      expect([path, (await add({ name: 'x', path })).statusCode]).toEqual([path, 400]);
    expect((await fixture.server.inject('/v1/spools')).json()).toEqual({ spools: [{ name: 'disk', path: '/data', host: 'here' }] });
  });

  test('readiness tells what is missing, liveness does not ask', async () => {
    fixture = makeApi({ ready: async () => Promise.reject(RedisUnreachable({ address: 'redis://h:1', cause: 'refused' })) });
    expect((await fixture.server.inject('/healthz')).statusCode).toBe(200);
    const reply = await fixture.server.inject('/readyz');
    expect([reply.statusCode, reply.json().error.code, reply.json().error.retryable]).toEqual([503, 'LSH_REDIS_UNREACHABLE', true]);
  });

  test('metrics are text for Prometheus', async () => {
    fixture = makeApi();
    await fixture.server.inject({ method: 'POST', url: '/v1/operations', payload: { kind: 'test.copy', params: { from: 'a' } } });
    const { body } = await fixture.server.inject('/metrics');
    expect(body).toContain('longshore_operations{state="submitted"} 1\n');
    expect(body).toContain('# TYPE longshore_queue_jobs gauge\n');
  });

  test('an unknown path is 404 in the common shape', async () => {
    fixture = makeApi();
    const reply = await fixture.server.inject('/v2/things?x=1');
    expect([reply.statusCode, reply.json().error.code]).toEqual([404, 'LSH_ROUTE_UNKNOWN']);
    expect(reply.json().error.message).toContain('/v2/things');
  });
});

test('a store that is silent makes a request fail, not hang', async () => {
  const store = { ...memoryStore(systemClock), getShared: () => new Promise<undefined>(() => undefined) };
  await expect(storeAnswers(store, 1)).rejects.toMatchObject({ code: 'LSH_STORE_SILENT', data: { retryable: true } });
});

test('what is not in the catalogue reaches the client as a number to look up, without its words', async () => {
  const store = { ...memoryStore(systemClock), list: () => Promise.reject(new Error('password=hunter2')) };
  fixture = makeApi({ store });
  const reply = await fixture.server.inject({ url: '/v1/operations', headers: { 'x-request-id': 'req-7' } });
  expect(reply.statusCode).toBe(500);
  expect(reply.json().error.code).toBe('LSH_INTERNAL');
  expect(reply.body).toContain('req-7');
  expect(reply.body).not.toContain('hunter2');
});
