/** Shapes of stages and moments of asking that once went wrong, each by its name. */
import type { StageSpec } from '@longshore/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Harness } from './engine.ts';
import { Flaky, harness, turns } from './engine.ts';

let h: Harness;
beforeEach(() => {
  h = harness();
});
afterEach(() => h.stop());

const one = (name: string, after?: string) => ({
  id: name,
  task: 'test.task',
  params: { name },
  placement: 'role' as const,
  ...(after ? { after } : {}),
});
const stage = (name: string, tasks: ReturnType<typeof one>[], more: Partial<StageSpec> = {}): StageSpec => ({
  name,
  title: name,
  concurrency: 1,
  tasks,
  ...more,
});

describe('a stage that goes on when one of its tasks has failed', () => {
  test('runs the others, and the stages behind it', async () => {
    h.behaviours.set('a', async () => {
      throw Flaky(false);
    });
    h.stages.push(stage('s', [one('a'), one('b')], { tolerant: true }), stage('next', [one('c')]));
    const id = await h.submit();
    const header = await h.settle(id);
    expect(h.begun).toEqual(['a', 'b', 'c']);
    expect(header.stages).toMatchObject([{ failed: 1, done: 1, skipped: 0 }, { done: 1 }]);
    expect((await h.service.report(id)).notes).toMatchObject([{ level: 'error', row: 'a' }]);
  });
});

describe('tasks that wait for others', () => {
  test('run also where only one may run at a time', async () => {
    h.stages.push(stage('s', [one('a'), one('x'), one('b', 'a'), one('c', 'b')]));
    const header = await h.settle(await h.submit());
    expect(header.state).toBe('succeeded');
    expect(h.begun.toSorted()).toEqual(['a', 'b', 'c', 'x']);
    expect(header.stages[0]).toMatchObject({ total: 4, done: 4, failed: 0, skipped: 0 });
  });

  test('are skipped, and counted so, with all that waits for them in turn when the first fails', async () => {
    h.behaviours.set('a', async () => {
      throw Flaky(false);
    });
    h.stages.push(stage('s', [one('a'), one('b', 'a'), one('c', 'b')], { concurrency: 3 }));
    const id = await h.submit();
    const header = await h.settle(id);
    expect(header.state).toBe('failed');
    expect(header.stages[0]).toMatchObject({ total: 3, done: 0, failed: 1, skipped: 2 });
    expect((await h.service.done(id)).map(({ id: name, result }) => [name, result]).slice(1)).toEqual([
      ['c', 'skipped'],
      ['b', 'skipped'],
      ['a', 'failed'],
    ]);
  });

  test('are skipped with all that waits for them when they are not needed', async () => {
    h.behaviours.set('a', async () => ({ followers: 'skip' as const }));
    h.stages.push(stage('s', [one('a'), one('b', 'a'), one('c', 'b')], { concurrency: 3 }));
    const header = await h.settle(await h.submit());
    expect(header.state).toBe('succeeded');
    expect(header.stages[0]).toMatchObject({ total: 3, done: 1, failed: 0, skipped: 2 });
  });
});

describe('a plan that nobody could carry out fails at once and says why', () => {
  test.each<[string, StageSpec]>([
    ['task a is of the unknown sort test.nowhere', stage('s', [{ ...one('a'), task: 'test.nowhere' }])],
    ['task b waits for nobody, which does not come before it in stage s', stage('s', [one('a'), one('b', 'nobody')])],
    ['task b waits for c, which does not come before it in stage s', stage('s', [one('b', 'c'), one('c', 'b')])],
    ['two tasks are called a', stage('s', [one('a'), one('a')])],
    ['task a is placed on a spool, but its name does not end in @spool', stage('s', [{ ...one('a'), placement: 'spool' } as never])],
    [
      'the upkeep of stage s is of the unknown sort test.nowhere',
      stage('s', [one('a')], { upkeep: { task: 'test.nowhere', params: {}, everyMs: 1_000 } }),
    ],
  ])('%s', async (problem, spec) => {
    h.stages.push(spec);
    const header = await h.settle(await h.submit());
    expect(header.state).toBe('failed');
    expect(header.error).toMatchObject({ code: 'LSH_TASK_OUTPUT', message: expect.stringContaining(problem) });
    expect(h.begun).toEqual([]);
  });
});

describe('stages of units', () => {
  const bulk = (name: string, count: number, more: Partial<StageSpec> = {}): StageSpec => ({
    name,
    title: name,
    concurrency: 2,
    bulk: { count, params: null },
    ...more,
  });

  test('with a concurrency of one have one unit live', async () => {
    let live = 0;
    let most = 0;
    for (let unit = 0; unit < 4; unit += 1) {
      h.behaviours.set(`d${unit}`, async () => {
        live += 1;
        most = Math.max(most, live);
        return undefined;
      });
      h.behaviours.set(`r${unit}`, async () => {
        live -= 1;
        return undefined;
      });
    }
    h.stages.push(bulk('move', 4, { concurrency: 1 }));
    expect((await h.settle(await h.submit())).state).toBe('succeeded');
    expect(most).toBe(1);
  });

  test('may have the same units as the stage before', async () => {
    h.stages.push(bulk('move', 5), bulk('again', 5, { bulk: { count: 5, params: null, only: [4, 0] } }));
    const header = await h.settle(await h.submit());
    expect(header.stages.map(({ total, done }) => [total, done])).toEqual([
      [5, 5],
      [2, 2],
    ]);
    expect(h.begun.filter((name) => name === 'r4')).toHaveLength(2);
  });

  test('count a row of any name', async () => {
    h.behaviours.set('r0', async ({ tally }) => {
      for (const row of ['__proto__', 'constructor', 'größe']) tally(row, 'points', 2);
      return undefined;
    });
    h.stages.push(bulk('move', 1));
    const id = await h.submit();
    expect((await h.settle(id)).state).toBe('succeeded');
    const report = await h.service.report(id);
    expect(report.rows.map(({ row, values }) => [row, values.points])).toEqual([
      ['__proto__', 2],
      ['constructor', 2],
      ['größe', 2],
    ]);
    expect(report.totals).toEqual({ points: 6 });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('of which one spool is given up do all their units all the same', async () => {
    h.stages.push(bulk('move', 9, { concurrency: 2 }));
    const gate = Promise.withResolvers<undefined>();
    for (let unit = 0; unit < 9; unit += 1) h.behaviours.set(`d${unit}`, ({ signal }) => Promise.race([gate.promise, until(signal)]));
    const id = await h.submit();
    await h.settle(id, () => h.begun.length === 2);
    for (const role of ['dumper', 'restorer']) await h.store.leave(role);
    await expect(h.service.forgetSpool('nobody-knows', 'tester')).rejects.toMatchObject({ code: 'LSH_SPOOL_UNKNOWN' });
    await h.service.forgetSpool('a', 'tester');
    gate.resolve(undefined);
    const header = await h.settle(id);
    const { total, done, failed, skipped } = header.stages[0]!;
    expect(done + failed + skipped).toBe(total);
    for (let unit = 2; unit < 9; unit += 1) expect(h.begun).toContain(`r${unit}`);
  });
});

const until = (signal: AbortSignal): Promise<undefined> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));

describe('asked at an awkward moment', () => {
  test('a cancel while it is planned, the plan being ready already, throws the plan away', async () => {
    h.stages.push(stage('s', [one('a')]));
    const id = await h.submit('plan');
    await turns();
    const header = (await h.store.header(id))!;
    expect(await h.store.commit(id, { header: { ...header, intent: 'cancel', state: 'planned' } })).toBe(true);
    await h.transport.ring(id);
    const ended = await h.settle(id);
    expect(ended.state).toBe('discarded');
    expect(ended.intent).toBeUndefined();
  });

  test('a cancel does not stop what puts things away', async () => {
    const gate = Promise.withResolvers<undefined>();
    let aborted = 0;
    h.behaviours.set('tidy', async ({ signal }) => {
      signal.addEventListener('abort', () => {
        if (String(signal.reason).includes('cancelled')) aborted += 1;
      });
      await Promise.race([gate.promise, until(signal)]);
      return undefined;
    });
    h.stages.push(stage('s', [one('a')]), stage('tidy', [one('tidy'), one('tidy-2')], { always: true }));
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('tidy'));
    await h.service.act(id, 'cancel', 'tester');
    await h.settle(id, ({ intent }) => intent === undefined);
    gate.resolve(undefined);
    const header = await h.settle(id);
    expect(header.state).toBe('cancelled');
    expect(header.stages[1]).toMatchObject({ total: 2, done: 2 });
    expect(h.begun.filter((name) => name === 'tidy')).toHaveLength(1 + aborted);
  });

  test('a cancel of what has failed already leaves it failed, with its error', async () => {
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('bad', async () => {
      throw Flaky(false);
    });
    h.behaviours.set('slow', () => gate.promise);
    h.stages.push(stage('s', [one('bad'), one('slow')], { concurrency: 2 }));
    const id = await h.submit();
    await h.settle(id, ({ ending }) => ending === 'failed');
    await h.service.act(id, 'cancel', 'tester');
    gate.resolve(undefined);
    expect(await h.settle(id)).toMatchObject({ state: 'failed', error: { code: 'LSH_TEST' } });
  });

  test('a drain begins no further task of a stage', async () => {
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('a', () => gate.promise);
    h.stages.push(stage('s', [one('a'), one('quick'), one('x'), one('y')], { concurrency: 2 }));
    h.behaviours.set('quick', () => gate.promise);
    const id = await h.submit();
    await h.settle(id, () => h.begun.length === 2);
    await h.service.act(id, 'drain', 'tester');
    gate.resolve(undefined);
    const header = await h.settle(id);
    expect(header.state).toBe('cancelled');
    expect(h.begun).toEqual(['a', 'quick']);
    expect(header.stages[0]).toMatchObject({ total: 4, done: 2, skipped: 2 });
  });

  test('a pause gives nothing up when a lost spool took the last live task with it', async () => {
    h.stages.push({ name: 'move', title: 'move', concurrency: 2, bulk: { count: 9, params: null } });
    const gate = Promise.withResolvers<undefined>();
    for (let unit = 0; unit < 9; unit += 1) h.behaviours.set(`d${unit}`, ({ signal }) => Promise.race([gate.promise, until(signal)]));
    const id = await h.submit();
    await h.settle(id, () => h.begun.length === 2);
    // Paused while one of its roles was away for long, then the spool given up: only its own tasks go.
    const { header, tasks } = (await h.store.load(id))!;
    header.state = 'needs-attention';
    header.intent = 'pause';
    expect(await h.store.commit(id, { header, drop: [...tasks.keys()] })).toBe(true);
    await h.settle(id, ({ state }) => state !== 'needs-attention');
    gate.resolve(undefined);
    const paused = await h.settle(id, ({ state }) => state !== 'running');
    expect(paused).toMatchObject({ state: 'paused', stage: 0, stages: [{ state: 'running', cursor: 2 }] });
    await h.service.act(id, 'resume', 'tester');
    await h.settle(id);
    for (let unit = 2; unit < 9; unit += 1) expect(h.begun).toContain(`r${unit}`);
  });

  test('leases that dead schedulers left to operations that are over or gone are free', async () => {
    await h.stop();
    h = harness({ leases: [{ target: 'sink', scope: '' }] });
    h.stages.push(stage('s', [one('a')]));
    const first = await h.submit();
    expect((await h.settle(first)).state).toBe('succeeded');
    await h.store.acquireLeases(first, [{ target: 'sink', scope: 'x' }], h.clock.now());
    await h.store.acquireLeases('op_gone', [{ target: 'sink', scope: 'y' }], h.clock.now());
    expect((await h.settle(await h.submit())).state).toBe('succeeded');
  });
});
