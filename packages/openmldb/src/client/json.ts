/**
 * JSON as brpc's servers write it: 64-bit integers are plain numbers, and some are larger than a double can hold. Those become bigints here,
 * digit for digit; everything else is as usual.
 */

interface ReviverContext {
  /** The text a number was read from. */
  source?: string;
}

export function parseJson(text: string): unknown {
  const revive = (_key: string, value: unknown, context?: ReviverContext): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '') ? BigInt(context!.source!) : value;
  return JSON.parse(text, revive as (this: unknown, key: string, value: unknown) => unknown) as unknown;
}

interface RawJson {
  rawJSON(text: string): object;
}

/** Bigints are written as plain numbers: brpc takes a string in place of a number for nothing at all. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? (JSON as unknown as RawJson).rawJSON(String(one)) : one));
}
