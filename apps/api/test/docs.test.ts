/** The description of the API, for programs and for people. */
import { ANSWERS } from '@longshore/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ACCESS } from '../src/access.ts';
import type { Fixture } from './fixture.ts';
import { makeApi } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = makeApi({ auth: 'tokens' });
});
afterEach(() => fixture.server.close());

interface Description {
  openapi: string;
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown>; requestBody?: object }>>;
}

test('has every route under /v1, each with a name of its own', async () => {
  const description = (await fixture.server.inject('/openapi.json')).json<Description>();
  expect(description.openapi).toBe('3.1.0');
  const routes = Object.entries(description.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
  const wanted = Object.keys(ACCESS).filter((route) => route.includes(' /v1/'));
  const found = routes.map(({ path, method }) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`);
  expect(found.filter((route) => route.includes(' /v1/')).sort()).toEqual(wanted.sort());
  expect(new Set(routes.map(({ operation }) => operation.operationId)).size).toBe(routes.length);
  expect(description.paths['/v1/operations']?.post?.requestBody).toMatchObject({
    content: { 'application/json': { schema: { required: ['kind', 'params'], additionalProperties: false } } },
  });
});

test('tells what the main routes answer with, and they do', async () => {
  const open = makeApi();
  const { paths } = (await open.server.inject('/openapi.json')).json<Description>();
  expect(paths['/v1/operations']?.get?.responses['2XX']).toMatchObject({
    content: { 'application/json': { schema: { properties: { operations: { items: { $ref: '#/components/schemas/Operation' } } } } } },
  });
  const { id } = await open.call('POST /v1/operations', { body: { kind: 'test.copy', params: { from: 'here' } } });
  for (const [route, path] of [
    ['GET /v1/me', '/v1/me'],
    ['GET /v1/operations', '/v1/operations'],
    ['GET /v1/operations/:id', `/v1/operations/${id}`],
    ['GET /v1/operations/:id/tasks', `/v1/operations/${id}/tasks`],
    ['GET /v1/operations/:id/report', `/v1/operations/${id}/report`],
  ] as const)
    expect(ANSWERS[route]?.safeParse((await open.server.inject(path)).json()), route).toMatchObject({ success: true });
  await open.server.close();
});

test('the page asks nobody for anything and runs nothing', async () => {
  const page = await fixture.server.inject('/docs');
  expect(page.headers['content-type']).toMatch(/^text\/html/);
  expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
  expect(page.body).not.toMatch(/<script|https?:|src=|@import|url\(/);
  expect(page.body).toContain('<code>/v1/operations/{id}/approve</code>');
});
