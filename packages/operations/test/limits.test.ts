/** Room: whose turn it is, places at a target, and how long what is over is kept. */
import type { OperationHeader } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { advance, sweep } from '../src/index.ts';
import { whoIsAhead } from '../src/leases.ts';
import type { Harness, HarnessOptions } from './engine.ts';
import { Flaky, harness, until } from './engine.ts';
import type { Behaviour } from './engine-tasks.ts';
import { LEASES, one, sets, stage } from './engine-tasks.ts';

let h: Harness;
const begin = (options: HarnessOptions = {}): void => {
  h = harness(options);
};
afterEach(() => h.stop());

const forEver = (...names: string[]): void => {
  for (const name of names) h.behaviours.set(name, ({ signal }) => until(signal));
};
const submit = async (more: { deadlineMs?: number; mode?: 'run' | 'plan'; patient?: boolean } = {}): Promise<string> => {
  // Submitted one after another.
  h.clock.advance(1);
  return (await h.service.submit({ kind: 'test.kind', params: {}, owner: 'tester', ...more })).id;
};

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

  test('also of what is tried again or taken back', async () => {
    begin({ settings: { operationsAtOnce: 1 }, leases: [], sweeps: false });
    h.behaviours.set('a', async () => {
      throw Flaky(false);
    });
    h.world.set('x', 'old');
    h.stages.push(stage('s', [sets('set', 'x', 'new')]), stage('t', [one('a')]));
    const failed = await submit();
    expect((await h.settle(failed)).state).toBe('failed');
    h.behaviours.delete('a');
    const taken = await submit();
    expect((await h.settle(taken)).state).toBe('succeeded');
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('b', () => gate.promise);
    h.stages.splice(0, 2, stage('s', [one('b')]));
    const running = await submit();
    await h.settle(running, () => h.begun.includes('b'));
    await h.service.retry(failed, 'anna');
    await h.service.revert(taken, 'anna');
    const begun = h.begun.length;
    for (const id of [failed, taken]) await h.settle(id, ({ waitsFor }) => waitsFor?.includes(running) ?? false);
    const from = h.clock.now();
    await h.settle(running, () => h.clock.now() > from + 30_000);
    expect(h.begun).toHaveLength(begun);
    // What waits for its turn may be given up.
    await h.service.act(taken, 'cancel', 'anna');
    expect(await h.settle(taken)).toMatchObject({ state: 'failed', error: { code: 'LSH_REVERT_STOPPED' } });
    gate.resolve(undefined);
    expect((await h.settle(failed)).state).toBe('succeeded');
    const told = (await h.service.events(failed, undefined, 0)).filter(({ text }) => text.includes('comes first'));
    expect(told).toHaveLength(1);
  });

  test('what is tried again comes before what has not begun, however old that is: it has the target already', async () => {
    begin({ settings: { operationsAtOnce: 1 } });
    const common = { kind: 'test.kind', params: {}, owner: 'o', updatedAt: 0, version: 0, stage: 0, stages: [], counters: {} };
    const header = { ...common, mode: 'run' as const, expect: {}, spools: [] };
    const older: OperationHeader = { ...header, id: 'older', createdAt: 1, state: 'planned', patient: true };
    const again: OperationHeader = { ...header, id: 'again', createdAt: 2, startedAt: 3, state: 'running', queued: true };
    for (const one of [older, again]) await h.store.create(one);
    expect(await whoIsAhead(h.engine, older)).toBe('again');
    expect(await whoIsAhead(h.engine, again)).toBeUndefined();
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

test('what ended while a sweep asked for its leases does not keep them', async () => {
  begin({ leases: LEASES, sweeps: false });
  const gate = Promise.withResolvers<undefined>();
  h.behaviours.set('a', () => gate.promise);
  h.stages.push(stage('s', [one('a')]));
  const id = await submit();
  await h.settle(id, () => h.begun.includes('a'));
  const { acquireLeases } = h.store;
  h.store.acquireLeases = async (...asked) => {
    h.store.acquireLeases = acquireLeases;
    gate.resolve(undefined);
    expect((await h.settle(id)).state).toBe('succeeded');
    return acquireLeases(...asked);
  };
  await advance(h.engine, id, { sweep: true });
  expect(await h.store.acquireLeases('another', LEASES, h.clock.now())).toHaveProperty('tokens');
});

test('a patient operation waits for a target that another one has, and takes its turn', async () => {
  begin({ leases: LEASES });
  const gate = Promise.withResolvers<undefined>();
  h.behaviours.set('a', () => gate.promise);
  h.stages.push(stage('s', [one('a')]));
  const first = await submit();
  await h.settle(first, ({ state }) => state === 'running');
  const patient = await submit({ patient: true });
  const waiting = await h.settle(patient, ({ waitsFor }) => waitsFor !== undefined);
  expect(waiting.waitsFor).toBe(`${first} has t`);
  expect((await h.settle(await submit())).error?.code).toBe('LSH_LEASE_HELD');
  gate.resolve(undefined);
  expect((await h.settle(patient)).state).toBe('succeeded');
  expect((await h.store.header(patient))!.startedAt).toBeGreaterThanOrEqual((await h.store.header(first))!.endedAt!);
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

  test('are kept by a task that goes on, though the store was away when one was to be renewed', async () => {
    begin({ placesOf: () => 1 });
    const on = (name: string) => ({ ...one(name), params: { name, on: 'db' } });
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('a', () => gate.promise);
    h.stages.push(stage('s', [on('a')]));
    const id = await submit();
    await h.settle(id, () => h.begun.includes('a'));
    const { takePermit } = h.store;
    const failed = Promise.withResolvers<void>();
    h.worker.store.takePermit = async () => {
      h.worker.store.takePermit = takePermit;
      failed.resolve();
      throw new Error('the store is away');
    };
    const from = h.clock.now();
    await h.settle(id, () => h.clock.now() > from + 45_000);
    await failed.promise;
    expect(await h.store.takePermit('target.db', 'another', 1, h.clock.now(), 30_000)).toBe(false);
    gate.resolve(undefined);
    expect((await h.settle(id)).state).toBe('succeeded');
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

describe('places that a task asks for itself', () => {
  const mover = defineTask({
    name: 'test.move',
    role: 'dumper',
    params: z.strictObject({ name: z.string(), from: z.string(), to: z.string() }),
    retry: { attempts: 1, firstPauseMs: 1, maxPauseMs: 1 },
    undo: { none: 'a test changes nothing' },
    places: ({ from, to }) => [from, to].map((service) => ({ name: `test/${service}`, atMost: 1 })),
    run: (context) => h.behaviours.get(context.params.name)!(context),
  });
  const move = (name: string, from: string, to: string) => ({
    id: name,
    task: 'test.move',
    params: { name, from, to },
    placement: 'role' as const,
  });

  test('are had one at a time, over all operations; the others wait at a gate', async () => {
    begin({ system: { name: 'mover', kinds: [], tasks: [mover] } });
    const at: Record<string, number> = {};
    let most = 0;
    const busy =
      (from: string, to: string): Behaviour =>
      async ({ clock, signal }) => {
        for (const service of [from, to]) {
          at[service] = (at[service] ?? 0) + 1;
          most = Math.max(most, at[service]);
        }
        await clock.sleep(3_000, signal);
        for (const service of [from, to]) at[service]! -= 1;
        return undefined;
      };
    const moves = [
      ['m1', 'a', 'b'],
      ['m2', 'b', 'a'],
      ['m3', 'c', 'd'],
      ['m4', 'a', 'd'],
    ] as const;
    for (const [name, from, to] of moves) h.behaviours.set(name, busy(from, to));
    h.stages.push(
      stage(
        's',
        moves.map(([name, from, to]) => move(name, from, to)),
        { concurrency: 4 },
      ),
    );
    const ids = [await submit(), await submit()];
    await h.settle(ids[0]!, () => at.a === 1 && at.c === 1);
    const waiting = (await h.service.get(ids[0]!)).tasks.filter(({ gate }) => gate !== undefined);
    expect(waiting.map(({ gate }) => gate!.reason)).toContain('a task works on test/a already');
    for (const id of ids) expect((await h.settle(id)).state).toBe('succeeded');
    expect(most).toBe(1);
    expect(await h.store.permits('place.test/a', h.clock.now())).toEqual([]);
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
