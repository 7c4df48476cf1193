/**
 * Recorded exchanges of the original's own codec, held against ours: every request is encoded anew from what it says, every answer is read
 * and told again in the words of the recording.
 */
import { type Codec, decodeReply, type Envelope, encodeRequest, encodeRequestV1, RPCS } from '@longshore/pegasus';
import { expect } from 'vitest';
import { z } from 'zod';

const exchange = z.object({
  name: z.string(),
  rpc: z.string(),
  seq: z.int(),
  gpid: z.tuple([z.int(), z.int()]),
  client_timeout_ms: z.int(),
  request: z.union([z.string(), z.record(z.string(), z.unknown())]),
  request_hex: z.string(),
  response_header_error: z.string(),
  response: z.unknown(),
  response_hex: z.string(),
});
export const CodecFile = z.strictObject({ about: z.string(), vectors: z.array(exchange).min(1) });

const pair = z.object({
  node: z.string(),
  kind: z.enum(['meta', 'replica', 'http', 'zk']),
  name: z.string(),
  request_hex: z.string(),
  response_hex: z.string(),
  note: z.string(),
});
export const CaptureFile = z.strictObject({ about: z.string(), pairs: z.array(pair).min(1) });

const HEADER_BYTES = 48;

function rpcOf(name: string) {
  const rpc = RPCS.get(name);
  if (rpc === undefined) throw new Error(`the client knows no call ${name}`);
  return rpc;
}

const snake = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camel = (key: string): string => key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
/** As the Go code generator writes names. */
const goName = (key: string): string =>
  snake(key)
    .split('_')
    .map((word, at) => (word === 'id' && at > 0 ? 'ID' : word.charAt(0).toUpperCase() + word.slice(1)))
    .join('');

/** Ours told in the words of Go's `%+v`. */
function inGo(codec: Codec<unknown>, value: unknown): string {
  const { shape } = codec;
  if (shape.is === 'list') return `[${((value ?? []) as unknown[]).map((one) => inGo(shape.of, one)).join(' ')}]`;
  if (shape.is === 'map') {
    const entries = [...((value ?? new Map()) as Map<unknown, unknown>)].map(([key, one]) => `${String(key)}:${inGo(shape.value, one)}`);
    return `map[${entries.join(' ')}]`;
  }
  if (shape.is === 'struct') {
    const fields = [...shape.fields].map(([key, field]) => {
      const given = (value as Record<string, unknown>)[key];
      const inner = field.codec.shape;
      // Go keeps an optional scalar without a default behind a pointer, and prints its address.
      const pointed = field.optional && field.fallback === undefined && inner.is === 'plain' && key !== 'failMode';
      const absent = given === undefined && inner.is !== 'list' && inner.is !== 'map';
      const shown = absent ? '<nil>' : pointed && !['host_port', 'enum'].includes(inner.name) ? '0x' : inGo(field.codec, given);
      return `${goName(key)}:${shown}`;
    });
    return `${goName(shape.name)}({${fields.join(' ')}})`;
  }
  switch (shape.name) {
    case 'error_code':
      return `ErrorCode({Errno:${String(value)}})`;
    case 'gpid': {
      const { app, partition } = value as { app: number; partition: number };
      return `{Appid:${app} PartitionIndex:${partition}}`;
    }
    case 'rpc_address':
      return `RPCAddress(${String(value)})`;
    case 'host_port':
      return `HostPort(${String(value)})`;
    default:
      return String(value);
  }
}

/** What ours reads, in the form of the recording's JSON; only what that names. */
function inJson(codec: Codec<unknown>, value: unknown): unknown {
  const { shape } = codec;
  if (value === undefined) return undefined;
  if (shape.is === 'list') return (value as unknown[]).map((one) => inJson(shape.of, one));
  if (shape.is === 'map')
    return Object.fromEntries([...(value as Map<string | number, unknown>)].map(([key, one]) => [String(key), inJson(shape.value, one)]));
  if (shape.is === 'struct')
    return Object.fromEntries(
      [...shape.fields].flatMap(([key, field]) => {
        const shown = inJson(field.codec, (value as Record<string, unknown>)[key]);
        return shown === undefined ? [] : [[snake(key), shown]];
      }),
    );
  return shape.name === 'error_code' ? { Errno: value } : value;
}

/** A request of the recording as ours takes it: names without underscores. */
function asOurs(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asOurs);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [camel(key), asOurs(one)]));
}

/** Requests that the recording tells in Go's words only: read from them. */
function fromGo(text: string): Record<string, unknown> {
  const gpid = /(?:Gpid|Pid):\{Appid:(-?\d+) PartitionIndex:(-?\d+)\}/.exec(text);
  const where = { app: Number(gpid?.[1]), partition: Number(gpid?.[2]) };
  if (text.startsWith('DddDiagnoseRequest(')) return { pid: where };
  const actions = [...text.matchAll(/Target:RPCAddress\(([^)]*)\) Node:RPCAddress\(([^)]*)\) Type:(\w+)/g)];
  if (!text.startsWith('ConfigurationBalancerRequest(')) throw new Error(`a request in words nobody knows: ${text}`);
  return {
    gpid: where,
    actionList: actions.map(([, target, node, type]) => ({ target, node, type })),
    force: text.includes('Force:true'),
    balanceType: /BalanceType:(\w+)/.exec(text)?.[1],
  };
}

const isV1 = (frame: Buffer): boolean => frame.readUInt32BE(4) === 1;

export function holdCodec(file: z.infer<typeof CodecFile>): void {
  for (const one of file.vectors) {
    const rpc = rpcOf(one.rpc);
    const frame = Buffer.from(one.request_hex, 'hex');
    const to: Envelope = {
      seq: one.seq,
      gpid: { app: one.gpid[0], partition: one.gpid[1] },
      timeoutMs: one.client_timeout_ms,
      partitionHash: 0n,
    };
    const request = (typeof one.request === 'string' ? fromGo(one.request) : asOurs(one.request)) as never;
    expect((isV1(frame) ? encodeRequestV1 : encodeRequest)(rpc, to, request).toString('hex'), one.name).toBe(one.request_hex);
    const reply = decodeReply(Buffer.from(one.response_hex, 'hex'));
    expect([reply.error, reply.name, reply.seq], one.name).toEqual([one.response_header_error, `${one.rpc}_ACK`, one.seq]);
    if (reply.error !== 'ERR_OK') continue;
    const answer = reply.answer(rpc.answer);
    if (typeof one.response !== 'string') expect(inJson(rpc.answer, answer), one.name).toMatchObject(one.response as object);
    else if (typeof answer === 'string') expect(answer, one.name).toBe(one.response);
    else expect(inGo(rpc.answer, answer), one.name).toBe(one.response.replace(/0x[0-9a-f]+/g, '0x'));
  }
}

/** Seq and time-out of a header of version 0. */
function envelopeOf(frame: Buffer, body: Buffer): Envelope {
  const nameLength = body.readInt32BE(4);
  return {
    seq: body.readInt32BE(8 + nameLength),
    gpid: { app: frame.readInt32BE(24), partition: frame.readInt32BE(28) },
    timeoutMs: frame.readUInt32BE(32),
    partitionHash: frame.readBigUInt64BE(40),
  };
}

export function holdCapture(file: z.infer<typeof CaptureFile>): void {
  for (const one of file.pairs) {
    if (one.kind === 'http') holdHttp(one);
    else if (one.kind === 'zk') holdZooKeeper(one);
    else holdRpc(one);
  }
}

type Pair = z.infer<typeof pair>;

/** The request is read with the codec that writes it, and written again; the answer is read whole, and written again. */
function holdRpc({ name, request_hex, response_hex, note }: Pair): void {
  const rpc = rpcOf(name);
  const frame = Buffer.from(request_hex, 'hex');
  const body = frame.subarray(HEADER_BYTES);
  const to = envelopeOf(frame, body);
  const request = decodeBody(rpc.request as Codec<unknown>, body);
  expect(encodeRequest(rpc, to, request as never).toString('hex'), `${name}: request`).toBe(request_hex);
  if (!/0x/.test(note) && rpc.request.shape.is === 'struct' && !note.startsWith('RemoteCmd'))
    expect(`(${inGo(rpc.request as Codec<unknown>, request)})`.replace(/^\(\w+/, ''), `${name}: in words`).toBe(
      `${note.slice(note.indexOf('Req:') < 0 ? note.indexOf('Query:') : note.indexOf('Req:')).replace(/^(Req|Query):\w+/, '')}`.replace(/\}\)$/, ')'),
    );
  const reply = decodeReply(Buffer.from(response_hex, 'hex'));
  expect([reply.name, reply.seq], name).toEqual([`${name}_ACK`, to.seq]);
  if (reply.error === 'ERR_OK') expect(reply.answer(rpc.answer), name).toBeDefined();
}

function decodeBody(codec: Codec<unknown>, body: Buffer): unknown {
  // A call is a reply with another first word, its request in field 1: told to the reader of replies as one.
  const nameLength = body.readInt32BE(4);
  const asReply = Buffer.from(body);
  asReply.writeInt32BE(0x80010002 | 0, 0);
  asReply.writeInt16BE(0, 8 + nameLength + 4 + 1);
  const error = Buffer.from('\u0000\u0000\u0000\u0006ERR_OK', 'latin1');
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + error.length + asReply.length);
  return decodeReply(Buffer.concat([length, error, asReply])).answer(codec);
}

function holdHttp({ name, request_hex, response_hex, note }: Pair): void {
  const [line] = Buffer.from(request_hex, 'hex').toString('latin1').split('\r\n');
  expect(line).toBe(`GET ${name} HTTP/1.1`);
  const text = Buffer.from(response_hex, 'hex').toString('latin1');
  expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe(note);
}

/** Length, number, type and path of a ZooKeeper request. */
function holdZooKeeper({ name, request_hex, note }: Pair): void {
  const TYPES: Readonly<Record<string, number>> = { exists: 3, getData: 4, setData: 5, create: 1, ping: 11, close: -11 };
  const frame = Buffer.from(request_hex, 'hex');
  expect(frame.readInt32BE(0)).toBe(frame.length - 4);
  expect(frame.readInt32BE(8), name).toBe(TYPES[name]);
  const [path = '', data = ''] = note.split(' => ');
  if (path === '') return;
  expect(frame.toString('utf8', 16, 16 + frame.readInt32BE(12))).toBe(path);
  if (name === 'setData') expect(frame.toString('utf8')).toContain(data);
}
