/** A stage without an end: its units come due one after another, until a person asks it to finish. */
import type { StageSpec } from '@longshore/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Harness } from './engine.ts';
import { harness } from './engine.ts';
import { one, stage } from './engine-tasks.ts';

const EVERY_MS = 5_000;

let h: Harness;
beforeEach(() => {
  h = harness();
});
afterEach(() => h.stop());

const endless = (from: number): StageSpec => ({
  name: 'follow',
  title: 'window after window',
  concurrency: 8,
  bulk: { count: 0, params: null, endless: { from, everyMs: EVERY_MS } },
});
const units = (): string[] => h.begun.filter((name) => name.startsWith('d'));

describe('an endless stage', () => {
  test('begins each unit when it is due, and goes on to what comes next when it is asked to finish', async () => {
    const from = h.clock.now() + EVERY_MS;
    h.stages.push(endless(from), stage('count', [one('last')]));
    const id = await h.submit();
    await h.settle(id, ({ stages }) => stages[0]?.done === 3);
    expect(h.clock.now()).toBeGreaterThanOrEqual(from + 2 * EVERY_MS);
    expect(units()).toEqual(['d0', 'd1', 'd2']);
    expect((await h.store.header(id))?.stages[0]).toMatchObject({ state: 'running', endless: true, total: 3, done: 3 });
    expect(await h.service.explain(id)).toContain(`longshore finish ${id}`);
    h.behaviours.set('last', async ({ operation }) => ({ output: { finishAt: operation.finishAt ?? null } }));
    const { finish } = await h.service.act(id, 'finish', 'anna');
    const header = await h.settle(id);
    expect(header).toMatchObject({ state: 'succeeded', finish: { by: 'anna' } });
    expect(header.stages).toMatchObject([{ state: 'done', total: 3, done: 3, skipped: 0 }, { done: 1 }]);
    expect((await h.service.done(id)).find(({ id: task }) => task === 'last')?.output).toEqual({ finishAt: finish!.at });
  });

  test('ends at the moment that is given: one to come is waited for, one before what was begun is refused', async () => {
    const from = h.clock.now();
    h.stages.push(endless(from), stage('count', [one('last')]));
    const id = await h.submit();
    await h.settle(id, ({ stages }) => stages[0]?.done === 3);
    const early = h.service.act(id, 'finish', 'anna', { at: from + 2 * EVERY_MS - 1 });
    await expect(early).rejects.toMatchObject({ code: 'LSH_END_TOO_EARLY' });
    await h.service.act(id, 'finish', 'anna', { at: from + 4 * EVERY_MS });
    const header = await h.settle(id);
    expect(header.stages[0]).toMatchObject({ state: 'done', total: 5, done: 5 });
    expect(header.endedAt).toBeGreaterThanOrEqual(from + 4 * EVERY_MS);
  });

  test('does all that had come due when it was asked, however far behind it was', async () => {
    const from = h.clock.now();
    h.stages.push(endless(from));
    const held = Promise.withResolvers<void>();
    for (let at = 0; at < 8; at += 1)
      h.behaviours.set(`d${at}`, async () => {
        await held.promise;
        return undefined;
      });
    const id = await h.submit();
    await h.settle(id, () => h.clock.now() > from + 9.5 * EVERY_MS);
    await h.service.act(id, 'finish', 'anna');
    held.resolve();
    const header = await h.settle(id);
    expect(header.stages[0]).toMatchObject({ state: 'done', total: 10, done: 10 });
  });

  test('is kept up between two units that lie far apart', async () => {
    const bulk = { count: 0, params: null, endless: { from: h.clock.now(), everyMs: 3_600_000 } };
    h.stages.push({ ...endless(0), bulk, upkeep: { task: 'test.dump', params: { name: 'tidy' }, everyMs: 10_000 } });
    const id = await h.submit();
    await h.settle(id, ({ stages }) => stages[0]?.done === 1);
    const from = h.clock.now();
    await h.settle(id, () => h.clock.now() > from + 35_000);
    expect(h.begun.filter((name) => name === 'tidy').length).toBeGreaterThanOrEqual(3);
  });

  test('asked to finish before the first unit is due, it has nothing to do', async () => {
    h.stages.push(endless(h.clock.now() + 1e9), stage('count', [one('last')]));
    const id = await h.submit();
    await h.settle(id, ({ state }) => state === 'running');
    await h.service.act(id, 'finish', 'anna');
    expect((await h.settle(id)).stages).toMatchObject([{ state: 'done', total: 0 }, { done: 1 }]);
    expect(units()).toEqual([]);
  });

  test('is paused, resumed, drained and cancelled as any other', async () => {
    h.stages.push(endless(h.clock.now()), stage('count', [one('last')]));
    const id = await h.submit();
    await h.settle(id, ({ stages }) => stages[0]?.done === 1);
    await h.service.act(id, 'pause', 'anna');
    await h.settle(id, ({ state }) => state === 'paused');
    const pausedAt = h.clock.now();
    await h.settle(id, () => h.clock.now() > pausedAt + 3 * EVERY_MS);
    expect(units()).toEqual(['d0']);
    await h.service.act(id, 'resume', 'anna');
    await h.settle(id, ({ stages }) => stages[0]!.done >= 4);
    await h.service.act(id, 'drain', 'anna');
    const header = await h.settle(id);
    expect(header.state).toBe('cancelled');
    expect(header.stages[1]).toMatchObject({ state: 'skipped' });
    await expect(h.service.act(id, 'finish', 'anna')).rejects.toThrow(/so it cannot finish/);
  });

  test('what ends by itself cannot be asked to finish', async () => {
    h.stages.push(stage('count', [one('last')]));
    h.behaviours.set('last', async () => {
      await Promise.resolve();
      return undefined;
    });
    const id = await h.submit('plan');
    await h.settle(id, ({ state }) => state === 'planned');
    await expect(h.service.act(id, 'finish', 'anna')).rejects.toThrow(/ends by itself/);
  });

  test('a plan with units that are counted as well is refused', async () => {
    h.stages.push({ ...endless(0), bulk: { count: 3, params: null, endless: { from: 0, everyMs: 1 } } });
    expect(await h.settle(await h.submit())).toMatchObject({ state: 'failed', error: { message: expect.stringContaining('endless') } });
  });
});
