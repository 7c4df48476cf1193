/** The bytes of JSON, and the few things one asks of them. */
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const OPEN_LIST = 0x5b;
export const CLOSE_LIST = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const MINUS = 0x2d;
export const PLUS = 0x2b;
export const DOT = 0x2e;
export const ZERO = 0x30;
export const NINE = 0x39;
export const UPPER_E = 0x45;
export const LOWER_E = 0x65;

/** The parse needs bytes that have not arrived yet. */
export const INCOMPLETE = -1;
/** Not what the grammar allows here. */
export const INVALID = -2;

export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

/** First position at or after `at` that is no white space; `end` when there is none. */
export function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  let p = at;
  while (p < end) {
    const byte = bytes[p]!;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    p++;
  }
  return p;
}

/** `at` is behind an opening quote: the position of the closing one. */
export function stringEnd(bytes: Uint8Array, at: number, end: number): number {
  for (let p = at; p < end; p++) {
    const byte = bytes[p]!;
    if (byte === QUOTE) return p;
    if (byte < 0x20) return INVALID;
    if (byte !== BACKSLASH) continue;
    const width = escapeWidth(bytes, p, end);
    if (width < 0) return width;
    p += width - 1;
  }
  return INCOMPLETE;
}

/** `at` is at a backslash: how many bytes it and what it escapes take. */
export function escapeWidth(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return INCOMPLETE;
  const kind = bytes[at + 1]!;
  if (kind !== LOWER_U) return SIMPLE_ESCAPES.includes(kind) ? 2 : INVALID;
  for (let p = at + 2; p < at + 6; p++) {
    if (p >= end) return INCOMPLETE;
    if (!isHexDigit(bytes[p]!)) return INVALID;
  }
  return 6;
}

const LOWER_U = 0x75;
const SIMPLE_ESCAPES = Buffer.from('"\\/bfnrt');

function isHexDigit(byte: number): boolean {
  return isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}

/** Bytes of numbers and of bare words. */
export function isWordByte(byte: number): boolean {
  return byte > 0x20 && byte !== COMMA && byte !== CLOSE_LIST && byte !== CLOSE_OBJECT && byte !== OPEN_LIST && byte !== OPEN_OBJECT;
}

/** The position behind a whole JSON value that begins at `at`; brackets are counted, not matched. */
export function valueEnd(bytes: Uint8Array, at: number, end: number): number {
  let depth = 0;
  for (let p = at; p < end; p++) {
    const byte = bytes[p]!;
    if (byte === QUOTE) {
      p = stringEnd(bytes, p + 1, end);
      if (p < 0) return p;
      if (depth === 0) return p + 1;
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      if (depth === 0) return p;
      if (--depth === 0) return p + 1;
    } else if (byte === COMMA && depth === 0) return p;
  }
  return INCOMPLETE;
}

export function matches(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}
