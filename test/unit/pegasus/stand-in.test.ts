/**
 * The stand-in as other people's clients use it: requests that the original's clients have sent, in whatever pieces they arrive, and what no
 * client of ours would send.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { decodeReply, encodeRequest, encodeRequestV1, RPCS } from '@longshore/pegasus';
import { type PegasusStandIn, startPegasus } from '@longshore/sandbox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let server: PegasusStandIn;
let socket: Socket;
let received: Buffer;

const dial = async (address = server.metas.split(',')[0] ?? ''): Promise<void> => {
  const [host, port] = address.split(':');
  received = Buffer.alloc(0);
  socket = connect({ host: host ?? '', port: Number(port), noDelay: true });
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    socket.emit('more');
  });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
};
beforeEach(async () => {
  server = await startPegasus({
    name: 'onebox',
    dialect: '2.6',
    tables: [
      { name: 'temp', partitions: 4, committed: 5 },
      { name: 'other', partitions: 1 },
    ],
  });
  await dial();
});
afterEach(async () => {
  socket.destroy();
  await server.close();
});

/** Whole answers, in the order they came. */
async function replies(count: number): Promise<{ error: string; name: string; seq: number }[]> {
  for (;;) {
    const found = [];
    for (let at = 0; at + 4 <= received.length && at + received.readInt32BE(at) <= received.length; at += received.readInt32BE(at))
      found.push(decodeReply(received.subarray(at, at + received.readInt32BE(at))));
    if (found.length >= count) return found.map(({ error, name, seq }) => ({ error, name, seq }));
    await once(socket, 'more');
  }
}

const folder = new URL('../../vectors/pegasus/', import.meta.url);
interface Pair {
  kind: string;
  name: string;
  request_hex: string;
  response_hex: string;
}
/** Calls of the original's clients, old and new, as they went over the wire; of each one. */
const recorded: Pair[] = readdirSync(folder)
  .filter((file) => file.startsWith('capture-'))
  .flatMap((file) => (JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { pairs: Pair[] }).pairs)
  .filter(({ kind }) => kind === 'meta' || kind === 'replica');

const wanted = recorded.map(({ name, response_hex }) => ({
  error: 'ERR_OK',
  name: `${name}_ACK`,
  seq: decodeReply(Buffer.from(response_hex, 'hex')).seq,
}));

describe('what the original’s clients have sent is answered', () => {
  test('all at once, on one connection', async () => {
    expect(recorded.length).toBeGreaterThan(10);
    socket.write(Buffer.concat(recorded.map(({ request_hex }) => Buffer.from(request_hex, 'hex'))));
    expect(await replies(recorded.length)).toEqual(wanted);
  });

  test.each([1, 7, 47])('in pieces of %i bytes', async (size) => {
    const all = Buffer.concat(recorded.slice(0, 8).map(({ request_hex }) => Buffer.from(request_hex, 'hex')));
    for (let at = 0; at < all.length; at += size) {
      socket.write(all.subarray(at, at + size));
      if (at % (8 * size) === 0) await new Promise(setImmediate);
    }
    expect(await replies(8)).toEqual(wanted.slice(0, 8));
  });
});

const call = (name: string, seq: number): Buffer => {
  const rpc = RPCS.get('RPC_CM_CLUSTER_INFO');
  if (rpc === undefined) throw new TypeError('it is no call');
  return encodeRequest({ ...rpc, name }, { seq, gpid: { app: 0, partition: 0 }, timeoutMs: 1_000, partitionHash: 0n }, {} as never);
};

test('a call nobody knows is answered as such, whatever lies in it, and the connection goes on', async () => {
  const strange = call('RPC_OF_TOMORROW', -7);
  strange.fill(0xff, strange.length - 5); // no struct anybody could read
  socket.write(Buffer.concat([strange, call('RPC_CM_CLUSTER_INFO', 0), call('RPC_CM_CLUSTER_INFO', 0)]));
  expect(await replies(3)).toEqual([
    { error: 'ERR_HANDLER_NOT_FOUND', name: 'RPC_OF_TOMORROW_ACK', seq: -7 },
    ...[1, 2].map(() => ({ error: 'ERR_OK', name: 'RPC_CM_CLUSTER_INFO_ACK', seq: 0 })),
  ]);
});

test('headers of both versions come on one connection', async () => {
  const rpc = RPCS.get('RPC_CM_LIST_NODES')!;
  const to = { seq: 2_147_483_647, gpid: { app: 0, partition: 0 }, timeoutMs: 1_000, partitionHash: 0n };
  const request = { status: 'NS_INVALID' } as never;
  socket.write(Buffer.concat([encodeRequestV1(rpc, to, request), encodeRequest(rpc, { ...to, seq: 1 }, request)]));
  expect((await replies(2)).map(({ error, seq }) => [error, seq])).toEqual([
    ['ERR_OK', 2_147_483_647],
    ['ERR_OK', 1],
  ]);
});

test.each([
  ['a header of a version nobody knows', Buffer.from('544846540000000200000030', 'hex')],
  ['a header of another length', Buffer.concat([Buffer.from('544846540000000000000031', 'hex'), Buffer.alloc(36)])],
  ['neither a call nor a page', Buffer.from('SSH-2.0-whatever\r\n')],
  ['an answer in place of a call', Buffer.from(call('RPC_CM_CLUSTER_INFO', 1).toString('hex').replace('80010001', '80010002'), 'hex')],
])('%s ends the connection, and no other', async (_, bytes) => {
  socket.write(bytes);
  await once(socket, 'close');
  await dial();
  socket.write(call('RPC_CM_CLUSTER_INFO', 1));
  expect((await replies(1)).map(({ error }) => error)).toEqual(['ERR_OK']);
});

test('pages are asked one behind the other, and the connection is kept until it is said to be the last', async () => {
  await dial(server.state.nodes[0]);
  const page = (more: string): string => `GET /replica/data_version?app_id=2 HTTP/1.1\r\nHost: node\r\n${more}\r\n`;
  socket.write(page('') + page('Connection: close\r\n'));
  await once(socket, 'end');
  expect(received.toString().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
});

test('a pattern that is none fits nothing', async () => {
  await dial(server.state.nodes[0]);
  server.state.settings.counters = true;
  const rpc = RPCS.get('RPC_CLI_CLI_CALL')!;
  const to = { seq: 1, gpid: { app: 0, partition: 0 }, timeoutMs: 1_000, partitionHash: 0n };
  socket.write(encodeRequest(rpc, to, { cmd: 'perf-counters', arguments: ['('] } as never));
  expect((await replies(1)).map(({ error }) => error)).toEqual(['ERR_OK']);
  expect(received.toString()).toContain('"counters":[]');
});
