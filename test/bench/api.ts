/**
 * The group `api`: a thousand who follow event logs while operations are submitted at an even rate, over HTTP, to one API process with a
 * real fleet behind it. Counted are answers that were lost, streams that missed or doubled a line, how long an answer took, and what the
 * API's memory did.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { FINAL_STATES, seededRandom } from '@longshore/core';
import { freePort } from '@longshore/programs';
import { realServer } from '../servers/real.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { scratchFolder } from '../support/interrupted.ts';
import type { EngineMeasurement, Fsync } from './engine.ts';
import { Listener } from './listener.ts';
import { quantile } from './measurement.ts';
import { cpuSeconds } from './processes.ts';

export const API_NAMES = ['api-load'] as const;

export interface ApiOptions {
  fsyncs: readonly Fsync[];
  /** Submissions a second, for so many seconds. */
  rate: number;
  seconds: number;
  listeners: number;
  tell(measurement: EngineMeasurement): void;
  say(line: string): void;
}

/** Operations that live all the time and are paused and resumed, so that their logs grow; most listeners follow these. */
const WATCHED = 20;
/** The others follow what has just been submitted, from its first line to its end, one after another. */
const FRESH_SHARE = 0.1;
/** A listener is cut off now and then, and goes on behind the last line it has seen. */
const CUTS_A_SECOND = 20;
const DRAIN_MS = 300_000;

export async function runApi(options: ApiOptions): Promise<void> {
  for (const fsync of options.fsyncs) {
    const redis = await realServer('redis', { own: true, appendfsync: fsync });
    if (!redis.there) throw new Error(`the benchmark needs redis: ${redis.reason}`);
    await using _server = redis;
    const scratch = await scratchFolder('longshore-bench-api-');
    const listen = `127.0.0.1:${await freePort()}`;
    const fleet = await startFleet({
      dir: scratch.path,
      redisUrl: redis.url,
      dumpers: 0,
      restorers: 0,
      migrators: 1,
      concurrency: 32,
      listen,
      kept: 10 * options.rate * options.seconds,
      api: { requestsPerSecond: 100_000, streams: options.listeners + 100 },
    });
    try {
      const figures = await measure(fleet, listen, options);
      const versions = { node: process.versions.node, redis: redis.version };
      options.tell({ name: 'api-load', ...figures, load: Math.round(loadavg()[0]! * 100) / 100, versions, fsync });
    } finally {
      await fleet.stop();
      await scratch.remove();
    }
  }
}

type Figures = Record<string, number | boolean | Record<string, number>>;

async function measure(fleet: Fleet, listen: string, { rate, seconds, listeners, say }: ApiOptions): Promise<Figures> {
  const [host = '', port = ''] = listen.split(':');
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const ask = (method: string, path: string, body?: object, key?: string): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const headers = { ...(body ? { 'content-type': 'application/json' } : {}), ...(key ? { 'idempotency-key': key } : {}) };
      const sent = request({ host, port, method, path, agent, headers }, (reply) => {
        let text = '';
        reply.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        reply.once('end', () => resolve({ status: reply.statusCode ?? 0, body: text }));
        reply.once('error', reject);
      });
      sent.once('error', reject);
      sent.end(body ? JSON.stringify(body) : undefined);
    });
  const submit = (params: object, key: string): Promise<{ status: number; body: string }> =>
    ask('POST', '/v1/operations', { kind: 'counter.noop', params }, key);
  const idOf = (answer: { body: string }): string => (JSON.parse(answer.body) as { id: string }).id;

  say('warming up');
  const long = { tasks: 100_000, pauseMs: 60_000, concurrency: 1 };
  const watched = await Promise.all(Array.from({ length: WATCHED }, async () => idOf(await submit(long, randomUUID()))));
  for (const id of watched) await fleet.finished(id, ({ state }) => state === 'running');

  const over = new AbortController();
  const random = seededRandom(7);
  const streams: Listener[] = [];
  const fresh: string[] = [];
  const freshCount = Math.round(listeners * FRESH_SHARE);
  const follows: Promise<void>[] = [];
  for (let at = 0; at < listeners; at += 1) {
    const stream = new Listener({ host, port }, over.signal);
    streams.push(stream);
    follows.push(
      at < freshCount ? stream.followEach(() => fresh[Math.floor(random.next() * fresh.length)]) : stream.follow(watched[at % WATCHED]!),
    );
  }
  await Promise.all(streams.slice(freshCount).map(({ opened }) => opened.promise));
  say(`${listeners} listeners are there; ${rate} submissions a second for ${seconds} s`);

  const pid = fleet.members.get('api-1')!.child.pid!;
  const cpuBefore = await cpuSeconds(pid);
  const memory: number[] = [];
  const latencies: number[] = [];
  const accepted: string[] = [];
  let refused = 0;
  let stirs = 0;
  const pending: Promise<void>[] = [];
  const begun = performance.now();
  for (let second = 0; second < seconds; second += 1) {
    memory.push(await rssMb(pid));
    const other = second % WATCHED;
    pending.push(
      ...[watched[other]!, watched[(other + 7) % WATCHED]!].map(async (id) => {
        const action = Math.floor(second / WATCHED) % 2 === 0 ? 'pause' : 'resume';
        if ((await ask('POST', `/v1/operations/${id}/${action}`)).status === 202) stirs += 1;
      }),
    );
    for (let cut = 0; cut < CUTS_A_SECOND; cut += 1) streams[Math.floor(random.next() * streams.length)]?.cut();
    for (let at = 0; at < rate; at += 1) {
      const due = begun + (second + at / rate) * 1000;
      const early = due - performance.now();
      if (early > 1) await wait(early);
      pending.push(
        (async () => {
          // Counted from when it was due: a client that cannot keep up is no excuse for the API.
          const answer = await submit({ tasks: 1 }, randomUUID());
          latencies.push(performance.now() - Math.max(due, begun));
          if (answer.status !== 202) refused += 1;
          else {
            accepted.push(idOf(answer));
            fresh.splice(0, Math.max(0, fresh.length - 50));
            fresh.push(accepted.at(-1)!);
          }
        })(),
      );
    }
  }
  await Promise.all(pending);
  const cpu = (await cpuSeconds(pid)) - cpuBefore;
  const tookSeconds = (performance.now() - begun) / 1000;
  say(`${accepted.length} accepted in ${tookSeconds.toFixed(1)} s; waiting until each has ended`);

  const states: Record<string, number> = {};
  const until = Date.now() + DRAIN_MS;
  let open = new Set(accepted);
  let lost = 0;
  while (open.size > 0 && Date.now() < until) {
    const still = new Set<string>();
    for (const id of open) {
      const header = await fleet.store.header(id);
      if (!header) lost += 1;
      else if (FINAL_STATES.has(header.state)) states[header.state] = (states[header.state] ?? 0) + 1;
      else still.add(id);
    }
    open = still;
    if (open.size > 0) await wait(500);
  }
  memory.push(await rssMb(pid));
  const lines = async (ids: Iterable<string>): Promise<Map<string, string[]>> => {
    const found = await Promise.all(
      [...ids].map(async (id) => [id, (await fleet.store.events(id, undefined, 10_000, 0)).map((event) => event.id)] as const),
    );
    return new Map(found);
  };
  const ofWatched = await lines(watched);
  // The last lines are still on their way to a thousand.
  for (let tries = 0; tries < 40 && streams.slice(freshCount).some((one) => one.wrong(ofWatched, true).length > 0); tries += 1)
    await wait(250);
  over.abort();
  await Promise.all(follows);
  const followed = await lines(new Set(streams.flatMap((one) => [...one.operations])));
  const wrong = streams.flatMap((one, at) => (at < freshCount ? one.wrong(followed) : one.wrong(ofWatched, true)));
  for (const one of wrong.slice(0, 5)) say(`a stream is not as the log: ${one}`);
  const delays = streams.flatMap((one) => one.delays);
  const third = Math.floor(memory.length / 3);
  const middle = (from: number, to: number): number => quantile(memory.slice(from, to), 0.5);
  return {
    listeners,
    rate,
    seconds: Math.round(tookSeconds),
    accepted: accepted.length,
    refused,
    lost,
    unfinished: open.size,
    ended: states,
    answerMs: { p50: round(quantile(latencies, 0.5)), p99: round(quantile(latencies, 0.99)), max: round(Math.max(...latencies)) },
    apiCpuSeconds: round(cpu),
    stirs,
    linesReceived: delays.length,
    lineDelayMs: { p50: round(quantile(delays, 0.5)), p99: round(quantile(delays, 0.99)) },
    operationsFollowed: followed.size,
    followedToTheEnd: streams.reduce((sum, one) => sum + one.finished, 0),
    resumed: streams.reduce((sum, one) => sum + one.resumed, 0),
    streamsWithGapOrDouble: wrong.length,
    rssMb: {
      begin: round(memory[0]!),
      middle: round(middle(third, 2 * third)),
      end: round(middle(2 * third, memory.length)),
      after: round(memory.at(-1)!),
    },
  };
}

const round = (value: number): number => Math.round(value * 10) / 10;

async function rssMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}
