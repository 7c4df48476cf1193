import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openClient } from '../src/client.ts';
import { readMessages } from '../src/server-sent-events.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

type Answer = (request: IncomingMessage, body: string, response: ServerResponse) => void;

/** An API on a Unix socket that answers as told. */
async function serve(answer: Answer): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'longshore-client-'));
  open.push(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, 's');
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => answer(request, body, response));
  }).listen(path);
  await once(server, 'listening');
  open.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return `unix:${path}`;
}

const json = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

test('a submission whose answer is lost is sent again under the same key', async () => {
  const keys: unknown[] = [];
  const base = await serve((request, body, response) => {
    keys.push(request.headers['idempotency-key']);
    expect(JSON.parse(body)).toEqual({ kind: 'k', params: {} });
    if (keys.length === 1) response.destroy();
    else json(response, 202, { id: 'op_1', created: false });
  });
  await using client = openClient(base);
  expect(await client.submit({ kind: 'k', params: {} })).toBe('op_1');
  expect(keys).toHaveLength(2);
  expect(keys[0]).toBe(keys[1]);
});

test('an error answer comes back as the error it was', async () => {
  const base = await serve((_request, _body, response) =>
    json(response, 409, { error: { code: 'LSH_OPERATION_STATE', message: 'it is over', fix: 'Look.', retryable: false, exitCode: 4 } }),
  );
  await using client = openClient(base);
  await expect(client.act('op_1', 'pause')).rejects.toMatchObject({
    code: 'LSH_OPERATION_STATE',
    message: 'it is over',
    data: { exitCode: 4 },
  });
});

test.each([
  [200, '<html>'],
  [404, 'not found'],
  [500, '{"error": "no"}'],
])('an answer that is not ours (%i) is said to be so', async (status, text) => {
  const base = await serve((_request, _body, response) => void response.writeHead(status).end(text));
  await using client = openClient(base);
  await expect(client.workers()).rejects.toMatchObject({ data: { exitCode: 5 } });
});

test('an address that is none is called by what it was given with', () => {
  expect(() => openClient('nonsense', undefined, '--api')).toThrow('--api cannot be used: it is not a URL');
});

test('nobody there is an error with exit code 5', async () => {
  await using client = openClient(`unix:${join(tmpdir(), 'longshore-nobody-listens')}`);
  await expect(client.ready()).rejects.toMatchObject({ code: 'LSH_HTTP_UNREACHABLE', data: { exitCode: 5 } });
});

test('events tell an end from a cut, and ask to go on behind the last', async () => {
  const asked: unknown[] = [];
  const base = await serve((request, _body, response) => {
    asked.push([request.url, request.headers['last-event-id']]);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\nid: 7\ndata: {"id":"7","at":1,"type":"note","text":"ü"}\n\n');
    if (asked.length > 1) response.write('event: end\ndata: {"state":"succeeded"}\n\n');
    response.end();
  });
  await using client = openClient(base);
  const read = async (after?: string): Promise<[string[], string]> => {
    const stream = client.events('op_1', { follow: true, ...(after === undefined ? {} : { after }) });
    const texts: string[] = [];
    for (let next = await stream.next(); ; next = await stream.next()) {
      if (next.done) return [texts, next.value];
      texts.push(next.value.text);
    }
  };
  expect(await read()).toEqual([['ü'], 'cut']);
  expect(await read('7')).toEqual([['ü'], 'end']);
  expect(asked).toEqual([
    ['/v1/operations/op_1/events?follow=true', undefined],
    ['/v1/operations/op_1/events?follow=true', '7'],
  ]);
});

test('messages are put together wherever the stream is cut into pieces', async () => {
  const bytes = Buffer.from(': c\n\nid: 1\ndata: a ü\ndata: b\n\nevent: end\r\ndata: x\r\n\r\ndata: unfinished');
  for (let size = 1; size < 12; size += 1) {
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    const messages = [];
    for await (const message of readMessages(pieces())) messages.push(message);
    expect(messages).toEqual([
      { event: 'message', data: 'a ü\nb', id: '1' },
      { event: 'end', data: 'x', id: undefined },
    ]);
  }
});
