/** A real OpenTSDB that goes on being written to, followed into a real VictoriaMetrics by processes that are killed on the way. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { systemRandom } from '@longshore/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NoServer, RealServer } from '../servers/real.ts';
import { missingOf, realServer } from '../servers/real.ts';
import type { Fleet } from '../support/fleet.ts';
import { startFleet } from '../support/fleet.ts';

const [redis, sink, source] = await Promise.all([
  realServer('redis', { own: true }),
  realServer('victoria-metrics', { own: true }),
  realServer('opentsdb'),
]);
const absent = await missingOf([redis, sink, source]);
const present = (server: RealServer | NoServer): RealServer => {
  if (!server.there) throw new Error(server.reason);
  return server;
};

const WINDOW_MS = 5_000;
const GRACE_MS = 20_000;
const EVERY_MS = 400;
/** Some points are written so much later than their time: after their window has closed, well before its grace is over. */
const LATE_MS = 6_000;

const NEW_AFTER_MS = 6_000;

/** Writes a point of each series every so often, every fourth one late, until it is told to stop; then what is still due. */
function keepWriting(url: string, prefix: string) {
  let going = true;
  /** `tooLate`: what a source that was slow to take it had only when the grace of its window was over. */
  const sent = { points: 0, late: 0, tooLate: new Set<string>() };
  const waiting: { metric: string; timestamp: number; value: number; tags: { host: string } }[] = [];
  const put = async (points: typeof waiting): Promise<void> => {
    if (points.length === 0) return;
    const reply = await fetch(`${url}/api/put?sync`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(points),
    });
    if (reply.status !== 204) throw new Error(`the source answered a put with ${reply.status}: ${await reply.text()}`);
    sent.points += points.length;
    for (const { metric, timestamp, value, tags } of points)
      if (Date.now() >= (Math.floor(timestamp / WINDOW_MS) + 1) * WINDOW_MS + GRACE_MS)
        sent.tooLate.add(`${metric} ${tags.host} ${timestamp} ${value}`);
  };
  const run = async (): Promise<void> => {
    const began = Date.now();
    for (let round = 0; going; round += 1) {
      const timestamp = Date.now();
      // One of them appears only after a while, however few rounds a slow source leaves room for.
      const metrics = timestamp - began > NEW_AFTER_MS ? [`${prefix}.a`, `${prefix}.new`] : [`${prefix}.a`];
      const points = metrics.flatMap((metric) => ['one', 'two'].map((host) => ({ metric, timestamp, value: round, tags: { host } })));
      if (round % 4 === 3) {
        waiting.push(...points);
        sent.late += points.length;
      } else await put(points);
      const due = waiting.filter((point) => point.timestamp <= Date.now() - LATE_MS);
      for (const point of due) waiting.splice(waiting.indexOf(point), 1);
      await put(due);
      await wait(EVERY_MS);
    }
    await put(waiting.splice(0));
  };
  const running = run();
  return {
    sent,
    async stop() {
      going = false;
      await running;
    },
  };
}

const TRIES = 10;

/** What the source answers; a busy one is asked again. Throws with its own words. */
async function asked(url: string): Promise<{ metric: string; tags: { host: string }; dps: Record<string, number> }[]> {
  for (let tries = 1; ; tries++) {
    const reply = await fetch(url);
    const text = await reply.text();
    if (reply.status === 200) return JSON.parse(text);
    if (tries === TRIES) throw new Error(`${url} is answered with ${reply.status}: ${text.slice(0, 500)}`);
    await wait(1_000);
  }
}

/** Every point of the metrics, as sorted texts; read without any code of what is tested. */
async function contents(prefix: string, startMs: number): Promise<{ source: string[]; sink: string[] }> {
  const held: string[] = [];
  for (const name of ['a', 'new']) {
    const query = `start=${startMs}&end=${Date.now()}&m=none:${prefix}.${name}&ms=true`;
    const series = await asked(`${present(source).url}/api/query?${query}`);
    for (const { metric, tags, dps } of series)
      for (const [time, value] of Object.entries(dps)) held.push(`${metric} ${tags.host} ${time} ${value}`);
  }
  await (await fetch(`${present(sink).url}/internal/force_flush`)).arrayBuffer();
  const match = encodeURIComponent(`{__name__=~"${prefix}.+"}`);
  const text = await (await fetch(`${present(sink).url}/api/v1/export?match[]=${match}&start=1`)).text();
  const found = text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      const { metric, values, timestamps } = JSON.parse(line) as { metric: Record<string, string>; values: number[]; timestamps: number[] };
      return timestamps.map((time, at) => `${metric.__name__} ${metric.host} ${time} ${values[at]}`);
    });
  return { source: held.sort(), sink: found.sort() };
}

describe.skipIf(absent.length > 0)(`a source that is written to${absent.map((reason) => ` (${reason})`).join('')}`, () => {
  let dir: string;
  let fleet: Fleet;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'longshore-follow-'));
    fleet = await startFleet({ dir, redisUrl: present(redis).url, dumpers: 2, restorers: 2, lockMs: 4_000 });
  });
  afterAll(async () => {
    await fleet?.stop();
    for (const server of [redis, sink]) if (server.there) await server.stop();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  test('is in the sink at the cut over, every point once, though workers and the scheduler were killed meanwhile', async () => {
    const prefix = `follow.${systemRandom.id(8)}`;
    const startMs = Date.now();
    const writer = keepWriting(present(source).url, prefix);
    try {
      await expect.poll(() => writer.sent.points, { timeout: 60_000 }).toBeGreaterThan(0);
      const params = {
        source: present(source).url,
        sink: present(sink).url,
        startMs,
        metricsPrefix: prefix,
        intervalMs: WINDOW_MS,
        graceMs: GRACE_MS,
        settleMs: 1_000,
      };
      const { id } = await fleet.service.submit({ kind: 'tsdb.follow', params, owner: 'test' });
      const windows = (count: number) =>
        fleet.finished(id, ({ reachedAt = 0, endedAt }) => endedAt !== undefined || reachedAt >= startMs + count * WINDOW_MS);
      await windows(1);
      for (const name of ['dumper-1', 'restorer-1', 'scheduler-1'] as const) {
        fleet.members.get(name)!.child.kill('SIGKILL');
        await fleet.start(name, name.slice(0, -2) as 'dumper');
      }
      expect(await windows(4)).toMatchObject({ state: 'running' });
      await writer.stop();
      await fleet.service.act(id, 'finish', 'test');
      const header = await fleet.finished(id);
      const report = await fleet.service.report(id);
      const found = await contents(prefix, startMs);
      expect({ state: header.state, error: header.error }).toEqual({ state: 'succeeded', error: undefined });
      expect(found.source.length).toBe(writer.sent.points);
      // Whatever was there in time is in the sink, and nothing is that was not in the source, or that is there twice.
      const held = new Set(found.sink);
      expect(found.source.filter((point) => !held.has(point) && !writer.sent.tooLate.has(point))).toEqual([]);
      expect(found.sink).toEqual(found.source.filter((point) => held.has(point)));
      const { dumped, restored, verified, late = 0 } = report.totals;
      expect({ dumped, restored, verified }).toEqual({ dumped: held.size, restored: held.size, verified: held.size });
      expect(late).toBeGreaterThan(0);
    } finally {
      await writer.stop();
    }
  });
});
