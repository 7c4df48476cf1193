/** Recordings of `kilda-otsdb-dump` and `kilda-otsdb-restore`, step by step: the shape, and what may be held against them. */
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
  /** All points of the server, for what lies outside. */
  all: Set<string>;
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
  return { points: found.filter(({ ms }) => inside(ms)).map(({ text }) => text).sort(), all: new Set(found.map(({ text }) => text)), unsendable };
}

/** Rows of a dump, read without any code of ours: CSV with pipes, tags as a Python dict. */
export function rowsOf(text: string): { points: { text: string; ms: number }[]; unreadable: number } {
  const points: { text: string; ms: number }[] = [];
  let unreadable = 0;
  for (const line of text.split('\n').filter((each) => each.replace('\r', '') !== '')) {
    const fields = [...line.replace(/\r$/, '').matchAll(/(?:^|\|)(?:"((?:[^"]|"")*)"|([^|]*))/g)].map(([, quoted, bare]) =>
      quoted === undefined ? (bare ?? '') : quoted.replaceAll('""', '"'),
    );
    const [time = '', metric = '', tags = '', number = ''] = fields;
    const pairs = [...tags.matchAll(/(['"])((?:\\.|(?!\1).)*)\1/g)].map(([, , inner = '']) => inner.replace(/\\(.)/g, '$1'));
    if (!line.endsWith('\r') || fields.length !== 4 || !/^\{.*\}$/.test(tags) || pairs.length % 2 !== 0) {
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

/** The value of an option in the arguments of a step. */
export function option(argv: readonly string[], flag: string): string | undefined {
  const at = argv.indexOf(flag);
  return at < 0 ? undefined : argv[at + 1];
}
