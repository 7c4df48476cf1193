/**
 * Sends points over `/api/put`: several requests at once, in bodies as large as the server takes them, each sent again until the server
 * has taken every point of it or has said which ones it will never take.
 */
import type { Clock, Random } from '@longshore/core';
import { pauseBefore } from '@longshore/http';
import { PutBusy, PutRefused } from '../client/kilda/index.ts';
import type { OpenTsdbSink, PutError, PutResult } from '../client/opentsdb/index.ts';

/** Nothing is known of the server: what every OpenTSDB takes. */
export const FIRST_BYTES = 4_096;
const LEAST_BYTES = 512;
/** Larger bodies gain nothing. */
const MOST_BYTES = 256 * 1024;
/** After so many requests that went well, larger ones are tried. */
const GROW_AFTER = 4;
const TRIES = { attempts: 12, firstPauseMs: 250, maxPauseMs: 30_000 };

export interface PutSettings {
  /** Fixed by the user; otherwise it is learned. */
  bodyBytes?: number;
  /** Answered when the points are stored. */
  sync: boolean;
  /** OpenTSDB itself: it says which points it did not take, and the same point twice is one point. */
  exact: boolean;
  /** The sink can be asked what it has: a request whose outcome is not known is not sent again blindly, its error is thrown. */
  lookUp?: boolean;
  /** Called before a request leaves. */
  leaving?(): Promise<void>;
}

export interface RejectedPoint {
  reason: string;
  point: string;
}

export interface PutCounts {
  requests: number;
  retries: number;
  bytes: number;
  /** Points of requests whose answer never came, sent again to a server that keeps both. */
  maybeDoubled: number;
}

interface Deps {
  clock: Clock;
  random: Random;
  signal: AbortSignal;
}

export class PutWriter {
  readonly counts: PutCounts = { requests: 0, retries: 0, bytes: 0, maybeDoubled: 0 };
  readonly #sink: OpenTsdbSink;
  readonly #settings: PutSettings;
  readonly #deps: Deps;
  #bytes: number;
  /** The server has refused this size. */
  #ceiling: number;
  #well = 0;

  constructor(sink: OpenTsdbSink, settings: PutSettings, deps: Deps, startBytes: number = FIRST_BYTES) {
    this.#sink = sink;
    this.#settings = settings;
    this.#deps = deps;
    this.#bytes = settings.bodyBytes ?? startBytes;
    this.#ceiling = settings.bodyBytes ?? MOST_BYTES;
  }

  /** Bytes of a body at the moment. */
  get bodyBytes(): number {
    return this.#bytes;
  }

  /** Sends all of them; gives those the server will never take. */
  async send(objects: Iterable<string>): Promise<RejectedPoint[]> {
    const source = objects[Symbol.iterator]();
    const rejected: RejectedPoint[] = [];
    let over = false;
    let held: IteratorResult<string, unknown> | undefined;
    const nextBody = (): string[] => {
      const body: string[] = [];
      let bytes = 2;
      while (!over) {
        const next = held ?? source.next();
        held = undefined;
        if (next.done) over = true;
        // Not a byte more: the first body would be refused by every server whose limit it is.
        else if (body.length > 0 && bytes + Buffer.byteLength(next.value) + 1 > this.#bytes) {
          held = next;
          break;
        } else {
          body.push(next.value);
          bytes += Buffer.byteLength(next.value) + 1;
        }
      }
      return body;
    };
    const lane = async (): Promise<void> => {
      try {
        for (let body = nextBody(); body.length > 0; body = nextBody()) rejected.push(...(await this.#sendBody(body)));
      } catch (error) {
        over = true;
        throw error;
      }
    };
    // When one fails, no other begins a request, and all have ended before that is told.
    const lanes = await Promise.allSettled(Array.from({ length: this.#sink.settings.connections }, lane));
    const failed = lanes.find((ended) => ended.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return rejected;
  }

  async #sendBody(objects: string[]): Promise<RejectedPoint[]> {
    const rejected: RejectedPoint[] = [];
    const { clock, random, signal } = this.#deps;
    const { sync, exact } = this.#settings;
    let left = objects;
    for (let failures = 0; ; ) {
      signal.throwIfAborted();
      const body = `[${left.join(',')}]`;
      const flags: ('details' | 'sync')[] = exact ? (sync ? ['details', 'sync'] : ['details']) : [];
      await this.#settings.leaving?.();
      const result = await this.#sink.put(body, { flags });
      this.counts.requests += 1;
      this.counts.bytes += body.length;
      if (result.result === 'taken') {
        this.#grow();
        return rejected;
      }
      if (this.#settings.lookUp === true && (result.result === 'unknown' || result.result === 'busy' || result.result === 'partly'))
        throw 'error' in result ? result.error : PutBusy({ sink: this.#sink.name, status: result.status, reason: result.reason });
      if (result.result === 'too-large' || (result.result === 'unknown' && result.closed && failures > 0)) {
        this.#shrink(body.length);
        if (left.length > 1) {
          const middle = Math.ceil(left.length / 2);
          rejected.push(...(await this.#sendBody(left.slice(0, middle))), ...(await this.#sendBody(left.slice(middle))));
          return rejected;
        }
      }
      if (result.result === 'refused' || result.result === 'too-large')
        throw PutRefused({
          sink: this.#sink.name,
          status: 'status' in result ? result.status : 413,
          reason: result.reason,
          points: left.length,
        });
      if (result.result === 'partly') {
        if (result.errors.length === 0)
          throw PutRefused({ sink: this.#sink.name, status: result.status, reason: result.reason, points: left.length });
        const { again, never, unnamed } = sortErrors(left, result.errors);
        // More have failed than it names: which, only sending all of them again can tell.
        if (unnamed === 0 && result.failed <= again.length + never.length) {
          rejected.push(...never);
          left = again;
          if (left.length === 0) return rejected;
        }
      }
      if (!exact && mayHaveLanded(result)) this.counts.maybeDoubled += left.length;
      failures += 1;
      this.counts.retries += 1;
      if (failures >= TRIES.attempts)
        throw 'error' in result ? result.error : PutBusy({ sink: this.#sink.name, status: result.status, reason: result.reason });
      const wait = result.result === 'busy' ? result.retryAfterMs : undefined;
      await clock.sleep(pauseBefore(failures, TRIES, random, wait), signal);
    }
  }

  #grow(): void {
    this.#well += 1;
    if (this.#well % GROW_AFTER === 0) this.#bytes = Math.min(this.#ceiling, this.#bytes * 2);
  }

  #shrink(bytes: number): void {
    this.#well = 0;
    this.#ceiling = Math.max(LEAST_BYTES, Math.min(this.#ceiling, Math.floor(bytes * 0.75)));
    this.#bytes = Math.max(LEAST_BYTES, Math.min(this.#bytes, Math.floor(bytes / 2)));
  }
}

/** Nobody can tell whether points of the request took effect. 429 and 503 are said before a request is read. */
export function mayHaveLanded(result: PutResult): boolean {
  return result.result === 'unknown' || (result.result === 'busy' && result.status !== 429 && result.status !== 503);
}

const LATER = /throttle|storage exception|timed? ?out|timeout|try again|not.*queue/i;

/**
 * Which points of a request are to be sent again, and which never. A point the answer names is found by its metric, time and tags; `unnamed`:
 * errors that belong to none of them.
 */
export function sortErrors(
  objects: readonly string[],
  errors: readonly PutError[],
): { again: string[]; never: RejectedPoint[]; unnamed: number } {
  const byKey = new Map<string, string[]>();
  for (const { error, datapoint } of errors) {
    const key = keyOf(datapoint);
    byKey.set(key, [...(byKey.get(key) ?? []), error]);
  }
  const again: string[] = [];
  const never: RejectedPoint[] = [];
  for (const object of objects) {
    const reasons = byKey.get(keyOf(JSON.parse(object)));
    const reason = reasons?.shift();
    if (reason === undefined) continue;
    if (LATER.test(reason)) again.push(object);
    else never.push({ reason, point: object });
  }
  return { again, never, unnamed: errors.length - again.length - never.length };
}

function keyOf(point: unknown): string {
  if (typeof point !== 'object' || point === null) return '';
  const { metric, timestamp, tags } = point as { metric?: unknown; timestamp?: unknown; tags?: unknown };
  const pairs = typeof tags === 'object' && tags !== null ? Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1)) : [];
  return JSON.stringify([metric, timestamp, pairs]);
}
