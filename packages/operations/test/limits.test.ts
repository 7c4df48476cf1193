/** Time and room: deadlines, drains, turns, places at a target, retention. */
import { afterEach, describe, expect, test } from 'vitest';
import { sweep } from '../src/index.ts';
import type { Harness, HarnessOptions } from './engine.ts';
import { Flaky, harness, turns, until } from './engine.ts';
import { LEASES, one, stage, TASK_DEADLINE_MS } from './engine-tasks.ts';

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

describe('one operation at a time', () => {
  test('in the order of their submission, each told what it waits for, without a sweep', async () => {
    begin({ settings: { operationsAtOnce: 1 }, sweeps: false });
    h.behaviours.set('a', async ({ clock, signal }) => {
      await clock.sleep(3_000, signal);
      return undefined;
    });
    h.stages.push(stage('s', [one('a')]));
    const ids: string[] = [];
    for (let at = 0; at < 4; at += 1) ids.push(await submit());
    await h.settle(ids[3]!, ({ waitsFor }) => waitsFor !== undefined);
    const headers = [];
    for (const id of ids) headers.push(await h.settle(id));
    for (const [at, header] of headers.entries()) {
      expect(header.state).toBe('succeeded');
      if (at > 0) expect(header.startedAt).toBeGreaterThanOrEqual(headers[at - 1]!.endedAt!);
      const told = (await h.service.events(header.id, undefined, 0)).filter(({ type }) => type === 'gate');
      expect(told.length).toBe(new Set(told.map(({ text }) => text)).size);
    }
  });

  test('as many as the fleet allows', async () => {
    begin({ settings: { operationsAtOnce: 2 } });
    forEver('a');
    h.stages.push(stage('s', [one('a')]));
    const ids: string[] = [];
    for (let at = 0; at < 3; at += 1) ids.push(await submit());
    await h.settle(ids[2]!, ({ waitsFor }) => waitsFor !== undefined);
    expect(h.begun).toHaveLength(2);
    await h.service.act(ids[0]!, 'cancel', 'anna');
    await h.settle(ids[2]!, ({ state }) => state === 'running');
  });

  test('a plan that was refused, is looked at or thrown away keeps nobody waiting', async () => {
    begin({ settings: { operationsAtOnce: 1 }, sweeps: false });
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('a', () => gate.promise);
    h.stages.push(stage('s', [one('a')]));
    h.found.fingerprint = 'before';
    const looked = await submit({ mode: 'plan' });
    await h.settle(looked, ({ state }) => state === 'planned');
    const first = await submit();
    await h.settle(first, ({ state }) => state === 'running');
    const stale = await submit();
    await h.settle(stale, ({ waitsFor }) => waitsFor !== undefined);
    const thrown = await submit();
    const last = await submit();
    await h.settle(last, ({ waitsFor }) => waitsFor !== undefined);
    await h.service.act(thrown, 'cancel', 'anna');
    // Its plan is old by the time its turn comes, and the target another.
    h.clock.advance(120_000);
    h.found.fingerprint = 'after';
    gate.resolve(undefined);
    expect((await h.settle(first)).state).toBe('succeeded');
    await h.settle(stale, ({ error }) => error?.code === 'LSH_PLAN_STALE');
    expect((await h.store.header(thrown))!.state).toBe('discarded');
    expect(await h.settle(last, ({ error, endedAt }) => error !== undefined || endedAt !== undefined)).toMatchObject({
      error: { code: 'LSH_PLAN_STALE' },
    });
  });
});

describe('places at a target', () => {
  test('bound how many tasks work on it, over all operations, and say why one waits', async () => {
    begin({ placesOf: (target) => (target === 'db' ? 2 : undefined) });
    let now = 0;
    let most = 0;
    const on = (name: string, target: string) => ({ ...one(name), params: { name, on: target } });
    for (const name of ['a', 'b', 'c', 'd'])
      h.behaviours.set(name, async ({ clock, signal }) => {
        now += 1;
        most = Math.max(most, now);
        await clock.sleep(40_000, signal);
        now -= 1;
        return undefined;
      });
    h.stages.push(stage('s', [on('a', 'db'), on('b', 'db'), on('c', 'db'), on('d', 'other')], { concurrency: 4 }));
    const id = await submit();
    await h.settle(id, () => h.begun.length === 3);
    expect(h.begun).toContain('d');
    const waiting = (await h.service.get(id)).tasks.find(({ gate }) => gate !== undefined);
    expect(waiting).toMatchObject({ state: 'gated', gate: { gate: 'target', reason: expect.stringContaining('db') } });
    const header = await h.settle(id);
    expect(header).toMatchObject({ state: 'succeeded' });
    expect(header.counters.retries ?? 0).toBe(0);
    expect(most).toBe(3);
    expect(await h.store.permits('target.db', h.clock.now())).toEqual([]);
  });

  test('are free again when the worker that held one is lost', async () => {
    begin({ placesOf: () => 1, leases: LEASES });
    const on = (name: string) => ({ ...one(name), params: { name, on: 'db' } });
    expect(await h.store.takePermit('target.db', 'a worker that is dead', 1, h.clock.now(), 30_000)).toBe(true);
    h.stages.push(stage('s', [on('a')]));
    const from = h.clock.now();
    expect((await h.settle(await submit())).state).toBe('succeeded');
    expect(h.clock.now() - from).toBeGreaterThanOrEqual(30_000);
  });
});

describe('retention', () => {
  const DAY_MS = 86_400_000;

  test('forgets what is over after its time, and what is live never', async () => {
    begin({ settings: { retention: { days: 1, count: 100 } } });
    h.stages.push(stage('s', [one('a')]));
    const old = await submit();
    await h.settle(old);
    h.clock.advance(DAY_MS / 2);
    const young = await submit();
    await h.settle(young);
    forEver('a');
    const live = await submit();
    await h.settle(live, ({ state }) => state === 'running');
    h.clock.advance(DAY_MS / 2 + 60_000);
    await sweep(h.engine);
    await expect(h.service.get(old)).rejects.toMatchObject({ code: 'LSH_OPERATION_UNKNOWN' });
    expect((await h.service.get(young)).header.state).toBe('succeeded');
    h.clock.advance(DAY_MS);
    await sweep(h.engine);
    await expect(h.service.get(young)).rejects.toMatchObject({ code: 'LSH_OPERATION_UNKNOWN' });
    expect((await h.service.get(live)).header.state).toBe('running');
  });

  test('forgets the oldest beyond a number', async () => {
    begin({ settings: { retention: { days: 100, count: 2 } } });
    h.stages.push(stage('s', [one('a')]));
    const ids: string[] = [];
    for (let at = 0; at < 4; at += 1) {
      ids.push(await submit());
      await h.settle(ids[at]!);
    }
    await sweep(h.engine);
    const { operations } = await h.service.list({ limit: 10 });
    expect(operations.map(({ id }) => id).toSorted()).toEqual(ids.slice(2).toSorted());
  });
});
