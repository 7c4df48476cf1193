/** The two ends of a migration by themselves: reading with the product's client, writing with one that does nothing else. */
import { Agent, request } from 'node:http';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { systemClock, systemRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import type { OpenTsdbClient, VictoriaMetricsClient } from '@longshore/tsdb';
import { openTsdb, victoriaMetrics } from '@longshore/tsdb';

const compress = promisify(zstdCompress);
/** As the product stores and sends them. */
const BLOCK_BYTES = 1 << 20;
const BODY_BYTES = 8 << 20;
const LEVEL_1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** What a fleet reads from one source at a time. */
export const LANES = 4;

const deps = { clock: systemClock, random: systemRandom, log: silentLog, signal: new AbortController().signal };

export function sourceAt(address: string): OpenTsdbClient {
  return openTsdb.connect({ name: 'source', system: 'opentsdb', address, settings: {}, secrets: {} }, deps);
}

export function sinkAt(address: string): VictoriaMetricsClient {
  return victoriaMetrics.connect({ name: 'sink', system: 'victoriametrics', address, settings: {}, secrets: {} }, deps);
}

export interface Window {
  metrics: readonly string[];
  startMs: number;
  stopMs: number;
  /** Of a batch. */
  intervalMs: number;
}

/** Calls `work` for every metric and window, as many at a time as a migration reads. */
async function inLanes(window: Window, work: (metric: string, range: { startMs: number; stopMs: number }) => Promise<void>): Promise<void> {
  const { metrics, startMs, stopMs, intervalMs } = window;
  const parts = [];
  for (let at = startMs; at < stopMs; at += intervalMs)
    for (const metric of metrics) parts.push({ metric, range: { startMs: at, stopMs: Math.min(stopMs, at + intervalMs) } });
  const queue = parts.values();
  const lane = async (): Promise<void> => {
    for (const { metric, range } of queue) await work(metric, range);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** Reads everything in the frames of a migration and keeps nothing; the points. */
export async function readAll(source: OpenTsdbClient, window: Window): Promise<number> {
  let points = 0;
  await inLanes(window, async (metric, range) => {
    const read = await source.readRange(metric, range, {
      frame: () => ({ write: async () => undefined, rollback: async () => undefined, commit: async () => undefined }),
    });
    points += read.points;
  });
  return points;
}

export interface Body {
  bytes: Buffer;
  points: number;
}

/** The bodies a migration of the window sends: chunks joined up to 8 MB of lines, encoded as the sink was proven to read them. */
export async function prepareBodies(source: OpenTsdbClient, window: Window, encoding: 'zstd' | 'plain'): Promise<Body[]> {
  const bodies: Body[] = [];
  let open: { parts: Buffer[]; lineBytes: number; points: number } = { parts: [], lineBytes: 0, points: 0 };
  const close = (): void => {
    if (open.points > 0) bodies.push({ bytes: Buffer.concat(open.parts), points: open.points });
    open = { parts: [], lineBytes: 0, points: 0 };
  };
  await inLanes(window, async (metric, range) => {
    await source.readRange(metric, range, {
      frame: () => {
        let parts: Buffer[] = [];
        return {
          async write(lines) {
            parts.push(Buffer.from(lines));
          },
          async rollback() {
            parts = [];
          },
          async commit(_frame, { points, lineBytes }) {
            const lines = Buffer.concat(parts);
            const encoded = encoding === 'zstd' ? await compressed(lines) : [lines];
            if (open.points > 0 && open.lineBytes + lineBytes > BODY_BYTES) close();
            open.parts.push(...encoded);
            open.lineBytes += lineBytes;
            open.points += points;
          },
        };
      },
    });
  });
  close();
  return bodies;
}

async function compressed(lines: Buffer): Promise<Buffer[]> {
  const blocks: Buffer[] = [];
  for (let at = 0; at < lines.length; at += BLOCK_BYTES) blocks.push(await compress(lines.subarray(at, at + BLOCK_BYTES), LEVEL_1));
  return blocks;
}

/** Sends all bodies over four connections; throws on any answer but 204. */
export async function sendAll(url: string, bodies: readonly Body[], encoding: 'zstd' | 'plain'): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: LANES });
  const queue = bodies.values();
  let points = 0;
  const lane = async (): Promise<void> => {
    for (const body of queue) {
      await send(agent, url, body.bytes, encoding);
      points += body.points;
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    agent.destroy();
  }
  return points;
}

function send(agent: Agent, url: string, bytes: Buffer, encoding: 'zstd' | 'plain'): Promise<void> {
  const headers = { 'content-length': bytes.length, ...(encoding === 'zstd' ? { 'content-encoding': 'zstd' } : {}) };
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/api/v1/import`, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.once('error', reject);
      response.once('end', () =>
        response.statusCode === 204 ? resolve() : reject(new Error(`the sink answered ${response.statusCode} to an import`)),
      );
    });
    asked.once('error', reject);
    asked.end(bytes);
  });
}

/** Points the sink holds of these metrics. */
export async function countAll(url: string, { metrics, startMs, stopMs }: Omit<Window, 'intervalMs'>): Promise<number> {
  await using sink = sinkAt(url);
  await sink.flush();
  let points = 0;
  for (const metric of metrics) points += await sink.countPoints(metric, { startMs, stopMs });
  return points;
}
