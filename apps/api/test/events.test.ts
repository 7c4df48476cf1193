import { once } from 'node:events';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import type { Fixture } from './fixture.ts';
import { makeApi } from './fixture.ts';

let fixture: Fixture;
afterEach(() => fixture.server.close());

async function operation(): Promise<string> {
  fixture = makeApi();
  const reply = await fixture.server.inject({
    method: 'POST',
    url: '/v1/operations',
    payload: { kind: 'test.copy', params: { from: 'a' } },
  });
  return reply.json<{ id: string }>().id;
}

const ids = (body: string): string[] => [...body.matchAll(/^id: (.+)$/gm)].map(([, id]) => id!);

test('a final operation gives all its events and then the end', async () => {
  const id = await operation();
  await fixture.store.addEvent(id, { at: 1, type: 'note', text: 'line one\nline two' });
  await fixture.become(id, { state: 'succeeded' });
  const reply = await fixture.server.inject(`/v1/operations/${id}/events`);
  expect(reply.headers['content-type']).toMatch(/^text\/event-stream/);
  expect(reply.body).toContain('\\nline two');
  expect(ids(reply.body)).toHaveLength(2);
  expect(reply.body).toMatch(/event: end\ndata: {"state":"succeeded"}\n\n$/);
});

test('Last-Event-ID goes on behind that event', async () => {
  const id = await operation();
  for (const text of ['one', 'two', 'three']) await fixture.store.addEvent(id, { at: 1, type: 'note', text });
  await fixture.become(id, { state: 'failed' });
  const all = ids((await fixture.server.inject(`/v1/operations/${id}/events`)).body);
  const rest = await fixture.server.inject({ url: `/v1/operations/${id}/events`, headers: { 'last-event-id': all[1]! } });
  expect(ids(rest.body)).toEqual(all.slice(2));
  const byQuery = await fixture.server.inject(`/v1/operations/${id}/events?after=${all[2]}`);
  expect(ids(byQuery.body)).toEqual(all.slice(3));
});

test('what is no id of an event is refused before the stream begins', async () => {
  const id = await operation();
  for (const asked of [
    { url: `/v1/operations/${id}/events?after=yesterday` },
    { url: `/v1/operations/${id}/events`, headers: { 'last-event-id': '5;6' } },
  ])
    expect((await fixture.server.inject(asked)).statusCode).toBe(400);
});

test('without following it ends with what there is, though the operation lives', async () => {
  const id = await operation();
  const reply = await fixture.server.inject(`/v1/operations/${id}/events?follow=false`);
  expect(ids(reply.body)).toHaveLength(1);
  expect(reply.body).toContain('"state":"submitted"');
});

test('a live stream carries what happens later and ends with the operation', async () => {
  const id = await operation();
  await fixture.server.listen({ port: 0, host: '127.0.0.1' });
  const { port } = fixture.server.server.address() as AddressInfo;
  const request = get({ port, host: '127.0.0.1', path: `/v1/operations/${id}/events` });
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  response.setEncoding('utf8');
  let body = '';
  for await (const chunk of response as AsyncIterable<string>) {
    const before = body;
    body += chunk;
    if (before === '') {
      await fixture.store.addEvent(id, { at: 2, type: 'note', text: 'happened later' });
    } else if (!before.includes('happened later') && body.includes('happened later')) {
      await fixture.become(id, { state: 'cancelled' });
      await fixture.store.addEvent(id, { at: 3, type: 'state', text: 'cancelled' });
    }
  }
  expect(body).toContain('happened later');
  expect(body).toMatch(/event: end\ndata: {"state":"cancelled"}\n\n$/);
});

test('closing the server ends open streams', async () => {
  const id = await operation();
  await fixture.server.listen({ port: 0, host: '127.0.0.1' });
  const { port } = fixture.server.server.address() as AddressInfo;
  const request = get({ port, host: '127.0.0.1', path: `/v1/operations/${id}/events` });
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  response.on('error', () => undefined);
  const closed = once(response, 'close');
  response.resume();
  await fixture.server.close();
  await closed;
});

test('streams are counted, and given back when they end', async () => {
  fixture = makeApi({ limits: { streams: 1 } });
  const made = await fixture.server.inject({
    method: 'POST',
    url: '/v1/operations',
    payload: { kind: 'test.copy', params: { from: 'a' } },
  });
  const path = `/v1/operations/${made.json<{ id: string }>().id}/events`;
  await fixture.server.listen({ port: 0, host: '127.0.0.1' });
  const { port } = fixture.server.server.address() as AddressInfo;
  const request = get({ port, host: '127.0.0.1', path });
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  const refused = await fixture.server.inject(path);
  expect([refused.statusCode, refused.json().error.code]).toEqual([503, 'LSH_STREAM_LIMIT']);
  expect(refused.headers['retry-after']).toBeDefined();
  response.destroy();
  await vi.waitFor(async () => expect((await fixture.server.inject(`${path}?follow=false`)).statusCode).toBe(200));
});
