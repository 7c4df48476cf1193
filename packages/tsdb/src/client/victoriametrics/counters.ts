/** The server's own counters and flags, from `/metrics`. */
import type { Wire } from './wire.ts';
import { ask } from './wire.ts';

/** Rows since the start of the server, by reason or type; keys as the server has them. */
export interface SinkCounters {
  /** Dropped although acknowledged: `small_timestamp`, `big_timestamp`, `too_many_labels`, … */
  ignored: Record<string, number>;
  /** Lines nobody could read, by protocol: `vmimport`, … */
  invalid: Record<string, number>;
  /** Counts ignored rows too. */
  inserted: number;
}

export interface SinkFlags {
  version?: string;
  /** By name without dash, as the server shows them; what is secret is not shown. Defaults are included. */
  flags: Record<string, string>;
}

const METRICS_BYTES = 32 * 1024 * 1024;
const SAMPLE = /^([a-zA-Z_:][\w:]*)\{(.*)\} ([^ ]+)$/;

/**
 * The counters lag by 1.0 s (995-1,018 ms measured): a difference between two readings is an alarm, no difference is no proof.
 * Sums over all places of a cluster that are known.
 */
export async function readCounters(wire: Wire, signal?: AbortSignal): Promise<SinkCounters> {
  const counters: SinkCounters = { ignored: {}, invalid: {}, inserted: 0 };
  for (const { name, labels, value } of await samples(wire, signal)) {
    const count = Number(value);
    if (name === 'vm_rows_ignored_total') add(counters.ignored, labels.reason ?? 'unknown', count);
    else if (name === 'vm_rows_invalid_total') add(counters.invalid, labels.type ?? 'unknown', count);
    else if (name === 'vm_rows_inserted_total' && labels.type === 'vmimport') counters.inserted += count;
  }
  return counters;
}

/** What rose between two readings, as `ignored small_timestamp` or `invalid vmimport`; a restart in between shows the whole count. */
export function risen(before: SinkCounters, after: SinkCounters): Record<string, number> {
  const by: Record<string, number> = {};
  for (const kind of ['ignored', 'invalid'] as const) {
    for (const [reason, count] of Object.entries(after[kind])) {
      const earlier = before[kind][reason] ?? 0;
      const rise = count >= earlier ? count - earlier : count;
      if (rise > 0) by[`${kind} ${reason}`] = rise;
    }
  }
  return by;
}

/** Flags with their values. `/metrics` shows defaults too, which `/flags` of 1.79.5 does not. */
export async function readFlags(wire: Wire, signal?: AbortSignal): Promise<SinkFlags> {
  const result: SinkFlags = { flags: {} };
  for (const { name, labels } of await samples(wire, signal)) {
    if (name === 'flag' && labels.name !== undefined) result.flags[labels.name] = labels.value ?? '';
    else if (name === 'vm_app_version') {
      const version = labels.short_version || labels.version;
      if (version) result.version = version;
    }
  }
  return result;
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 };

/** `1m0s`, `720h0m0s`, `100y` in ms; undefined when it is none. A bare number other than 0 is none: for retention it means months. */
export function flagDurationMs(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (text === '0') return 0;
  let ms = 0;
  let rest = text;
  while (rest !== '') {
    const part = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)/.exec(rest);
    if (part === null) return undefined;
    ms += Number(part[1]) * UNIT_MS[part[2]!]!;
    rest = rest.slice(part[0].length);
  }
  return ms;
}

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: string;
}

async function samples(wire: Wire, signal?: AbortSignal): Promise<Sample[]> {
  const found: Sample[] = [];
  for (const endpoint of wire.address.metrics) {
    const reply = await ask(wire, { endpoint, path: '/metrics', deadlineMs: wire.settings.deadlineMs, signal, what: 'show its metrics' });
    for (const line of (await reply.text(METRICS_BYTES)).split('\n')) {
      if (!line.startsWith('vm_rows_i') && !line.startsWith('flag{') && !line.startsWith('vm_app_version')) continue;
      const match = SAMPLE.exec(line.trimEnd());
      if (match !== null) found.push({ name: match[1]!, labels: labelsOf(match[2]!), value: match[3]! });
    }
  }
  return found;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name!] = value!.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
  }
  return labels;
}

function add(counts: Record<string, number>, key: string, by: number): void {
  counts[key] = (counts[key] ?? 0) + by;
}
