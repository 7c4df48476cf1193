/** The last look at a sink: what is gone is sent for again, also where as many other points are there twice. */
import type { Json, StageSpec } from '@longshore/core';
import { ManualClock, memoryStore } from '@longshore/core';
import { startVictoriaMetrics } from '@longshore/sandbox';
import { tsdb } from '@longshore/tsdb';
import { expect, test } from 'vitest';
import { batchContext, HOUR_MS, OPERATION, START_MS } from '../support/batch-context.ts';

const MINUTE_MS = 60_000;
const MOVE: StageSpec = {
  name: 'move',
  title: 'dump and restore, batch by batch',
  concurrency: 32,
  bulk: { count: 1, params: { source: 'source', sink: 'sink', redo: 0, existing: 'refuse', verify: true, tally: 'all' } },
  upkeep: { task: 'tsdb.settle', params: { from: OPERATION }, everyMs: 5_000 },
};

/** Sixty points a minute apart that were verified, of which the sink now holds these minutes. */
async function counted(minutes: readonly number[], params: { redo?: number; move?: StageSpec } = { move: MOVE }) {
  await using sink = await startVictoriaMetrics();
  const timestamps = minutes.map((minute) => START_MS + minute * MINUTE_MS);
  const line = { metric: { __name__: 'kilda.a', host: 'one' }, values: minutes, timestamps };
  await fetch(`${sink.url}/api/v1/import`, { method: 'POST', body: `${JSON.stringify(line)}\n` });
  const clock = new ManualClock(START_MS + HOUR_MS);
  const given = JSON.parse(JSON.stringify({ sink: sink.url, redo: 0, ...params })) as Json;
  const tallied: Record<string, number> = {};
  const notes: string[] = [];
  const events: string[] = [];
  const emitted: string[] = [];
  const context = batchContext({ task: 'count', generation: 1, params: given, clock, store: memoryStore(clock), path: '/nowhere' });
  await tsdb.tasks
    .find(({ name }) => name === 'tsdb.final-count')!
    .run({
      ...context,
      report: async () => ({ 'kilda.a': { restored: 60, verified: 60 } }),
      resultOf: async () => ({ ignored: {}, invalid: {} }),
      tally: (row, column, by) => void Object.assign(tallied, { [`${row} ${column}`]: by }),
      note: ({ text }) => void notes.push(text),
      event: async (_, text) => void events.push(text),
      emit: (stages) => void emitted.push(...stages.map(({ name }) => name)),
    });
  return { tallied, notes, events, emitted };
}

const all = Array.from({ length: 60 }, (_, minute) => minute);

test('a sink that has everything once is left alone', async () => {
  expect(await counted(all)).toEqual({ tallied: {}, notes: [], events: [], emitted: [] });
});

test('lost points are dumped again', async () => {
  const { emitted, events } = await counted(all.slice(2));
  expect(emitted).toEqual(['move-again-1', 'count-1']);
  expect(events[0]).toContain('2 points of 1 metrics have gone');
});

test('doubled points do not hide as many lost ones', async () => {
  const { emitted, events, tallied } = await counted([...all.slice(2), 58, 59]);
  expect(emitted).toEqual(['move-again-1', 'count-1']);
  expect(events[0]).toContain('1 metrics have points twice, and as many others not at all');
  expect(tallied).toEqual({});
});

test('nor where there is no source to dump them from again', async () => {
  const { emitted, tallied, notes } = await counted([...all.slice(2), 58, 59], {});
  expect(emitted).toEqual([]);
  expect(tallied).toEqual({ 'kilda.a missing': 1, 'kilda.a extra': 1 });
  expect(notes[0]).toContain('as many others are missing');
});

test('once they were sent again, the doubled ones are what is left, and named', async () => {
  const { emitted, tallied } = await counted([...all, 58, 59], { redo: 1, move: MOVE });
  expect(emitted).toEqual([]);
  expect(tallied).toEqual({ 'kilda.a extra': 2 });
});
