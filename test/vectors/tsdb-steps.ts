/** Recordings of `kilda-otsdb-dump` and `kilda-otsdb-restore`, step by step: the shape, and what may be held against them. */
import { execFileSync } from 'node:child_process';
import { z } from 'zod';
import { ServerState } from './tsdb-server.ts';

const request = z.strictObject({
  method: z.string(),
  path: z.string(),
  status: z.int(),
  replyBody: z.string().optional(),
  requestBody: z.string().optional(),
  contentType: z.string().optional(),
});

export const Step = z.strictObject({
  tool: z.enum(['dump', 'restore']),
  run: z.strictObject({ argv: z.array(z.string()), exit: z.int(), stdout: z.string(), stderr: z.string() }),
  elapsedSeconds: z.number().optional(),
  requests: z.array(request),
  filesAfter: z.record(z.string(), z.string()),
  env: z.record(z.string(), z.string()).optional(),
  /** The server is started anew with it before the step. */
  state: ServerState.optional(),
});
export type Step = z.infer<typeof Step>;

export const Recording = z.strictObject({
  name: z.string(),
  description: z.string(),
  env: z.record(z.string(), z.string()),
  serverState: ServerState,
  steps: z.array(Step).min(1),
  note: z.string().optional(),
});
export type Recording = z.infer<typeof Recording>;

export const KillRecording = z.strictObject({
  name: z.string(),
  description: z.string(),
  metaAtKill: z.strictObject({ start: z.int(), end: z.int() }),
  dumpBytesAtKill: z.int(),
  rowsAtKill: z.int(),
  secondRunExit: z.int(),
  expectedPoints: z.int().min(2),
  distinctPointsInDump: z.int(),
  missingPoints: z.int(),
  firstMissing: z.array(z.int()).min(1),
  lastMissing: z.array(z.int()),
});
export type KillRecording = z.infer<typeof KillRecording>;

/** One point, comparable: `metric|tags sorted|ms|number`. */
export function pointText(metric: string, tags: Readonly<Record<string, string>>, ms: number, number: string): string {
  const sorted = Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1));
  // Both zeros are one: the format of the dump knows no sign of zero.
  return `${metric}|${JSON.stringify(sorted)}|${ms}|${Number(number) + 0 || 0}`;
}

export interface Window {
  startMs: number;
  stopMs: number;
}

export interface Truth {
  /** Points of the window, sorted. */
  points: string[];
  /** All points of the server, sorted, for what lies outside. */
  all: string[];
  /** The window holds values that are no numbers. */
  unsendable: boolean;
}

const SECONDS = 2 ** 32;
const inMs = (time: number): number => (time > SECONDS ? time : time * 1000);

/** What a dump of the windows has to bring, from the state alone. */
export function truthOf({ series, rawm, metrics }: ServerState, prefix: string, windows: readonly Window[]): Truth {
  const found: { text: string; ms: number }[] = [];
  let unsendable = false;
  const inside = (ms: number): boolean => windows.some(({ startMs, stopMs }) => ms >= startMs && ms < stopMs);
  const add = (metric: string, tags: Record<string, string>, ms: number, number: string | null): void => {
    if (!metrics.includes(metric) || !metric.startsWith(prefix)) return;
    if (number !== null && Number.isFinite(Number(number))) found.push({ text: pointText(metric, tags, ms, number), ms });
    else if (inside(ms)) unsendable = true;
  };
  for (const { metric, tags, points } of series) for (const [time, number] of points) add(metric, tags, inMs(time), number);
  for (const text of Object.values(rawm ?? {})) {
    const plain = text.replace(/(?<=[:[,]\s*)-?(NaN|Infinity)(?=\s*[,}\]])/g, 'null');
    const objects = z
      .array(
        z.object({
          metric: z.string(),
          tags: z.record(z.string(), z.string()),
          aggregateTags: z.array(z.string()).default([]),
          dps: z.union([z.record(z.string(), z.unknown()), z.array(z.tuple([z.number(), z.unknown()]))]),
        }),
      )
      .parse(JSON.parse(plain));
    for (const { metric, tags, aggregateTags, dps } of objects) {
      if (aggregateTags.length > 0) continue;
      const pairs = Array.isArray(dps) ? dps : Object.entries(dps);
      for (const [time, value] of pairs) add(metric, tags, inMs(Number(time)), value === null ? null : String(value));
    }
  }
  const texts = (points: typeof found): string[] => points.map(({ text }) => text).sort();
  return { points: texts(found.filter(({ ms }) => inside(ms))), all: texts(found), unsendable };
}

const LETTERS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** What stands between the quotes of a Python text. */
function unescaped(inner: string): string {
  return inner.replace(/\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|(.))/g, (_all, ...[two, four, eight, letter]: string[]) => {
    const code = two ?? four ?? eight;
    return code === undefined ? (LETTERS[letter!] ?? letter!) : String.fromCodePoint(Number.parseInt(code, 16));
  });
}

/** Rows of a dump, read without any code of ours: CSV with pipes, tags as a Python dict. */
export function rowsOf(text: string): { points: { text: string; ms: number }[]; unreadable: number } {
  const points: { text: string; ms: number }[] = [];
  let unreadable = 0;
  const lines = text.split('\n');
  for (const [at, line] of lines.entries()) {
    if (line.replace('\r', '') === '') continue;
    const whole = at < lines.length - 1;
    const fields = [...line.replace(/\r$/, '').matchAll(/(?:^|\|)(?:"((?:[^"]|"")*)"|([^|]*))/g)].map(([, quoted, bare]) =>
      quoted === undefined ? (bare ?? '') : quoted.replaceAll('""', '"'),
    );
    const [time = '', metric = '', tags = '', number = ''] = fields;
    const pairs = [...tags.matchAll(/(['"])((?:\\.|(?!\1).)*)\1/g)].map(([, , inner = '']) => unescaped(inner));
    if (!whole || !line.endsWith('\r') || fields.length !== 4 || !/^\{.*\}$/.test(tags) || pairs.length % 2 !== 0) {
      unreadable += 1;
      continue;
    }
    const found: Record<string, string> = {};
    for (let at = 0; at < pairs.length; at += 2) found[pairs[at]!] = pairs[at + 1]!;
    const ms = Math.round(Number(time) * 1000);
    points.push({ text: pointText(metric, found, ms, number), ms });
  }
  return { points, unreadable };
}

/** Points of put bodies. */
export function putPoints(bodies: readonly string[]): string[] {
  const schema = z.array(z.strictObject({ metric: z.string(), timestamp: z.number(), value: z.number(), tags: z.record(z.string(), z.string()) }));
  return bodies
    .flatMap((body) => schema.parse(JSON.parse(body)))
    .map(({ metric, tags, timestamp, value }) => pointText(metric, tags, timestamp, String(value)))
    .sort();
}

/** What is in the first list more often than in the second. */
export function moreThan(some: readonly string[], than: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const text of than) left.set(text, (left.get(text) ?? 0) + 1);
  return some.filter((text) => {
    const count = left.get(text) ?? 0;
    left.set(text, count - 1);
    return count <= 0;
  });
}

/** The value of an option in the arguments of a step, in either way it may be written. */
export function option(argv: readonly string[], flag: string): string | undefined {
  const joined = argv.findLast((text) => text.startsWith(`${flag}=`));
  if (joined !== undefined) return joined.slice(flag.length + 1);
  const at = argv.lastIndexOf(flag);
  return at < 0 ? undefined : argv[at + 1];
}

const DUMP_FLAGS = ['--remove-metadata'];

/** `OPENTSDB_ENDPOINT TIME_START`, wherever the options stand. */
function positionals(argv: readonly string[]): string[] {
  const found: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const text = argv[at]!;
    if (!text.startsWith('-')) found.push(text);
    else if (!text.includes('=') && !DUMP_FLAGS.includes(text)) at++;
  }
  return found;
}

/** The window a dump was asked for, from its arguments and its time zone alone; `stopMs` is absent when it ends with the run. */
export function askedWindow(argv: readonly string[], zone: string): { startMs: number; stopMs?: number } {
  const inZone = (text: string): number => {
    const local = text.replace(' ', 'T');
    const program = `new Date(${JSON.stringify(local.includes('T') ? local : `${local}T00:00:00`)}).getTime()`;
    return Number(execFileSync(process.execPath, ['-p', program], { env: { TZ: zone }, encoding: 'utf8' }));
  };
  const stop = option(argv, '--time-stop');
  const startMs = inZone(positionals(argv)[1] ?? '');
  return stop === undefined ? { startMs } : { startMs, stopMs: inZone(stop) };
}
