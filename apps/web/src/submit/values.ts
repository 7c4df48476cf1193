/** Single values as they are typed and shown. Pure. */
import type { Json } from '../wire.ts';

export type Shape = 'text' | 'number' | 'numbers' | 'duration' | 'time' | 'yes-no' | 'choice' | 'list' | 'map' | 'json';

export function shown(value: Json, shape: Shape): string {
  if (shape === 'duration' && typeof value === 'number') return durationText(value);
  if (shape === 'time' && typeof value === 'number') return new Date(value).toISOString().slice(0, 19);
  if ((shape === 'list' || shape === 'numbers') && Array.isArray(value)) return value.join('\n');
  if (shape === 'map' && typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([name, one]) => `${name} = ${String(one)}`)
      .join('\n');
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

/** `name = value`, one a line; undefined when a line is not that, or a name comes twice. */
export function parseMap(text: string, numbers: boolean): Record<string, Json> | undefined {
  const pairs = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => /^\s*([^=]+?)\s*=\s*(.*?)\s*$/.exec(line));
  const found = new Map<string, Json>();
  for (const pair of pairs) {
    const [, name, value] = pair ?? [];
    if (name === undefined || value === undefined || found.has(name)) return undefined;
    if (numbers && (value === '' || !Number.isFinite(Number(value)))) return undefined;
    found.set(name, numbers ? Number(value) : value);
  }
  return Object.fromEntries(found);
}
