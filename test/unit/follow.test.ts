/** A source that is still written to: at the end both sides hold the same points, late ones within the grace included. */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { Arrival, FollowFleet } from '../support/follow-fleet.ts';
import { startFollowFleet } from '../support/follow-fleet.ts';

const WINDOW_MS = 10_000;
/** Folders have the times of the file system, which tells that of the world: the test's clock runs on from there. */
const START_MS = Math.ceil(Date.now() / WINDOW_MS) * WINDOW_MS;
const GRACE_MS = 20_000;
const PARAMS = { intervalMs: WINDOW_MS, graceMs: GRACE_MS, settleMs: 1_000 };

/** A point a second, written as soon as there is one. */
function steady(metric: string, host: string, fromS: number, toS: number): Arrival[] {
  return Array.from({ length: toS - fromS }, (_, at) => {
    const timeMs = START_MS + (fromS + at) * 1_000;
    return { atMs: timeMs, metric, host, timeMs, value: String(fromS + at) };
  });
}

/** Where a window ends that holds this moment, ms after the start. */
const windowEnd = (ms: number): number => (Math.floor(ms / WINDOW_MS) + 1) * WINDOW_MS;
const LAST_POINT_MS = 34_000;

/** Points of a few series, each written between its time and the end of its window's grace, in any order. */
const arrivals = fc
  .uniqueArray(
    fc.record({
      metric: fc.constantFrom('kilda.a', 'kilda.b', 'kilda.größe'),
      host: fc.constantFrom('one', 'two'),
      ms: fc.oneof(fc.integer({ min: 1, max: LAST_POINT_MS }), fc.constantFrom(9_999, 10_000, 10_001, 19_999, 20_000)),
      delay: fc.double({ min: 0, max: 0.999, noNaN: true }),
      value: fc.integer({ min: -1_000, max: 1_000 }),
    }),
    { minLength: 1, maxLength: 60, selector: ({ metric, host, ms }) => `${metric} ${host} ${ms}` },
  )
  .map((points) =>
    points.map(({ metric, host, ms, delay, value }): Arrival => {
      const latest = windowEnd(ms) + GRACE_MS - 1_000;
      return { atMs: START_MS + ms + Math.floor(delay * (latest - ms)), metric, host, timeMs: START_MS + ms, value: String(value) };
    }),
  );

const windowsDone = (count: number) => (header: { stages: { name: string; done: number }[] }) =>
  (header.stages.find(({ name }) => name === 'move')?.done ?? 0) >= count;
const elapsed = (fleet: FollowFleet, ms: number) => () => fleet.clock.now() >= START_MS + ms;

describe('a source that is followed', () => {
  test('is in the sink at the end, with what came late and metrics that appeared meanwhile', async () => {
    await using fleet = await startFollowFleet(START_MS);
    const late = [3, 4, 5].map((second) => ({
      atMs: START_MS + 20_000,
      metric: 'kilda.a',
      host: 'late',
      timeMs: START_MS + second * 1_000,
      value: '7',
    }));
    fleet.source.store.put('kilda.a', { host: 'one' }, START_MS, '0');
    fleet.arrivals = [...steady('kilda.a', 'one', 1, 47), ...steady('kilda.new', 'one', 22, 47), ...late];
    const id = await fleet.follow(PARAMS);
    await fleet.run(id, windowsDone(1));
    await fleet.run(id, elapsed(fleet, 44_000));
    const { finish } = await fleet.service.act(id, 'finish', 'anna', { at: START_MS + 47_000 });
    const header = await fleet.run(id);
    const report = await fleet.service.report(id);
    expect({ state: header.state, error: header.error, notes: report.notes }).toEqual({ state: 'succeeded', error: undefined, notes: [] });
    const { source, sink } = await fleet.contents();
    expect(source.length).toBe(47 + 25 + 3);
    expect(sink).toEqual(source);
    expect(report.totals).toMatchObject({ dumped: 75, late: 3, restored: 75, verified: 75 });
    expect(header.reachedAt).toBe(finish!.at);
    const closing = /up to that moment, 20 seconds later read again, and everything is counted once more$/;
    expect((await fleet.service.plan(id)).summary).toContainEqual(expect.stringMatching(closing));
    expect(header.stages.map(({ name, done }) => [name, done])).toEqual([
      ['prove', 1],
      ['move', 4],
      ['move-last', 1],
      ['count', 1],
      ['cleanup', 0],
    ]);
  });

  test.prop([arrivals, fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 12 }), fc.constantFrom('victoriametrics', 'opentsdb')], {
    numRuns: 6,
  })(
    'holds the same points as the sink, whoever writes when, and whatever is delivered twice',
    async (points, twice, into) => {
      await using fleet = await startFollowFleet(START_MS, into);
      fleet.source.store.put('kilda.a', { host: 'first' }, START_MS, '1');
      fleet.arrivals = points;
      let step = 0;
      const doubled = new Set(twice);
      fleet.between = (active) => {
        step += 1;
        // Its lock has run out: another worker takes it up while the first one is still at it.
        if (doubled.has(step)) for (const [id, queue] of active) fleet.transport.repeat(queue, id);
      };
      const id = await fleet.follow(PARAMS);
      await fleet.run(id, elapsed(fleet, LAST_POINT_MS + 1_000));
      await fleet.service.act(id, 'finish', 'anna');
      const header = await fleet.run(id);
      const report = await fleet.service.report(id);
      expect({ state: header.state, notes: report.notes }).toEqual({ state: 'succeeded', notes: [] });
      const { source, sink } = await fleet.contents();
      expect(source.length).toBe(points.length + 1);
      expect(sink).toEqual(source);
      const { dumped, restored, verified } = report.totals;
      expect({ dumped, restored, verified }).toEqual({ dumped: source.length, restored: source.length, verified: source.length });
    },
    240_000,
  );

  test('goes into another OpenTSDB, too, with what came late, annotations included; what was put twice is there once', async () => {
    await using fleet = await startFollowFleet(START_MS, 'opentsdb');
    const { store } = fleet.source;
    store.put('kilda.a', { host: 'one' }, START_MS, '0');
    const { tsuid } = store.series('kilda.a')[0]!;
    const second = START_MS / 1000;
    store.annotate({ startTime: second + 1, tsuid, description: 'in time' });
    const late = [3, 4, 5].map((at) => ({
      atMs: START_MS + 20_000,
      metric: 'kilda.a',
      host: 'late',
      timeMs: START_MS + at * 1_000,
      value: '7',
    }));
    fleet.arrivals = [...steady('kilda.a', 'one', 1, 36), ...steady('kilda.new', 'one', 22, 36), ...late];
    let step = 0;
    fleet.between = (active) => {
      step += 1;
      if (fleet.clock.now() === START_MS + 20_000) {
        store.annotate({ startTime: second + 2, tsuid, description: 'late' });
        store.annotate({ startTime: second + 3, description: 'late, and of no series' });
      }
      if (step % 40 === 0) for (const [id, queue] of active) fleet.transport.repeat(queue, id);
    };
    const id = await fleet.follow(PARAMS);
    await fleet.run(id, elapsed(fleet, 36_000));
    await fleet.service.act(id, 'finish', 'anna', { at: START_MS + 36_000 });
    const header = await fleet.run(id);
    const report = await fleet.service.report(id);
    expect({ state: header.state, error: header.error, notes: report.notes }).toEqual({ state: 'succeeded', error: undefined, notes: [] });
    const { source, sink } = await fleet.contents();
    expect(source.length).toBe(36 + 14 + 3);
    expect(sink).toEqual(source);
    expect(report.totals).toMatchObject({ dumped: 53, late: 3, restored: 53, verified: 53, annotations: 3, annotationsMoved: 3 });
    expect(header.stages.map(({ name }) => name)).toEqual(['prove', 'move', 'move-last', 'cleanup']);
    expect((await fleet.service.plan(id)).summary).toContainEqual(expect.stringMatching(/up to that moment, 20 seconds later read again$/));
    const again = await fleet.follow(PARAMS);
    expect(await fleet.run(again)).toMatchObject({ state: 'failed', error: { code: 'LSH_TSDB_SINK_NOT_EMPTY' } });
  });

  test.each([false, true])(
    'into an OpenTSDB, changed after it was read, a point or an annotation (%s) is named and not overwritten',
    async (annotation) => {
      await using fleet = await startFollowFleet(START_MS, 'opentsdb');
      const { store } = fleet.source;
      store.put('kilda.a', { host: 'one' }, START_MS, '0');
      const { tsuid } = store.series('kilda.a')[0]!;
      store.annotate({ startTime: START_MS / 1000, tsuid, description: 'as it was' });
      const id = await fleet.follow(PARAMS);
      await fleet.run(id, ({ reachedAt = 0 }) => reachedAt >= START_MS + WINDOW_MS);
      if (annotation) store.annotate({ startTime: START_MS / 1000, tsuid, description: 'as it is' });
      else store.put('kilda.a', { host: 'one' }, START_MS, '5');
      await fleet.service.act(id, 'finish', 'anna');
      expect((await fleet.run(id)).error).toMatchObject({ code: 'LSH_TSDB_INCOMPLETE' });
      expect((await fleet.service.report(id)).totals).toMatchObject(
        annotation ? { dumped: 1, verified: 1, annotationsDifferent: 1 } : { dumped: 1, different: 1, annotationsMoved: 1 },
      );
      expect((await fleet.contents()).sink).toEqual([`kilda.a one ${START_MS} 0`]);
    },
  );

  test('is left alone while it is paused; what closed meanwhile is moved afterwards', async () => {
    await using fleet = await startFollowFleet(START_MS);
    fleet.source.store.put('kilda.a', { host: 'one' }, START_MS, '0');
    fleet.arrivals = steady('kilda.a', 'one', 1, 45);
    const id = await fleet.follow(PARAMS);
    await fleet.run(id, ({ reachedAt = 0 }) => reachedAt >= START_MS + WINDOW_MS);
    await fleet.service.act(id, 'pause', 'anna');
    await fleet.run(id, ({ state }) => state === 'paused');
    const before = fleet.source.log.total;
    await fleet.run(id, elapsed(fleet, 45_000));
    expect(fleet.source.log.total).toBe(before);
    await fleet.service.act(id, 'resume', 'anna');
    await fleet.run(id, ({ reachedAt = 0 }) => reachedAt >= START_MS + 4 * WINDOW_MS);
    await fleet.service.act(id, 'finish', 'anna');
    expect(await fleet.run(id)).toMatchObject({ state: 'succeeded' });
    const { source, sink } = await fleet.contents();
    expect(sink).toEqual(source);
  });

  test('cancelled in the middle, the next one goes on and doubles nothing', async () => {
    await using fleet = await startFollowFleet(START_MS);
    fleet.source.store.put('kilda.a', { host: 'one' }, START_MS, '0');
    fleet.arrivals = steady('kilda.a', 'one', 1, 30);
    const first = await fleet.follow(PARAMS);
    await fleet.run(first, ({ reachedAt = 0 }) => reachedAt >= START_MS + WINDOW_MS);
    await fleet.service.act(first, 'cancel', 'anna');
    expect(await fleet.run(first)).toMatchObject({ state: 'cancelled' });
    const refused = await fleet.follow(PARAMS);
    expect(await fleet.run(refused)).toMatchObject({ state: 'failed', error: { code: 'LSH_TSDB_SINK_NOT_EMPTY' } });
    const next = await fleet.follow({ ...PARAMS, existing: 'fill' });
    await fleet.run(next, ({ reachedAt = 0 }) => reachedAt >= START_MS + 3 * WINDOW_MS);
    await fleet.service.act(next, 'finish', 'anna');
    expect(await fleet.run(next)).toMatchObject({ state: 'succeeded' });
    const { source, sink } = await fleet.contents();
    expect(sink).toEqual(source);
  });

  test('changed after it was read, a point is named, and the lag is told up to what has been read back', async () => {
    await using fleet = await startFollowFleet(START_MS);
    fleet.source.store.put('kilda.a', { host: 'one' }, START_MS, '0');
    const id = await fleet.follow(PARAMS);
    await fleet.run(id, ({ reachedAt = 0 }) => reachedAt >= START_MS + WINDOW_MS);
    expect(await fleet.service.explain(id)).toContain('behind');
    fleet.source.store.put('kilda.a', { host: 'one' }, START_MS, '5');
    await fleet.service.act(id, 'finish', 'anna');
    const header = await fleet.run(id);
    expect(header.error).toMatchObject({ code: 'LSH_TSDB_INCOMPLETE' });
    expect((await fleet.service.report(id)).totals).toMatchObject({ dumped: 1, different: 1 });
  });
});
