/** Deadlines of tasks, of operations and of drains; and a fleet that takes nothing new. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Harness, HarnessOptions } from './engine.ts';
import { Flaky, harness, turns, until } from './engine.ts';
import { one, stage, TASK_DEADLINE_MS } from './engine-tasks.ts';

let h: Harness;
const begin = (options: HarnessOptions = {}): void => {
  h = harness(options);
};
afterEach(() => h.stop());

const forEver = (...names: string[]): void => {
  for (const name of names) h.behaviours.set(name, ({ signal }) => until(signal));
};
const submit = async (more: { deadlineMs?: number; mode?: 'run' | 'plan' } = {}): Promise<string> => {
  // Submitted one after another.
  h.clock.advance(1);
  return (await h.service.submit({ kind: 'test.kind', params: {}, owner: 'tester', ...more })).id;
};

describe('a deadline', () => {
  test('of a task stops its attempt, which counts as failed and is tried again', async () => {
    begin();
    const starts: number[] = [];
    h.behaviours.set('a', ({ signal, clock }) => {
      starts.push(clock.now());
      return starts.length < 2 ? until(signal) : Promise.resolve(undefined);
    });
    h.stages.push(stage('s', [one('a')]));
    const header = await h.settle(await submit());
    expect(header).toMatchObject({ state: 'succeeded', counters: { retries: 1 } });
    expect(starts[1]! - starts[0]!).toBeGreaterThanOrEqual(TASK_DEADLINE_MS);
    expect(starts[1]! - starts[0]!).toBeLessThan(TASK_DEADLINE_MS + 10_000);
  });

  test('of a task, and a cancel, end also what does not heed its signal, and it counts as lost', async () => {
    begin();
    h.behaviours.set('a', () => new Promise<undefined>(() => undefined));
    h.stages.push(stage('s', [one('a')]), stage('tidy', [one('tidy')], { always: true }));
    const late = await submit();
    const retried = await h.settle(late, ({ counters }) => counters.retries === 1);
    expect(h.clock.now() - retried.createdAt).toBeLessThan(TASK_DEADLINE_MS + 60_000);
    expect(retried.quietUntil).toBeGreaterThan(h.clock.now());
    await h.settle(late, () => h.begun.length === 2);
    await h.service.act(late, 'cancel', 'anna');
    const at = h.clock.now();
    const header = await h.settle(late);
    expect(header.state).toBe('cancelled');
    expect(header.endedAt! - at).toBeLessThan(60_000);
    expect(h.begun).toEqual(['a', 'a', 'tidy']);
  });

  test('of an operation stops what runs and ends it as failed, with its things put away', async () => {
    begin({ sweeps: false });
    forEver('a');
    h.stages.push(stage('s', [one('a'), one('b')]), stage('tidy', [one('tidy')], { always: true }));
    const id = await submit({ deadlineMs: 20_000 });
    const header = await h.settle(id);
    expect(header).toMatchObject({ state: 'failed', error: { code: 'LSH_OPERATION_DEADLINE' } });
    expect(header.endedAt! - header.createdAt).toBeGreaterThanOrEqual(20_000);
    expect(header.endedAt! - header.createdAt).toBeLessThan(25_000);
    expect(h.begun).toEqual(['a', 'tidy']);
  });

  test('of an operation counts while it is paused, planned, or waits for its turn, too', async () => {
    begin({ settings: { operationsAtOnce: 1 } });
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('a', () => gate.promise);
    h.stages.push(stage('s', [one('a'), one('b')]));
    const paused = await submit({ deadlineMs: 40_000 });
    await h.settle(paused, () => h.begun.includes('a'));
    const waiting = await submit({ deadlineMs: 20_000 });
    await h.service.act(paused, 'pause', 'anna');
    gate.resolve(undefined);
    await h.settle(paused, ({ state }) => state === 'paused');
    const late = await h.settle(waiting);
    expect(late).toMatchObject({ state: 'failed', error: { code: 'LSH_OPERATION_DEADLINE' } });
    expect(late.endedAt! - late.createdAt).toBeLessThan(25_000);
    expect(await h.settle(paused)).toMatchObject({ state: 'failed', error: { code: 'LSH_OPERATION_DEADLINE' } });
    expect(h.begun).toEqual(['a']);
  });
});

describe('a drain', () => {
  test('that has run out of time becomes a cancel', async () => {
    begin({ sweeps: false });
    forEver('a');
    h.stages.push(stage('s', [one('a'), one('b')]));
    const id = await submit();
    await h.settle(id, () => h.begun.includes('a'));
    const at = h.clock.now();
    await h.service.act(id, 'drain', 'anna', { withinMs: 10_000 });
    const header = await h.settle(id);
    expect(header).toMatchObject({ state: 'cancelled' });
    expect(header.endedAt! - at).toBeGreaterThanOrEqual(10_000);
    expect(header.endedAt! - at).toBeLessThan(15_000);
    expect(h.begun).toEqual(['a']);
  });

  test('may be given less time while it lasts', async () => {
    begin();
    forEver('a');
    h.stages.push(stage('s', [one('a')]));
    const id = await submit();
    await h.settle(id, () => h.begun.includes('a'));
    await h.service.act(id, 'drain', 'anna');
    await turns();
    const at = h.clock.now();
    await h.service.act(id, 'drain', 'anna', { withinMs: 5_000 });
    expect((await h.settle(id)).endedAt! - at).toBeLessThan(10_000);
  });

  test('of the fleet refuses what is new, finishes what it has, and stops what is left at its end', async () => {
    begin({ settings: { operationsAtOnce: 1 } });
    h.stages.push(stage('s', [one('a')]));
    const stored = await submit({ mode: 'plan' });
    await h.settle(stored, ({ state }) => state === 'planned');
    h.behaviours.set('a', async () => {
      throw Flaky(false);
    });
    const broken = await submit();
    expect((await h.settle(broken)).state).toBe('failed');
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('a', ({ signal }) => Promise.race([gate.promise, until(signal)]));
    const first = await submit();
    await h.settle(first, ({ state }) => state === 'running');
    const second = await submit();
    const drain = await h.service.drainFleet(600_000, 'anna');
    expect(drain.until - drain.since).toBe(600_000);
    const refused = { code: 'LSH_FLEET_DRAINING' };
    await expect(submit()).rejects.toMatchObject(refused);
    await expect(h.service.act(stored, 'start', 'anna')).rejects.toMatchObject(refused);
    await expect(h.service.retry(broken, 'anna')).rejects.toMatchObject(refused);
    // What was there is brought to its end, what waits for its turn too.
    gate.resolve(undefined);
    expect((await h.settle(first)).state).toBe('succeeded');
    expect((await h.settle(second)).state).toBe('succeeded');
    await h.service.openFleet();
    expect(await h.service.fleetDrain()).toBeUndefined();
    forEver('a');
    const [last, next] = [await submit(), await submit()];
    await h.settle(last, ({ state }) => state === 'running');
    await h.service.drainFleet(5_000, 'anna');
    expect((await h.settle(last)).state).toBe('cancelled');
    expect((await h.settle(next)).endedAt).toBeDefined();
    expect((await h.store.header(next))!.startedAt).toBeUndefined();
    await expect(submit()).rejects.toMatchObject(refused);
  });
});

test('a pause that is taken back before it began loses nothing, without a sweep', async () => {
  begin({ sweeps: false });
  const gate = Promise.withResolvers<undefined>();
  h.behaviours.set('long', () => gate.promise);
  h.behaviours.set('again', async () => {
    if (h.begun.length === 2) throw Flaky(true);
    return undefined;
  });
  h.stages.push(stage('s', [one('long'), one('again')], { concurrency: 2 }));
  const id = await submit();
  await h.settle(id, ({ counters }) => counters.retries === 1);
  await h.service.act(id, 'pause', 'anna');
  await h.settle(id, ({ order }) => order === 'pause');
  // Its next try comes due, and is not wanted now.
  h.clock.advance(20_000);
  h.transport.wake();
  await turns();
  expect(h.begun).toHaveLength(2);
  await h.service.act(id, 'resume', 'anna');
  await h.settle(id, () => h.begun.length === 3);
  gate.resolve(undefined);
  expect((await h.settle(id)).state).toBe('succeeded');
});
