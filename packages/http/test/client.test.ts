import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { LongshoreError } from '@longshore/core';
import { afterEach, describe, expect, test } from 'vitest';
import type { HttpClient, HttpOptions, HttpRequest } from '../src/index.ts';
import { effectOf, openHttp } from '../src/index.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers the first bytes of each connection with exactly this text, then ends the connection. */
async function serveRaw(reply: string | Buffer, then: 'end' | 'reset' = 'end'): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      if (then === 'end') socket.end(reply);
      else socket.write(reply, () => socket.resetAndDestroy());
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function client(base: string, options: Partial<HttpOptions> = {}): HttpClient {
  const made = openHttp({ base, ...options });
  open.push(made);
  return made;
}

const GET: HttpRequest = { method: 'GET', path: '/x', deadlineMs: 20_000, what: 'the test' };

async function failure(promise: Promise<unknown>): Promise<LongshoreError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof LongshoreError)) throw new Error('no catalogue error', { cause: error });
  return error;
}

const text = async (made: HttpClient, request: HttpRequest = GET): Promise<string> => (await made.request(request)).text(1 << 20);

describe('a request', () => {
  test('keeps prefix and query of the base, and percent-encodes its own query', async () => {
    const base = await serve((request, response) => response.end(request.url));
    const made = client(`${base}/prefix/?key=1`);
    const query = { m: 'none:größe/a b+c', ms: 'true', skip: undefined, n: 3, many: ['a', 'b'] };
    expect(await text(made, { ...GET, query })).toBe('/prefix/x?key=1&m=none%3Agr%C3%B6%C3%9Fe%2Fa%20b%2Bc&ms=true&n=3&many=a&many=b');
  });

  test('turns userinfo into an authorization header and never shows it', async () => {
    const base = await serve((request, response) => response.end(request.headers.authorization));
    const made = client(base.replace('//', '//me:s%23cret@'));
    expect(await text(made)).toBe(`Basic ${Buffer.from('me:s#cret').toString('base64')}`);
    expect(made.origin).toBe(base);
    const dead = client('http://me:s%23cret@127.0.0.1:1');
    const error = await failure(dead.request(GET));
    expect(JSON.stringify(error.data)).not.toMatch(/s%23cret|s#cret/);
    expect(() => openHttp({ base: 'ftp://me:s%23cret@host' })).toThrow(/^((?!cret).)*$/);
  });

  test('goes to a socket path', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'longshore-http-'));
    const path = join(directory, 'server.sock');
    const server = createServer((request, response) => response.end(request.url)).listen(path);
    await once(server, 'listening');
    const made = client(`unix:${path}:/v1`);
    expect(await text(made)).toBe('/v1/x');
    expect(made.origin).toBe(`unix:${path}`);
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true });
  });

  test('sends a body and does not follow a redirect', async () => {
    const base = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.writeHead(302, { location: 'http://127.0.0.1:1/', 'x-got': Buffer.concat(chunks).toString() }).end();
    });
    const reply = await client(base).request({ ...GET, method: 'POST', body: new Uint8Array([104, 105]) });
    expect([reply.status, reply.headers['x-got']]).toEqual([302, 'hi']);
    await reply.discard();
  });
});

describe('a body', () => {
  const plain = Buffer.from('cargo '.repeat(50_000));
  test.for([
    ['gzip', gzipSync(plain)],
    ['deflate', deflateSync(plain)],
    ['zstd', zstdCompressSync(plain)],
    ['br', brotliCompressSync(plain)],
    [undefined, plain],
  ] as const)('is decoded from %s and its wire bytes counted', async ([encoding, wire]) => {
    const base = await serve((_, response) => response.writeHead(200, encoding ? { 'content-encoding': encoding } : {}).end(wire));
    const reply = await client(base).request(GET);
    expect(await reply.text(plain.length)).toBe(plain.toString());
    expect(reply.wireBytes()).toBe(wire.length);
  });

  test.for([
    ['gzip', gzipSync(plain)],
    ['zstd', zstdCompressSync(plain)],
    ['br', brotliCompressSync(plain)],
  ] as const)('cut short inside %s is an error', async ([encoding, wire]) => {
    const base = await serve((_, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(wire.subarray(0, wire.length - 3)),
    );
    expect((await failure(text(client(base)))).code).toBe('LSH_HTTP_BROKEN');
  });

  test.for([
    ['shorter than its length', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort', 'end'],
    ['chunked without its last chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n', 'end'],
    ['reset', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort', 'reset'],
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n', 'end'],
    ['absent', '', 'end'],
  ] as const)('%s is an error whose effect is unknown', async ([, reply, then]) => {
    const error = await failure(text(client(await serveRaw(reply, then))));
    expect([error.code, error.data.retryable, effectOf(error)]).toEqual(['LSH_HTTP_BROKEN', true, 'unknown']);
  });

  test('may be empty whatever its encoding says', async () => {
    const base = await serve((_, response) => response.writeHead(204, { 'content-encoding': 'gzip' }).end());
    expect(await text(client(base))).toBe('');
  });

  test('longer than allowed, or no JSON, is an error', async () => {
    const base = await serve((_, response) => response.end(plain));
    const made = client(base);
    expect((await failure(made.request(GET).then((reply) => reply.text(plain.length - 1)))).code).toBe('LSH_HTTP_TOO_LARGE');
    expect((await failure(made.request(GET).then((reply) => reply.json(plain.length)))).code).toBe('LSH_HTTP_BROKEN');
  });

  test('that is discarded gives the connection back', async () => {
    const sockets = new Set<Socket>();
    const base = await serve((request, response) => {
      sockets.add(request.socket);
      response.end('{"a":1}');
    });
    const made = client(base, { connections: 1 });
    for (let i = 0; i < 5; i++) await (await made.request(GET)).discard();
    expect(await made.request(GET).then((reply) => reply.json(100))).toEqual({ a: 1 });
    expect(sockets.size).toBe(1);
  });
});

describe('an exchange', () => {
  test('that nobody answers ends at its deadline, in the head or in the body', async () => {
    const silent = client(await serve(() => undefined));
    const error = await failure(silent.request({ ...GET, deadlineMs: 30 }));
    expect([error.code, effectOf(error)]).toEqual(['LSH_HTTP_TIMEOUT', 'unknown']);
    for (const encoding of ['identity', 'gzip']) {
      const half = client(
        await serve((_, response) => response.writeHead(200, { 'content-encoding': encoding }).write(gzipSync(plainText).subarray(0, 20))),
      );
      expect((await failure(text(half, { ...GET, deadlineMs: 60 }))).code).toBe('LSH_HTTP_TIMEOUT');
    }
  });

  test("ends with the caller's reason when the caller aborts", async () => {
    const made = client(await serve((_, response) => response.writeHead(200).write('half')));
    const abort = new AbortController();
    const reason = new Error('cancelled');
    const reply = await made.request({ ...GET, signal: abort.signal });
    const reading = expect(reply.text(100)).rejects.toBe(reason);
    abort.abort(reason);
    await reading;
    await expect(made.request({ ...GET, signal: abort.signal })).rejects.toBe(reason);
  });

  test('without a server had no effect', async () => {
    for (const base of ['http://127.0.0.1:1', 'unix:/nowhere/at.sock', 'http://name.invalid']) {
      const error = await failure(client(base).request(GET));
      expect([error.code, effectOf(error), effectOf(new Error('outer', { cause: error }))]).toEqual([
        'LSH_HTTP_UNREACHABLE',
        'none',
        'none',
      ]);
    }
  });
});

describe('an address', () => {
  test.for([
    'http://169.254.169.254',
    'http://2852039166',
    'http://[fe80::1]',
    'http://[::ffff:169.254.169.254]',
    'http://100.100.100.200',
  ])('%s is refused', async (base) => {
    const error = await failure(client(base).request(GET));
    expect([error.code, error.data.retryable, effectOf(error)]).toEqual(['LSH_HTTP_ADDRESS', false, 'none']);
  });

  test('outside the rule is refused, inside it is called', async () => {
    const base = await serve((_, response) => response.end('here'));
    const port = new URL(base).port;
    expect((await failure(client(base, { allow: { hosts: ['other', `127.0.0.1:1`] } }).request(GET))).code).toBe('LSH_HTTP_ADDRESS');
    expect(await text(client(base, { allow: { hosts: [`127.0.0.1:${port}`] } }))).toBe('here');
    expect(await text(client(`http://localhost:${port}`, { allow: { hosts: ['LOCALHOST'] } }))).toBe('here');
    expect((await failure(client('http://evil.example', { allow: { hosts: ['*.good.example'] } }).request(GET))).code).toBe(
      'LSH_HTTP_ADDRESS',
    );
  });
});

const plainText = 'cargo '.repeat(50_000);
