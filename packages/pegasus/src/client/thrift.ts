/**
 * Thrift's binary form, as far as Pegasus uses it: big-endian, typed fields, a struct ends with a zero byte. Some types (error codes,
 * partition ids, addresses) are announced as structs but are bare values without fields or an end, so that nothing can be skipped that is
 * not known: everything is read by schema, and a field no schema names is an error that says which.
 */

/** Thrown while reading; becomes `LSH_PEGASUS_MALFORMED` with the name of the server. */
export class Malformed extends Error {}

export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): number {
    if (length < 0 || length > this.left) throw new Malformed(`it ends ${length - this.left} bytes too early, at byte ${this.#at}`);
    const at = this.#at;
    this.#at += length;
    return at;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.take(1));
  }
  i16(): number {
    return this.#bytes.readInt16BE(this.take(2));
  }
  u16(): number {
    return this.#bytes.readUInt16BE(this.take(2));
  }
  i32(): number {
    return this.#bytes.readInt32BE(this.take(4));
  }
  i64(): bigint {
    return this.#bytes.readBigInt64BE(this.take(8));
  }
  double(): number {
    return this.#bytes.readDoubleBE(this.take(8));
  }
  count(): number {
    const length = this.i32();
    // Every element takes a byte at least, so that a broken length cannot take all memory.
    if (length < 0 || length > this.left) throw new Malformed(`it announces a length of ${length}, with ${this.left} bytes left`);
    return length;
  }
  string(): string {
    const length = this.count();
    const at = this.take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }
  bytes(): Buffer {
    const length = this.count();
    const at = this.take(length);
    return this.#bytes.subarray(at, at + length);
  }
}

export class Writer {
  readonly #parts: Buffer[] = [];

  #put(length: number, write: (part: Buffer) => void): void {
    const part = Buffer.alloc(length);
    write(part);
    this.#parts.push(part);
  }
  byte(value: number): void {
    this.#put(1, (part) => part.writeUInt8(value));
  }
  i16(value: number): void {
    this.#put(2, (part) => part.writeInt16BE(value));
  }
  u16(value: number): void {
    this.#put(2, (part) => part.writeUInt16BE(value));
  }
  i32(value: number): void {
    this.#put(4, (part) => part.writeInt32BE(value));
  }
  i64(value: bigint): void {
    this.#put(8, (part) => part.writeBigInt64BE(value));
  }
  double(value: number): void {
    this.#put(8, (part) => part.writeDoubleBE(value));
  }
  string(value: string): void {
    const text = Buffer.from(value, 'utf8');
    this.i32(text.length);
    this.#parts.push(text);
  }
  raw(bytes: Buffer): void {
    this.#parts.push(bytes);
  }
  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** What a codec is made of, for tests and messages that walk it. */
export type Shape =
  | { is: 'plain'; name: string }
  | { is: 'list'; of: Codec<unknown> }
  | { is: 'map'; key: Codec<unknown>; value: Codec<unknown> }
  | { is: 'struct'; name: string; fields: ReadonlyMap<string, FieldShape> };

export interface FieldShape {
  id: number;
  codec: Codec<unknown>;
  optional: boolean;
  fallback?: unknown;
}

/** How one type is on the wire. Methods, so that codecs of all types go into one table. */
export interface Codec<T> {
  /** Thrift's type byte in field and list headers. */
  readonly wire: number;
  readonly shape: Shape;
  read(from: Reader): T;
  write(to: Writer, value: T): void;
}

export const STRUCT = 12;
const plain = <T>(name: string, wire: number, read: (from: Reader) => T, write: (to: Writer, value: T) => void): Codec<T> => ({
  wire,
  shape: { is: 'plain', name },
  read,
  write,
});

/** A whole number that JavaScript holds exactly; a larger one is an error, not a rounded one. */
function exact(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new Malformed(`the number ${value} is beyond what is exact here`);
  return number;
}

export const bool: Codec<boolean> = plain(
  'bool',
  2,
  (from) => from.byte() !== 0,
  (to, value) => to.byte(value ? 1 : 0),
);
export const i32: Codec<number> = plain(
  'i32',
  8,
  (from) => from.i32(),
  (to, value) => to.i32(value),
);
export const i64: Codec<number> = plain(
  'i64',
  10,
  (from) => exact(from.i64()),
  (to, value) => to.i64(BigInt(value)),
);
export const text: Codec<string> = plain(
  'string',
  11,
  (from) => from.string(),
  (to, value) => to.string(value),
);

/** An enum by its names on the wire's numbers. A number without a name is kept as text, `42`. */
export function enumeration<N extends string>(names: Readonly<Record<N, number>>): Codec<N> {
  const byNumber = new Map(Object.entries<number>(names).map(([name, number]) => [number, name as N]));
  return plain(
    'enum',
    8,
    (from) => {
      const number = from.i32();
      return byNumber.get(number) ?? (String(number) as N);
    },
    (to, name) => to.i32(names[name]),
  );
}

/** Announced as a struct, on the wire a text: `ERR_OK`. */
export const errorCode: Codec<string> = plain(
  'error_code',
  STRUCT,
  (from) => from.string(),
  (to, value) => to.string(value),
);

/** A partition: its index and its table. Bare: the sum of both, the index in the high half, so that a negative table borrows from it. */
export type Gpid = { app: number; partition: number };
export const gpid: Codec<Gpid> = plain(
  'gpid',
  STRUCT,
  (from) => {
    const high = from.i32();
    const app = from.i32();
    // Servers write -1.-1 (all of them) as two halves instead.
    return { app, partition: app < 0 && high !== -1 ? high + 1 : high };
  },
  (to, { app, partition }) => to.i64((BigInt(partition) << 32n) + BigInt(app)),
);

/** `127.0.0.1:34801`; null where there is none. Bare: four bytes, the port, and two bytes of which the last two bits say IPv4. */
export const rpcAddress: Codec<string | null> = plain(
  'rpc_address',
  STRUCT,
  (from) => {
    const host = [from.byte(), from.byte(), from.byte(), from.byte()].join('.');
    const port = from.u16();
    return (from.u16() & 3) === 1 ? `${host}:${port}` : null;
  },
  (to, address) => {
    const [host = '0.0.0.0', port = '0'] = address?.split(':') ?? [];
    for (const part of host.split('.')) to.byte(Number(part));
    to.u16(Number(port));
    to.u16(address === null ? 0 : 1);
  },
);

/** `rs1.example:34801`; null where there is none. Bare: host, port, kind. */
export const hostPort: Codec<string | null> = plain(
  'host_port',
  STRUCT,
  (from) => {
    const host = from.string();
    const port = from.u16();
    return from.byte() === 0 ? null : `${host}:${port}`;
  },
  (to, address) => {
    const at = address?.lastIndexOf(':') ?? -1;
    to.string(address?.slice(0, at) ?? '');
    to.u16(address === null ? 0 : Number(address.slice(at + 1)));
    to.byte(address === null ? 0 : 1);
  },
);

export function list<T>(of: Codec<T>): Codec<T[]> {
  return {
    wire: 15,
    shape: { is: 'list', of: of as Codec<unknown> },
    read(from) {
      const wire = from.byte();
      const length = from.count();
      if (length > 0 && wire !== of.wire) throw new Malformed(`a list holds type ${wire} instead of ${of.wire}`);
      return Array.from({ length }, () => of.read(from));
    },
    write(to, values) {
      to.byte(of.wire);
      to.i32(values.length);
      for (const value of values) of.write(to, value);
    },
  };
}

export function map<K extends string | number, V>(key: Codec<K>, value: Codec<V>): Codec<Map<K, V>> {
  return {
    wire: 13,
    shape: { is: 'map', key: key as Codec<unknown> as Codec<unknown>, value: value as Codec<unknown> },
    read(from) {
      const wires = [from.byte(), from.byte()];
      const length = from.count();
      if (length > 0 && (wires[0] !== key.wire || wires[1] !== value.wire)) throw new Malformed(`a map holds types ${wires.join(' and ')}`);
      return new Map(Array.from({ length }, () => [key.read(from), value.read(from)] as const));
    },
    write(to, entries) {
      to.byte(key.wire);
      to.byte(value.wire);
      to.i32(entries.size);
      for (const [one, of] of entries) {
        key.write(to, one);
        value.write(to, of);
      }
    },
  };
}

export interface Field<T> {
  id: number;
  codec: Codec<T>;
  optional: boolean;
  fallback?: T;
}

export const field = <T>(id: number, codec: Codec<T>): Field<T> => ({ id, codec, optional: false });
/** May be absent. With a `fallback` its absence means that value, and that value is not written. */
export const optional = <T>(id: number, codec: Codec<T>, fallback?: T): Field<T> =>
  fallback === undefined ? { id, codec, optional: true } : { id, codec, optional: true, fallback };

type Fields<T> = { [K in keyof T]-?: Field<NonNullable<T[K]> | (null extends T[K] ? null : never)> };

/** `name` is the type's name in the interface definition of Pegasus. */
export function struct<T extends object>(name: string, fields: Fields<T>): Codec<T> {
  const all = Object.entries(fields) as [string, Field<unknown>][];
  const byId = new Map(all.map(([key, one]) => [one.id, { key, ...one }]));
  return {
    wire: STRUCT,
    shape: { is: 'struct', name, fields: new Map(all) },
    read(from) {
      const found: Record<string, unknown> = {};
      for (let wire = from.byte(); wire !== 0; wire = from.byte()) {
        const id = from.i16();
        const known = byId.get(id);
        if (known === undefined) throw new Malformed(`${name} has a field ${id} of type ${wire} that is not known here`);
        if (known.codec.wire !== wire) throw new Malformed(`field ${id} of ${name} has type ${wire} instead of ${known.codec.wire}`);
        found[known.key] = known.codec.read(from);
      }
      for (const [key, one] of all) {
        if (key in found) continue;
        if (!one.optional) throw new Malformed(`${name} has no field ${one.id} (${key})`);
        if (one.fallback !== undefined) found[key] = one.fallback;
      }
      return found as T;
    },
    write(to, value) {
      for (const [key, { id, codec, fallback }] of all) {
        const given = (value as Record<string, unknown>)[key];
        if (given === undefined || given === fallback) continue;
        to.byte(codec.wire);
        to.i16(id);
        codec.write(to, given);
      }
      to.byte(0);
    },
  };
}
