/** From the JSON schema of a kind's params to fields of a form, and from what was typed back to params. Pure. */
import type { Json } from '../wire.ts';

export interface JsonSchema {
  type?: string;
  enum?: Json[];
  default?: Json;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  minimum?: number;
  maximum?: number;
  pattern?: string;
}

export type Shape = 'text' | 'number' | 'duration' | 'time' | 'yes-no' | 'choice' | 'list' | 'json';

export interface Field {
  name: string;
  shape: Shape;
  required: boolean;
  schema: JsonSchema;
  /** What is taken when nothing is typed, as it would be typed. */
  preset: string;
  /** Names a target: the configured ones are offered. */
  target: boolean;
}

const TIMES: ReadonlySet<string> = new Set(['startMs', 'stopMs']);
const TARGETS = /^(source|sink|services|cluster|from)$/;

export function fieldsOf(schema: JsonSchema): Field[] {
  const required = new Set(schema.required);
  const fields = Object.entries(schema.properties ?? {}).map(([name, property]): Field => {
    const shape = shapeOf(name, property);
    const preset = property.default === undefined ? '' : shown(property.default, shape);
    return {
      name,
      shape,
      required: required.has(name) && property.default === undefined,
      schema: property,
      preset,
      target: TARGETS.test(name),
    };
  });
  return [...fields.filter((field) => field.required), ...fields.filter((field) => !field.required)];
}

function shapeOf(name: string, { type, enum: choices, items }: JsonSchema): Shape {
  if (choices) return 'choice';
  if (type === 'boolean') return 'yes-no';
  if (type === 'integer' || type === 'number') return TIMES.has(name) ? 'time' : name.endsWith('Ms') ? 'duration' : 'number';
  if (type === 'string') return 'text';
  return type === 'array' && items?.type === 'string' ? 'list' : 'json';
}

function shown(value: Json, shape: Shape): string {
  if (shape === 'duration' && typeof value === 'number') return durationText(value);
  if (shape === 'time' && typeof value === 'number') return new Date(value).toISOString().slice(0, 19);
  if (shape === 'list' && Array.isArray(value)) return value.join('\n');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const UNITS: readonly [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

export function durationText(ms: number): string {
  const [unit, size] = UNITS.find(([, each]) => ms !== 0 && ms % each === 0) ?? ['ms', 1];
  return `${ms / size} ${unit}`;
}

/** `1 d`, `90s`, `1500` (milliseconds); undefined when it is none of that. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit = 'ms'] = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?\s*$/.exec(text) ?? [];
  if (number === undefined) return undefined;
  const size = UNITS.find(([name]) => name === (unit === 'm' ? 'min' : unit))?.[1] ?? 1;
  return Math.round(Number(number) * size);
}

export type Parsed = { params: Record<string, Json>; problems?: undefined } | { params?: undefined; problems: Record<string, string> };

/** What was typed as params; what is empty is left out, so that the kind's own default holds. */
export function paramsOf(fields: readonly Field[], typed: Readonly<Record<string, string>>): Parsed {
  const params: Record<string, Json> = {};
  const problems: Record<string, string> = {};
  for (const { name, shape, required, preset } of fields) {
    const text = typed[name] ?? '';
    if (text.trim() === '') {
      if (required) problems[name] = 'is needed';
      continue;
    }
    if (text === preset) continue;
    const value = parse(text, shape);
    if (value === undefined) problems[name] = WRONG[shape];
    else params[name] = value;
  }
  return Object.keys(problems).length > 0 ? { problems } : { params };
}

const WRONG: Record<Shape, string> = {
  text: 'is not a text',
  number: 'is not a number',
  duration: 'is not a length of time such as 30 s, 5 min, 1 h or 1 d',
  time: 'is not a time',
  'yes-no': 'is neither yes nor no',
  choice: 'is none of the choices',
  list: 'is not a list',
  json: 'is not JSON',
};

function parse(text: string, shape: Shape): Json | undefined {
  switch (shape) {
    case 'number':
      return Number.isFinite(Number(text)) ? Number(text) : undefined;
    case 'duration':
      return parseDuration(text);
    case 'time': {
      // The field has no zone: windows are UTC.
      const at = Date.parse(`${text}Z`);
      return Number.isNaN(at) ? undefined : at;
    }
    case 'yes-no':
      return text === 'true';
    case 'list':
      return text
        .split(/[\n,]/)
        .map((line) => line.trim())
        .filter((line) => line !== '');
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
