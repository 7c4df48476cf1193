/** The main job on real servers and separate processes: seven days of the kilda data set, every point verified by a reader of its own. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kildaDataset } from '../dataset/index.ts';
import type { NoServer, RealServer } from '../servers/real.ts';
import { missingOf, realServer } from '../servers/real.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { compareWithSink } from '../support/sink-check.ts';

const [redis, sink, source] = await Promise.all([
  realServer('redis', { own: true }),
  realServer('victoria-metrics', { own: true }),
  realServer('opentsdb', { dataset: true }),
]);
const absent = await missingOf([redis, sink, source]);
const present = (server: RealServer | NoServer): RealServer => {
  if (!server.there) throw new Error(server.reason);
  return server;
};

describe.skipIf(absent.length > 0)(`a fleet of separate processes${absent.map((reason) => ` (${reason})`).join('')}`, () => {
  const dataset = kildaDataset();
  const { startMs, stopMs } = dataset;
  let dir: string;
  let fleet: Fleet;
  const params = () => ({
    source: present(source).url,
    sink: present(sink).url,
    startMs,
    stopMs,
    metricsPrefix: 'kilda.',
    settleMs: 2_000,
  });

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'longshore-migrate-'));
    fleet = await startFleet({ dir, redisUrl: present(redis).url, dumpers: 2, restorers: 2 });
  });
  afterAll(async () => {
    await fleet?.stop();
    for (const server of [redis, sink]) if (server.there) await server.stop();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  test('a plan changes nothing and says what would be done', async () => {
    const { id } = await fleet.service.submit({ kind: 'tsdb.migrate', params: params(), mode: 'plan', owner: 'test' });
    const header = await fleet.finished(id, ({ state }) => state === 'planned' || state === 'failed');
    expect(header.state).toBe('planned');
    const plan = await fleet.service.plan(id);
    expect(plan.summary.join('\n')).toContain('7 metrics beginning with "kilda."');
    expect(plan.expect).toEqual({ batches: 7 });
    expect(plan.findings.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('moves all 2,016,000 points, each once', async () => {
    const { id } = await fleet.service.submit({ kind: 'tsdb.migrate', params: params(), owner: 'test' });
    const header = await fleet.finished(id);
    const report = await fleet.service.report(id);
    expect({ state: header.state, error: header.error, notes: report.notes }).toEqual({ state: 'succeeded', error: undefined, notes: [] });
    expect(report.totals).toMatchObject({ dumped: 2_016_000, restored: 2_016_000, verified: 2_016_000 });
    expect(await compareWithSink(present(sink).url, dataset)).toEqual({
      expected: 2_016_000,
      found: 2_016_000,
      missing: 0,
      extra: 0,
      wrongValue: 0,
    });
    expect(await readdir(fleet.spoolPath)).toEqual([]);
  });

  test('submitted again it is refused before anything is sent; with fill it sends nothing and doubles nothing', async () => {
    const again = await fleet.service.submit({ kind: 'tsdb.migrate', params: params(), owner: 'test' });
    const refused = await fleet.finished(again.id);
    expect(refused.error).toMatchObject({ code: 'LSH_TSDB_SINK_NOT_EMPTY', exitCode: 4 });
    const fill = await fleet.service.submit({ kind: 'tsdb.migrate', params: { ...params(), existing: 'fill' }, owner: 'test' });
    const filled = await fleet.finished(fill.id);
    expect(filled).toMatchObject({ state: 'succeeded' });
    expect(filled.counters.points ?? 0).toBe(0);
    expect(await compareWithSink(present(sink).url, dataset)).toMatchObject({ found: 2_016_000, missing: 0, extra: 0 });
  });

  test('the stand-alone verify finds both sides equal', async () => {
    const { settleMs: _settleMs, ...window } = params();
    const { id } = await fleet.service.submit({ kind: 'tsdb.verify', params: window, owner: 'test' });
    const header = await fleet.finished(id);
    expect(header).toMatchObject({ state: 'succeeded' });
    expect((await fleet.service.report(id)).totals).toMatchObject({ dumped: 2_016_000, verified: 2_016_000 });
  });

  test('dumped and restored in two steps into another sink, it is the same', async () => {
    const other = present(await realServer('victoria-metrics', { own: true }));
    try {
      const { sink: _sink, settleMs: _settleMs, ...window } = params();
      const dump = await fleet.service.submit({ kind: 'tsdb.dump', params: window, owner: 'test' });
      expect(await fleet.finished(dump.id)).toMatchObject({ state: 'succeeded' });
      const compare = await fleet.service.submit({
        kind: 'tsdb.verify',
        params: { from: dump.id, sink: present(sink).url },
        owner: 'test',
      });
      expect(await fleet.finished(compare.id)).toMatchObject({ state: 'succeeded' });
      expect((await fleet.service.report(compare.id)).totals).toMatchObject({ dumped: 2_016_000, verified: 2_016_000 });
      const restore = await fleet.service.submit({
        kind: 'tsdb.restore',
        params: { from: dump.id, sink: other.url, settleMs: 1_000 },
        owner: 'test',
      });
      const header = await fleet.finished(restore.id);
      expect({ state: header.state, error: header.error }).toEqual({ state: 'succeeded', error: undefined });
      expect((await fleet.service.report(restore.id)).totals).toMatchObject({ restored: 2_016_000, verified: 2_016_000 });
      expect(await compareWithSink(other.url, dataset)).toEqual({
        expected: 2_016_000,
        found: 2_016_000,
        missing: 0,
        extra: 0,
        wrongValue: 0,
      });
    } finally {
      await other.stop();
    }
  });
});
