import { afterEach, describe, expect, test } from 'vitest';
import type { Fixture } from './fixture.ts';
import { makeApi } from './fixture.ts';

let fixture: Fixture;
afterEach(() => fixture.server.close());

const submit = (payload: object, headers: Record<string, string> = {}): Promise<{ statusCode: number; json(): never; headers: object }> =>
  fixture.server.inject({ method: 'POST', url: '/v1/operations', payload, headers }) as never;

describe('submitting', () => {
  test('is accepted with 202, an id and the place to look', async () => {
    fixture = makeApi();
    const reply = await fixture.server.inject({
      method: 'POST',
      url: '/v1/operations',
      payload: { kind: 'test.copy', params: { from: 'a' }, reason: 'try' },
      headers: { 'x-longshore-user': 'ann', 'x-request-id': 'r-1' },
    });
    expect(reply.statusCode).toBe(202);
    const { id } = reply.json<{ id: string }>();
    expect(reply.headers.location).toBe(`/v1/operations/${id}`);
    expect(reply.headers['x-request-id']).toBe('r-1');
    const shown = (await fixture.server.inject(`/v1/operations/${id}`)).json();
    expect(shown).toMatchObject({
      header: { owner: 'ann', reason: 'try', params: { from: 'a', count: 1 }, state: 'submitted' },
      tasks: [],
    });
  });

  test('the same idempotency key gives the same operation', async () => {
    fixture = makeApi();
    const payload = { kind: 'test.copy', params: { from: 'a' } };
    const first: { id: string } = (await submit(payload, { 'idempotency-key': 'k' })).json();
    const again: { id: string; created: boolean } = (await submit(payload, { 'idempotency-key': 'k' })).json();
    const other: { id: string } = (await submit(payload, { 'idempotency-key': 'l' })).json();
    expect(again).toEqual({ id: first.id, created: false });
    expect(other.id).not.toBe(first.id);
  });

  test.each([
    ['an unknown field', { kind: 'test.copy', params: {}, state: 'running' }, 400, 'LSH_REQUEST_INVALID', /state/],
    ['an owner', { kind: 'test.copy', params: { from: 'a' }, owner: 'root' }, 400, 'LSH_REQUEST_INVALID', /owner/],
    ['no kind', { params: {} }, 400, 'LSH_REQUEST_INVALID', /not right: kind is missing$/],
    ['a kind that is no text', { kind: 7, params: {} }, 400, 'LSH_REQUEST_INVALID', /kind must be a text, not a number/],
    ['a kind nobody knows', { kind: 'test.cpoy', params: {} }, 400, 'LSH_KIND_UNKNOWN', /test\.cpoy.*test\.copy/],
    ['a wrong parameter', { kind: 'test.copy', params: { from: 7 } }, 400, 'LSH_PARAMS_INVALID', /from must be a text, not a number/],
    ['an unknown parameter', { kind: 'test.copy', params: { from: 'a', to: 'b' } }, 400, 'LSH_PARAMS_INVALID', /"to"/],
    ['a body that is too large', { kind: 'test.copy', params: { from: 'a'.repeat(300_000) } }, 413, 'LSH_REQUEST_LARGE', /262144/],
  ])('%s is refused by name', async (_what, payload, status, code, message) => {
    fixture = makeApi();
    const reply = await submit(payload);
    expect(reply.statusCode).toBe(status);
    const body: { error: { code: string; message: string; fix: string; retryable: boolean } } = reply.json();
    expect(body.error).toMatchObject({ code, retryable: false });
    expect(body.error.message).toMatch(message);
    expect(body.error.fix).not.toBe('');
    expect((await fixture.store.list({ limit: 10 })).operations).toEqual([]);
  });

  test('a body that is not JSON, or none at all, is a wrong request', async () => {
    fixture = makeApi();
    const broken = await fixture.server.inject({
      method: 'POST',
      url: '/v1/operations',
      payload: '{"kind": ',
      headers: { 'content-type': 'application/json' },
    });
    expect([broken.statusCode, broken.json().error.code]).toEqual([400, 'LSH_REQUEST_INVALID']);
    const polluted = await fixture.server.inject({
      method: 'POST',
      url: '/v1/operations',
      payload: '{"kind": "test.copy", "params": {"__proto__": {"from": "a"}}}',
      headers: { 'content-type': 'application/json' },
    });
    expect(polluted.statusCode).toBe(400);
    const form = await fixture.server.inject({
      method: 'POST',
      url: '/v1/operations',
      payload: '{"kind": "test.copy", "params": {"from": "a"}}',
      headers: { 'content-type': 'application/x-www-form-urlencoded' }, // what curl -d says by itself
    });
    expect(form.statusCode).toBe(400);
    expect(form.json().error.message).toMatch(/body must be JSON.*content-type: application\/json/);
    const none = await fixture.server.inject({ method: 'POST', url: '/v1/operations' });
    expect([none.statusCode, none.json().error.code]).toEqual([400, 'LSH_REQUEST_INVALID']);
  });
});

describe('looking and acting', () => {
  test('an unknown operation is 404 on every path', async () => {
    fixture = makeApi();
    for (const rest of ['', '/plan', '/tasks', '/events', '/report', '/explain']) {
      const reply = await fixture.server.inject(`/v1/operations/op_none${rest}`);
      expect([rest, reply.statusCode, reply.json().error.code]).toEqual([rest, 404, 'LSH_OPERATION_UNKNOWN']);
    }
    for (const action of ['start', 'pause', 'resume', 'drain', 'cancel']) {
      const reply = await fixture.server.inject({ method: 'POST', url: `/v1/operations/op_none/${action}` });
      expect([action, reply.statusCode]).toEqual([action, 404]);
    }
  });

  test('an action that the state does not allow is 409', async () => {
    fixture = makeApi();
    const { id }: { id: string } = (await submit({ kind: 'test.copy', params: { from: 'a' } })).json();
    const other = await fixture.server.inject({ method: 'POST', url: `/v1/operations/${id}/revert` });
    expect([other.statusCode, other.json().error.code]).toEqual([409, 'LSH_OPERATION_STATE']);
    await fixture.become(id, { state: 'running' });
    const now = await fixture.server.inject({ method: 'POST', url: `/v1/operations/${id}/pause`, headers: { 'x-longshore-user': 'ben' } });
    expect(now.statusCode).toBe(202);
    expect(now.json()).toMatchObject({ header: { intent: 'pause', intentBy: 'ben' } });
    expect((await fixture.server.inject(`/v1/operations/${id}/plan`)).statusCode).toBe(409);
  });

  test('whoever submits and at once thinks better of it is not refused', async () => {
    fixture = makeApi();
    for (const [action, intent] of [
      ['pause', 'pause'],
      ['drain', 'drain'],
      ['cancel', 'cancel'],
    ] as const) {
      const { id }: { id: string } = (await submit({ kind: 'test.copy', params: { from: 'a' } })).json();
      const reply = await fixture.server.inject({ method: 'POST', url: `/v1/operations/${id}/${action}` });
      expect([action, reply.statusCode, reply.json().header.intent]).toEqual([action, 202, intent]);
    }
  });

  test('the list is filtered and paged', async () => {
    fixture = makeApi();
    const ids: string[] = [];
    for (const from of ['a', 'b', 'c']) {
      const { id }: { id: string } = (await submit({ kind: 'test.copy', params: { from } })).json();
      ids.push(id);
    }
    await fixture.become(ids[1]!, { state: 'running' });
    const running = (await fixture.server.inject('/v1/operations?state=running')).json();
    expect(running.operations.map((header: { id: string }) => header.id)).toEqual([ids[1]]);
    const both = (await fixture.server.inject('/v1/operations?state=running&state=submitted')).json();
    expect(both.operations).toHaveLength(3);
    const page = (await fixture.server.inject('/v1/operations?limit=2')).json();
    const rest = (await fixture.server.inject(`/v1/operations?limit=2&cursor=${page.next}`)).json();
    expect(new Set([...page.operations, ...rest.operations].map((header: { id: string }) => header.id))).toEqual(new Set(ids));
    const bad = await fixture.server.inject('/v1/operations?sort=up');
    expect([bad.statusCode, bad.json().error.code]).toEqual([400, 'LSH_REQUEST_INVALID']);
    expect((await fixture.server.inject('/v1/operations?limit=0')).statusCode).toBe(400);
  });

  test('explain is plain text, the report has its columns', async () => {
    fixture = makeApi();
    const { id }: { id: string } = (await submit({ kind: 'test.copy', params: { from: 'a' } })).json();
    const text = await fixture.server.inject(`/v1/operations/${id}/explain`);
    expect(text.headers['content-type']).toMatch(/^text\/plain/);
    expect(text.body).toContain(`${id} is a test.copy`);
    const report = (await fixture.server.inject(`/v1/operations/${id}/report`)).json();
    expect(report).toMatchObject({ operation: id, columns: ['missing'], rows: [] });
  });
});
