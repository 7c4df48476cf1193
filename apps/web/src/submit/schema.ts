/**
 * From the JSON schema of a kind's params to fields of a form, and from what was typed back to params. Pure.
 *
 * Every schema gives a form: what has no input of its own is written as JSON, with an example of its shape.
 */
import type { Json } from '../wire.ts';
import { parseDuration, parseMap, type Shape, shown } from './values.ts';

export interface JsonSchema {
  type?: string | string[];
  enum?: Json[];
  const?: Json;
  default?: Json;
  description?: string;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: boolean | JsonSchema;
  required?: string[];
  items?: JsonSchema | false;
  prefixItems?: JsonSchema[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  pattern?: string;
  /** Set by a kind with `.meta({ target: '…' })`: the value names a target of this system. */
  target?: string | boolean;
}

export interface Field {
  /** Names from the outermost to the one meant; empty where the params as a whole are one JSON value. */
  path: readonly string[];
  /** The same with dots: unique in its form. */
  name: string;
  shape: Shape;
  required: boolean;
  schema: JsonSchema;
  /** What is taken when nothing is typed, as it would be typed. */
  preset: string;
  /** Names targets: the configured ones are offered, of this system where it is known. */
  target: string | boolean;
  choices: readonly Json[];
  /** What a value of its looks like, where that is not plain. */
  example?: string;
}

const TIMES: ReadonlySet<string> = new Set(['startMs', 'stopMs']);
const TARGETS = /^(source|sink|cluster|service)$/;
/** Their fields are as wide as the form. */
export const WIDE: ReadonlySet<Shape> = new Set(['list', 'numbers', 'map', 'json']);
/** Objects within objects become fields of their own down to here. */
const DEEPEST = 2;

export function fieldsOf(schema: JsonSchema): Field[] {
  if (!schema.properties) return [{ ...fieldOf([], schema, true), shape: 'json', example: exampleOf(schema) }];
  const fields = within([], schema, true);
  // What it works on is asked first, in the order in which the schema names it.
  const rank = ({ required, target, shape }: Field): number => (required ? (target ? 0 : WIDE.has(shape) ? 2 : 1) : 3);
  return fields.toSorted((one, other) => rank(one) - rank(other));
}

function within(path: readonly string[], schema: JsonSchema, needed: boolean): Field[] {
  const required = new Set(needed ? schema.required : []);
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]) => {
    const property = plain(given);
    const here = [...path, name];
    const must = required.has(name) && property.default === undefined;
    const nested = property.properties !== undefined && property.default === undefined && here.length <= DEEPEST;
    return nested ? within(here, property, must) : [fieldOf(here, property, must)];
  });
}

function fieldOf(path: readonly string[], schema: JsonSchema, required: boolean): Field {
  const last = path.at(-1) ?? '';
  const choices = choicesOf(schema);
  const shape = choices.length > 0 ? 'choice' : shapeOf(last, schema);
  const preset = schema.default === undefined ? '' : shown(schema.default, shape);
  const target = schema.target ?? (schema.items ? schema.items.target : undefined) ?? TARGETS.test(last);
  const field = { path, name: path.join('.'), shape, required: required && schema.const === undefined, schema, preset, target, choices };
  return shape === 'json' ? { ...field, example: exampleOf(schema) } : field;
}

/** `null` is what leaving a field empty says already. */
function plain(schema: JsonSchema): JsonSchema {
  const variants = (schema.anyOf ?? schema.oneOf)?.filter(({ type }) => type !== 'null');
  if (variants?.length === 1) {
    const { anyOf: _any, oneOf: _one, ...rest } = schema;
    return { ...variants[0], ...rest };
  }
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== 'null');
    return types.length === 1 ? { ...schema, type: types[0]! } : schema;
  }
  return schema;
}

function choicesOf({ enum: given, const: only, anyOf, oneOf }: JsonSchema): readonly Json[] {
  if (given) return given;
  if (only !== undefined) return [only];
  const variants = anyOf ?? oneOf ?? [];
  return variants.length > 0 && variants.every((one) => one.const !== undefined) ? variants.map((one) => one.const!) : [];
}

function shapeOf(name: string, { type, items, properties, additionalProperties }: JsonSchema): Shape {
  switch (type) {
    case 'boolean':
      return 'yes-no';
    case 'integer':
    case 'number':
      return TIMES.has(name) ? 'time' : name.endsWith('Ms') ? 'duration' : 'number';
    case 'string':
      return 'text';
    case 'array':
      if (!items) return 'json';
      return items.type === 'string' ? 'list' : items.type === 'integer' || items.type === 'number' ? 'numbers' : 'json';
    case 'object':
      return !properties && typeof additionalProperties === 'object' && isScalar(additionalProperties) ? 'map' : 'json';
    default:
      return 'json';
  }
}

const isScalar = ({ type }: JsonSchema): boolean => type === 'string' || type === 'number' || type === 'integer';

/** What a value of this schema looks like, as JSON: what must be there, and of variants the first. */
export function exampleOf(schema: JsonSchema): string {
  return JSON.stringify(sample(schema, 0));
}

function sample(schema: JsonSchema, depth: number): Json {
  const { type, default: preset, const: only, enum: choices, items, prefixItems, properties, required = [], minimum } = plain(schema);
  if (preset !== undefined) return preset;
  if (only !== undefined) return only;
  if (choices) return choices[0] ?? null;
  const variant = (schema.anyOf ?? schema.oneOf)?.[0];
  if (variant) return sample(variant, depth);
  if (depth > 4) return null;
  if (prefixItems) return prefixItems.map((one) => sample(one, depth + 1));
  if (type === 'array') return items ? [sample(items, depth + 1)] : [];
  if (type === 'object') return Object.fromEntries(required.map((name) => [name, sample(properties?.[name] ?? {}, depth + 1)]));
  if (type === 'boolean') return false;
  if (type === 'integer' || type === 'number') return Math.max(0, minimum ?? 0);
  return type === 'string' ? '…' : null;
}

export type Parsed = { params: Record<string, Json>; problems?: undefined } | { params?: undefined; problems: Record<string, string> };

/** What was typed as params; what is empty is left out, so that the kind's own default holds. */
export function paramsOf(fields: readonly Field[], typed: Readonly<Record<string, string>>): Parsed {
  let params: Record<string, Json> = {};
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const { path, name, shape, required, preset, schema } = field;
    const text = typed[name] ?? '';
    if (text.trim() === '') {
      // Nothing can be typed where there is one choice only.
      if (schema.const !== undefined && path.length === 1) params[name] = schema.const;
      else if (required) problems[name] = 'is needed';
      continue;
    }
    if (text === preset) continue;
    const value = parse(text, field);
    if (value === undefined) problems[name] = WRONG[shape];
    else if (path.length > 0) put(params, path, value);
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) params = value;
    else problems[name] = 'is not a JSON object';
  }
  return Object.keys(problems).length > 0 ? { problems } : { params };
}

function put(params: Record<string, Json>, path: readonly string[], value: Json): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    params[name] = value;
    return;
  }
  const inner = (params[name] ?? {}) as Record<string, Json>;
  params[name] = inner;
  put(inner, rest, value);
}

const WRONG: Record<Shape, string> = {
  text: 'is not a text',
  number: 'is not a number',
  numbers: 'is not a list of numbers',
  duration: 'is not a length of time such as 30 s, 5 min, 1 h or 1 d',
  time: 'is not a time',
  'yes-no': 'is neither yes nor no',
  choice: 'is none of the choices',
  list: 'is not a list',
  map: 'is not made of lines such as name = value',
  json: 'is not JSON',
};

const items = (text: string): string[] =>
  text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

function parse(text: string, { shape, choices, schema }: Field): Json | undefined {
  switch (shape) {
    case 'number':
      return Number.isFinite(Number(text)) ? Number(text) : undefined;
    case 'numbers': {
      const numbers = items(text).map(Number);
      return numbers.every(Number.isFinite) ? numbers : undefined;
    }
    case 'duration':
      return parseDuration(text);
    case 'time': {
      // The field has no zone: windows are UTC.
      const at = Date.parse(`${text}Z`);
      return Number.isNaN(at) ? undefined : at;
    }
    case 'yes-no':
      return text === 'true';
    case 'choice':
      return choices.find((choice) => shown(choice, 'choice') === text);
    case 'list':
      return items(text);
    case 'map':
      return parseMap(text, typeof schema.additionalProperties === 'object' && schema.additionalProperties.type !== 'string');
    case 'json':
      try {
        return JSON.parse(text) as Json;
      } catch {
        return undefined; // told to the person as a problem of this field
      }
    default:
      return text.trim();
  }
}
