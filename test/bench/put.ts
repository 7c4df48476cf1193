/**
 * How fast points go over `/api/put` into a real OpenTSDB, beside a client that does nothing but send bodies made beforehand.
 *
 *   node test/bench/put.ts [points] [rounds]
 *
 * Both send the same points of the same number of series, 6 connections each, in turns, under metrics of their own. Prints points a second
 * of each round and the ratio of the medians; below 0.8 the exit code is 1.
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

function lines(metric: string): Buffer {
  const each = Math.floor(points / SERIES);
  const parts: string[] = [];
  for (let series = 0; series < SERIES; series++) {
    const values = Array.from({ length: each }, (_, at) => (series % 2 === 0 ? String(at * 7 + series) : (at * 0.125 + series).toFixed(3)));
    const times = values.map((_, at) => String(START_MS + at * 60_000));
    parts.push(
      `{"metric":{"__name__":"${metric}","flowid":"flow-${series}"},"values":[${values.join(',')}],"timestamps":[${times.join(',')}]}\n`,
    );
  }
  return Buffer.from(parts.join(''));
}

async function raw(url: string, metric: string): Promise<number> {
  const objects = [...putObjects(lines(metric))];
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

async function ours(url: string, metric: string): Promise<number> {
  const deps = { clock: systemClock, random: systemRandom, log: silentLog, signal: new AbortController().signal };
  const target = { name: 'tsd', system: 'opentsdb', address: url, settings: { connections: CONNECTIONS }, secrets: {} };
  await using sink = openTsdbSink.connect(target, deps);
  const chunk = lines(metric);
  const started = performance.now();
  const rejected = await new PutWriter(sink, { sync: false, exact: true }, deps, 128 * 1024).send(putObjects(chunk));
  if (rejected.length > 0) throw new Error(`${rejected.length} points were refused: ${rejected[0]?.reason}`);
  return (Math.floor(points / SERIES) * SERIES) / ((performance.now() - started) / 1000);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

const server = await realServer('opentsdb');
if (!server.there) throw new Error(server.reason);
const run = `bench.put.${Date.now()}`;
// The first metric of a run makes names; it is measured for nobody.
await ours(server.url, `${run}.warm`);
const found: { raw: number[]; ours: number[] } = { raw: [], ours: [] };
for (let round = 0; round < rounds; round++) {
  found.raw.push(await raw(server.url, `${run}.raw${round}`));
  found.ours.push(await ours(server.url, `${run}.ours${round}`));
  console.log(`round ${round + 1}: raw ${Math.round(found.raw.at(-1)!)} points/s, longshore ${Math.round(found.ours.at(-1)!)} points/s`);
}
const ratio = median(found.ours) / median(found.raw);
console.log(`ratio of the medians: ${ratio.toFixed(2)} (at least ${LEAST_RATIO})`);
process.exitCode = ratio >= LEAST_RATIO ? 0 : 1;
