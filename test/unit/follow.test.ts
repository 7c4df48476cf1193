/** A source that is still written to: at the end both sides hold the same points, late ones within the grace included. */
import { describe, expect, test } from 'vitest';
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
    await fleet.run(id, elapsed(fleet, 47_000));
    const { finish } = await fleet.service.act(id, 'finish', 'anna');
    const header = await fleet.run(id);
    const report = await fleet.service.report(id);
    expect({ state: header.state, error: header.error, notes: report.notes }).toEqual({ state: 'succeeded', error: undefined, notes: [] });
    const { source, sink } = await fleet.contents();
    expect(source.length).toBe(47 + 25 + 3);
    expect(sink).toEqual(source);
    expect(report.totals).toMatchObject({ dumped: 75, late: 3, restored: 75, verified: 75 });
    expect(header.reachedAt).toBe(finish!.at);
    expect(header.stages.map(({ name, done }) => [name, done])).toEqual([
      ['prove', 1],
      ['move', 4],
      ['move-last', 1],
      ['count', 1],
      ['cleanup', 0],
    ]);
  });
});
