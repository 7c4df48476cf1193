/**
 * JSON in and out as brpc has it: 64-bit integers as plain numbers; what is not set is absent; unknown fields are passed over; an optional field of
 * the wrong type is dropped without a word, a required one that is wrong or missing is a 400.
 */

export type FieldType = 'string' | 'number' | 'bool' | 'numbers' | 'message' | 'messages';

export interface Field {
  type: FieldType;
  required?: true;
  /** Of a message, or of each in a list. */
  fields?: Fields;
}

export type Fields = Readonly<Record<string, Field>>;

export type Message = { [field: string]: unknown };

/** A request that cannot be read: a 400 with this text. */
export class BadRequest extends Error {}

export function readMessage(text: string, fields: Fields): Message {
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text, exact as (key: string, value: unknown) => unknown);
  } catch (error) {
    if (error instanceof SyntaxError) throw new BadRequest(`Fail to parse http body as json: ${error.message}`);
    throw error;
  }
  return pick(value, fields, '');
}

function exact(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
    ? BigInt(context!.source!)
    : value;
}

function pick(value: unknown, fields: Fields, path: string): Message {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadRequest(`${path || 'body'} is no object`);
  const found: Message = {};
  for (const [name, field] of Object.entries(fields)) {
    const given = (value as Message)[name];
    if (given !== undefined && given !== null && hasType(given, field.type)) {
      const read = (value: unknown): Message => pick(value, field.fields ?? {}, `${path}${name}.`);
      if (field.type === 'messages') found[name] = (given as unknown[]).map(read);
      else found[name] = field.type === 'message' ? read(given) : given;
      continue;
    }
    if (field.required) throw new BadRequest(`Missing or invalid required field: ${path}${name}`);
  }
  return found;
}

function hasType(value: unknown, type: FieldType): boolean {
  const isNumber = (one: unknown): boolean => typeof one === 'number' || typeof one === 'bigint';
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'number':
      return isNumber(value);
    case 'bool':
      return typeof value === 'boolean';
    case 'numbers':
      return Array.isArray(value) && value.every(isNumber);
    case 'messages':
      return Array.isArray(value);
    case 'message':
      return typeof value === 'object' && !Array.isArray(value);
  }
}

/** Undefined fields and empty lists are left out. */
export function writeMessage(message: Message): string {
  return JSON.stringify(message, (_key, value: unknown) => {
    if (typeof value === 'bigint') return (JSON as unknown as { rawJSON(text: string): object }).rawJSON(String(value));
    return Array.isArray(value) && value.length === 0 ? undefined : value;
  });
}
