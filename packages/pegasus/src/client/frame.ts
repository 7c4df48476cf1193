/** A request and an answer as bytes: the header `THFT` of version 0, thrift's envelope, and the messages inside it. */
import type { Rpc } from './messages.ts';
import { bool, type Codec, type Gpid, i32, i64, Malformed, optional, Reader, STRUCT, struct, Writer } from './thrift.ts';

const MAGIC = 'THFT';
const HEADER_BYTES = 48;
/** Thrift's strict version, call and reply. */
const CALL = 0x80010001 | 0;
const REPLY = 0x80010002 | 0;

/** Largest answer that is taken; a table of some ten thousand partitions fits in. */
export const MAX_FRAME_BYTES: number = 64 << 20;

export interface Envelope {
  seq: number;
  /** Where it goes; 0.0 for metas and commands. */
  gpid: Gpid;
  /** How long the server may take: the time that is left, so that it does not work for nobody. */
  timeoutMs: number;
  partitionHash: bigint;
}

const NOWHERE: Gpid = { app: 0, partition: 0 };

export function envelope(seq: number, timeoutMs: number): Envelope {
  return { seq, timeoutMs, gpid: NOWHERE, partitionHash: 0n };
}

function encodeBody<Q>({ name, request }: Pick<Rpc<Q, unknown>, 'name' | 'request'>, seq: number, value: Q): Buffer {
  const body = new Writer();
  body.i32(CALL);
  body.string(name);
  body.i32(seq);
  body.byte(STRUCT);
  body.i16(1);
  request.write(body, value);
  body.byte(0);
  return body.done();
}

/** Header version 0, understood by every server of 2.x. */
export function encodeRequest<Q>(rpc: Pick<Rpc<Q, unknown>, 'name' | 'request'>, to: Envelope, value: Q): Buffer {
  const body = encodeBody(rpc, to.seq, value);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32BE(HEADER_BYTES, 8);
  header.writeUInt32BE(body.length, 16);
  header.writeInt32BE(to.gpid.app, 24);
  header.writeInt32BE(to.gpid.partition, 28);
  header.writeUInt32BE(to.timeoutMs, 32);
  header.writeInt32BE((to.gpid.app * 7919 + to.gpid.partition) | 0, 36);
  header.writeBigUInt64BE(to.partitionHash, 40);
  return Buffer.concat([header, body]);
}

interface RequestMeta {
  appId?: number;
  partitionIndex?: number;
  clientTimeout?: number;
  partitionHash?: number;
  isBackupRequest?: boolean;
}
const requestMeta: Codec<RequestMeta> = struct<RequestMeta>('thrift_request_meta_v1', {
  appId: optional(1, i32),
  partitionIndex: optional(2, i32),
  clientTimeout: optional(3, i32),
  partitionHash: optional(4, i64),
  isBackupRequest: optional(5, bool),
});

/** Header version 1, which newer clients write: the same as a thrift struct. */
export function encodeRequestV1<Q>(rpc: Pick<Rpc<Q, unknown>, 'name' | 'request'>, to: Envelope, value: Q): Buffer {
  const meta = new Writer();
  requestMeta.write(meta, {
    appId: to.gpid.app,
    partitionIndex: to.gpid.partition,
    clientTimeout: to.timeoutMs,
    partitionHash: Number(to.partitionHash),
    isBackupRequest: false,
  });
  const body = encodeBody(rpc, to.seq, value);
  const metaBytes = meta.done();
  const header = Buffer.alloc(16);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32BE(1, 4);
  header.writeUInt32BE(metaBytes.length, 8);
  header.writeUInt32BE(body.length, 12);
  return Buffer.concat([header, metaBytes, body]);
}

export interface Reply {
  /** `ERR_OK`, or why there is no answer; any name is possible. */
  error: string;
  name: string;
  seq: number;
  /** The answer inside; throws `Malformed`. */
  answer<A>(codec: Codec<A>): A;
}

/** A whole frame, its length included. Throws `Malformed`. */
export function decodeReply(frame: Buffer): Reply {
  const from = new Reader(frame);
  const length = from.i32();
  if (length !== frame.length) throw new Malformed(`its length is ${frame.length}, it says ${length}`);
  const error = from.string();
  const version = from.i32();
  if (version !== REPLY) throw new Malformed(`it is no reply (0x${(version >>> 0).toString(16)})`);
  const name = from.string();
  const seq = from.i32();
  return {
    error,
    name,
    seq,
    answer(codec) {
      const wire = from.byte();
      if (wire !== codec.wire) throw new Malformed(wire === 0 ? 'it holds no answer' : `the answer has type ${wire}`);
      const id = from.i16();
      if (id !== 0) throw new Malformed(`the answer is field ${id}`);
      const value = codec.read(from);
      if (from.byte() !== 0 || from.left > 0) throw new Malformed(`${from.left} bytes are left behind the answer`);
      return value;
    },
  };
}

/** Cuts a stream into frames. Throws `Malformed` on a length that cannot be. */
export class FrameCutter {
  #rest: Buffer = Buffer.alloc(0);

  *push(bytes: Buffer): Generator<Buffer> {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 4) {
      const length = this.#rest.readInt32BE(0);
      if (length < 4 || length > MAX_FRAME_BYTES) throw new Malformed(`it announces ${length} bytes`);
      if (this.#rest.length < length) return;
      const frame = this.#rest.subarray(0, length);
      this.#rest = this.#rest.subarray(length);
      yield frame;
    }
  }
}
