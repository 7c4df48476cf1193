/**
 * How fast points go over `/api/put` into a real OpenTSDB, beside a client that does nothing but send bodies made beforehand.
 *
 *   node test/bench/put.ts [points] [rounds]
 *
 * Both send the same points of the same number of series, 6 connections each, in turns, under metrics of their own. Prints points a second
 * of each round and the ratio of the medians; below 0.8 the exit code is 1. Then, for both, the same points in series that nobody has seen
 * before: the server gives each new name a number first, which takes it far longer than the points.
 */
import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { systemClock, systemRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import { openTsdbSink, putObjects } from '../../packages/tsdb/src/client/opentsdb/index.ts';
import { PutWriter } from '../../packages/tsdb/src/tasks/put-writer.ts';
import { realServer } from '../servers/real.ts';

const CONNECTIONS = 6;
const RAW_POINTS_PER_BODY = 800;
const SERIES = 50;
const START_MS = Date.UTC(2026, 10, 1);
const LEAST_RATIO = 0.8;
const points = Number(process.argv[2] ?? 200_000);
const rounds = Number(process.argv[3] ?? 3);

/** Series with new names, and points of each. */
const NEW_SERIES = 2_000;
const NEW_POINTS = 20;

/** `flows`: how their names begin. */
function lines(metric: string, count = SERIES, each = Math.floor(points / SERIES), flows = 'flow'): Buffer {
  const parts: string[] = [];
  for (let series = 0; series < count; series++) {
    const values = Array.from({ length: each }, (_, at) => (series % 2 === 0 ? String(at * 7 + series) : (at * 0.125 + series).toFixed(3)));
    const times = values.map((_, at) => String(START_MS + at * 60_000));
    parts.push(
      `{"metric":{"__name__":"${metric}","flowid":"${flows}-${series}"},"values":[${values.join(',')}],"timestamps":[${times.join(',')}]}\n`,
    );
  }
  return Buffer.from(parts.join(''));
}

async function raw(url: string, chunk: Buffer): Promise<number> {
  const objects = [...putObjects(chunk)];
  const bodies: string[] = [];
  for (let at = 0; at < objects.length; at += RAW_POINTS_PER_BODY)
    bodies.push(`[${objects.slice(at, at + RAW_POINTS_PER_BODY).join(',')}]`);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const send = (body: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const asked = request(
        `${url}/api/put`,
        { method: 'POST', agent, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } },
        (reply) => {
          reply.resume();
          reply.once('end', () =>
            reply.statusCode === 204 ? resolve() : reject(new Error(`the raw client was answered ${reply.statusCode}`)),
          );
        },
      );
      asked.once('error', reject);
      asked.end(body);
    });
  const started = performance.now();
  const lane = async (): Promise<void> => {
    for (let body = bodies.shift(); body !== undefined; body = bodies.shift()) await send(body);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  agent.destroy();
  return objects.length / ((performance.now() - started) / 1000);
}

async function ours(url: string, chunk: Buffer): Promise<number> {
  const deps = { clock: systemClock, random: systemRandom, log: silentLog, signal: new AbortController().signal };
  const target = { name: 'tsd', system: 'opentsdb', address: url, settings: { connections: CONNECTIONS }, secrets: {} };
  await using sink = openTsdbSink.connect(target, deps);
  let sent = 0;
  function* counted(): Generator<string> {
    for (const object of putObjects(chunk)) {
      sent++;
      yield object;
    }
  }
  const started = performance.now();
  const rejected = await new PutWriter(sink, { sync: false, exact: true }, deps, 128 * 1024).send(counted());
  if (rejected.length > 0) throw new Error(`${rejected.length} points were refused: ${rejected[0]?.reason}`);
  return sent / ((performance.now() - started) / 1000);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

const server = await realServer('opentsdb');
if (!server.there) throw new Error(server.reason);
const run = `bench.put.${Date.now()}`;
// The first metric of a run makes names; it is measured for nobody.
await ours(server.url, lines(`${run}.warm`));
const found: { raw: number[]; ours: number[] } = { raw: [], ours: [] };
for (let round = 0; round < rounds; round++) {
  found.raw.push(await raw(server.url, lines(`${run}.raw${round}`)));
  found.ours.push(await ours(server.url, lines(`${run}.ours${round}`)));
  console.log(`round ${round + 1}: raw ${Math.round(found.raw.at(-1)!)} points/s, longshore ${Math.round(found.ours.at(-1)!)} points/s`);
}
const ratio = median(found.ours) / median(found.raw);
console.log(`ratio of the medians: ${ratio.toFixed(2)} (at least ${LEAST_RATIO})`);
const fresh = { raw: 0, ours: 0 };
fresh.raw = await raw(server.url, lines(`${run}.new`, NEW_SERIES, NEW_POINTS, `${run}.raw`));
fresh.ours = await ours(server.url, lines(`${run}.new`, NEW_SERIES, NEW_POINTS, `${run}.ours`));
console.log(`${NEW_SERIES} new names: raw ${Math.round(fresh.raw)} points/s, longshore ${Math.round(fresh.ours)} points/s`);
process.exitCode = ratio >= LEAST_RATIO ? 0 : 1;
