import { expect, test } from 'vitest';
import type { ApiRequest } from '../src/index.ts';
import { caller, pathOf, SCHEMAS } from '../src/index.ts';

test('a call is its route with everything in its place', async () => {
  const sent: ApiRequest[] = [];
  const call = caller(
    async (request, options: { tag: string }) => {
      sent.push(request);
      return { options };
    },
    { tag: 'standard' },
  );
  await call('GET /healthz');
  await call('GET /v1/operations', { query: { state: ['failed', 'running'], kind: 'a b', cursor: undefined, limit: 3 } });
  const answer = await call(
    'POST /v1/operations/:id/approve',
    { params: { id: 'op/1' }, body: { reason: 'ok', stages: undefined } },
    { tag: 'mine' },
  );
  await call('POST /v1/operations', { body: { kind: 'k', params: {} }, headers: { 'idempotency-key': 'x' } });
  expect(sent.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /healthz',
    'GET /v1/operations?state=failed&state=running&kind=a+b&limit=3',
    'POST /v1/operations/op%2F1/approve',
    'POST /v1/operations',
  ]);
  expect(sent[0]).toMatchObject({ headers: {} });
  expect(sent[2]).toMatchObject({ headers: { 'content-type': 'application/json' }, body: '{"reason":"ok"}' });
  expect(sent[3]?.headers).toEqual({ 'content-type': 'application/json', 'idempotency-key': 'x' });
  expect(answer).toEqual({ options: { tag: 'mine' } });
});

test('what a call writes, the schema of its route reads', () => {
  const query = new URLSearchParams(pathOf('GET /v1/operations', { query: { state: 'failed', limit: 3 } }).split('?')[1]);
  const given = Object.fromEntries(
    [...query.keys()].map((name) => [name, query.getAll(name).length > 1 ? query.getAll(name) : query.get(name)]),
  );
  expect(SCHEMAS['GET /v1/operations'].query.parse(given)).toEqual({ state: ['failed'], limit: 3 });
});
