/** Thrift's binary form from the server's side, written for the stand-in alone. */
import { Buffer } from 'node:buffer';

export const T = { bool: 2, byte: 3, double: 4, i16: 6, i32: 8, i64: 10, text: 11, struct: 12, map: 13, list: 15 } as const;

/** Fields of a struct as they came, by their number. */
export type Fields = Map<number, unknown>;
/** What the fields of type struct really are; a nested one is given by its own. */
export type Inner = 'gpid' | 'address' | 'host-port' | { [id: number]: Inner };

export class BadRequest extends Error {}

export class In {
  readonly #bytes: Buffer;
  #at: number;
  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }
  #skip(length: number): number {
    if (length < 0 || this.#at + length > this.#bytes.length) throw new BadRequest('the request ends too early');
    this.#at += length;
    return this.#at - length;
  }
  byte(): number {
    return this.#bytes[this.#skip(1)] ?? 0;
  }
  i16(): number {
    return this.#bytes.readInt16BE(this.#skip(2));
  }
  i32(): number {
    return this.#bytes.readInt32BE(this.#skip(4));
  }
  i64(): bigint {
    return this.#bytes.readBigInt64BE(this.#skip(8));
  }
  text(): string {
    const length = this.i32();
    const at = this.#skip(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  #value(type: number, inner: Inner | undefined): unknown {
    switch (type) {
      case T.bool:
        return this.byte() !== 0;
      case T.byte:
        return this.byte();
      case T.double:
        return this.#bytes.readDoubleBE(this.#skip(8));
      case T.i16:
        return this.i16();
      case T.i32:
        return this.i32();
      case T.i64:
        return Number(this.i64());
      case T.text:
        return this.text();
      case T.list: {
        const of = this.byte();
        return Array.from({ length: this.i32() }, () => this.#value(of, inner));
      }
      case T.map: {
        const [key, value] = [this.byte(), this.byte()];
        return new Map(Array.from({ length: this.i32() }, () => [this.#value(key, undefined), this.#value(value, inner)]));
      }
      case T.struct:
        if (inner === 'gpid') return { partition: this.i32(), app: this.i32() };
        if (inner === 'address') {
          const host = [this.byte(), this.byte(), this.byte(), this.byte()].join('.');
          const port = this.i16() & 0xffff;
          return (this.i16() & 3) === 1 ? `${host}:${port}` : null;
        }
        if (inner === 'host-port') {
          const host = this.text();
          const port = this.i16() & 0xffff;
          return this.byte() === 0 ? null : `${host}:${port}`;
        }
        return this.struct(inner ?? {});
      default:
        throw new BadRequest(`type ${type} is none of thrift's`);
    }
  }

  struct(inner: { [id: number]: Inner }): Fields {
    const fields: Fields = new Map();
    for (let type = this.byte(); type !== 0; type = this.byte()) {
      const id = this.i16();
      fields.set(id, this.#value(type, inner[id]));
    }
    return fields;
  }
}

/** Grows a struct field by field. */
export class Out {
  readonly #parts: Buffer[] = [];
  #raw(bytes: Buffer | number[]): this {
    this.#parts.push(Buffer.from(bytes));
    return this;
  }
  field(id: number, type: number, value: Buffer): this {
    return this.#raw([type, id >> 8, id & 255]).#raw(value);
  }
  i32(id: number, value: number): this {
    return this.field(id, T.i32, i32(value));
  }
  i64(id: number, value: number): this {
    return this.field(id, T.i64, i64(value));
  }
  bool(id: number, value: boolean): this {
    return this.field(id, T.bool, Buffer.from([value ? 1 : 0]));
  }
  text(id: number, value: string): this {
    return this.field(id, T.text, text(value));
  }
  /** A type that is announced as a struct and is bare inside; a whole struct too. */
  bare(id: number, value: Buffer): this {
    return this.field(id, T.struct, value);
  }
  list(id: number, type: number, items: Buffer[]): this {
    return this.field(id, T.list, Buffer.concat([Buffer.from([type]), i32(items.length), ...items]));
  }
  map(id: number, key: number, value: number, pairs: [Buffer, Buffer][]): this {
    return this.field(id, T.map, Buffer.concat([Buffer.from([key, value]), i32(pairs.length), ...pairs.flat()]));
  }
  /** With the byte that ends a struct. */
  end(): Buffer {
    return Buffer.concat([...this.#parts, Buffer.from([0])]);
  }
}

export function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
export function i64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}
export function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([i32(bytes.length), bytes]);
}
export function gpid(app: number, partition: number): Buffer {
  return Buffer.concat([i32(partition), i32(app)]);
}
export function address(given: string | null): Buffer {
  if (given === null) return Buffer.alloc(8);
  const [host = '', port = '0'] = given.split(':');
  const bytes = Buffer.from([...host.split('.').map(Number), 0, 0, 0, 1]);
  bytes.writeUInt16BE(Number(port), 4);
  return bytes;
}
export function hostPort(given: string | null): Buffer {
  const [host = '', port = '0'] = (given ?? ':0').split(':');
  const tail = Buffer.alloc(3);
  tail.writeUInt16BE(Number(port), 0);
  tail[2] = given === null ? 0 : 1;
  return Buffer.concat([text(host === '127.0.0.1' ? 'localhost' : host), tail]);
}
