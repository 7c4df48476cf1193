/** A person who submits, or starts, and at once changes his mind gets what he asked for: nothing has begun yet, and nothing begins. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { advance } from '../src/index.ts';
import type { Harness } from './engine.ts';
import { harness, turns } from './engine.ts';
import { LEASES, one, stage } from './engine-tasks.ts';

let h: Harness;
beforeEach(() => {
  h = harness({ leases: LEASES });
  h.found.fingerprint = { size: 4 };
  h.stages.push(stage('s', [one('a')]));
});
afterEach(() => h.stop());

const state = async (id: string): Promise<string> => h.service.state(id);

/** The next planning waits until the gate is opened. */
function slowPlanning(): PromiseWithResolvers<undefined> {
  const gate = Promise.withResolvers<undefined>();
  const kind = h.engine.registry.kind('test.kind');
  const plan = kind.plan;
  kind.plan = async (context) => {
    await gate.promise;
    return plan(context);
  };
  return gate;
}

const stored = async (): Promise<string> => {
  const id = await h.submit('plan');
  await h.settle(id, (header) => header.state === 'planned');
  return id;
};

describe('a pause that comes before it has begun', () => {
  test('stops the planning; resumed, it is planned and runs', async () => {
    const gate = slowPlanning();
    const id = await h.submit();
    await h.settle(id, ({ version }) => version > 0);
    await h.service.act(id, 'pause', 'anna');
    const paused = await h.settle(id, (header) => header.state === 'paused');
    expect([paused.planHash, paused.leases]).toEqual([undefined, undefined]);
    expect(await h.service.explain(id)).toContain('It is paused, as anna asked: it had not begun, and nothing was changed.');
    // What the planning finds all the same is no longer asked for.
    gate.resolve(undefined);
    await h.settle(id, () => h.clock.now() > paused.updatedAt + 60_000);
    expect([await state(id), h.begun]).toEqual(['paused', []]);
    await h.service.act(id, 'resume', 'anna');
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(h.begun).toEqual(['a']);
  });

  test('holds a stored plan that was just started, and gives its lease back; resumed, it is compared once more', async () => {
    const id = await stored();
    const gate = slowPlanning();
    await h.service.act(id, 'start', 'anna');
    await h.settle(id, ({ leases }) => leases !== undefined);
    await h.service.act(id, 'pause', 'anna');
    const paused = await h.settle(id, (header) => header.state === 'paused');
    gate.resolve(undefined);
    await turns();
    expect([h.begun, paused.leases]).toEqual([[], undefined]);
    expect(await h.store.acquireLeases('another', LEASES, h.clock.now())).toHaveProperty('tokens');
    await h.store.releaseLeases('another');
    h.found.fingerprint = { size: 8 };
    await h.service.act(id, 'resume', 'anna');
    expect(await h.settle(id, ({ error }) => error !== undefined)).toMatchObject({
      state: 'planned',
      mode: 'plan',
      error: { code: 'LSH_PLAN_STALE' },
    });
    expect(h.begun).toEqual([]);
    await h.service.act(id, 'start', 'anna', { replan: true });
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('keeps nobody from the target, though a scheduler had taken its leases and said so nowhere', async () => {
    const id = await h.submit();
    await h.service.act(id, 'pause', 'anna');
    await h.store.acquireLeases(id, LEASES, h.clock.now());
    await h.settle(id, (header) => header.state === 'paused');
    expect(await h.store.acquireLeases('another', LEASES, h.clock.now())).toHaveProperty('tokens');
    await h.store.releaseLeases('another');
    // One that slept takes them when it is paused already, and dies.
    await h.store.acquireLeases(id, LEASES, h.clock.now());
    const other = await h.submit();
    expect((await h.settle(other)).state).toBe('succeeded');
    await h.service.act(id, 'resume', 'anna');
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('gives back what was taken for it while it was being paused', async () => {
    const id = await h.submit();
    const acquire = h.store.acquireLeases.bind(h.store);
    h.store.acquireLeases = async (...given) => {
      const got = await acquire(...given);
      h.store.acquireLeases = acquire;
      // Others see the pause through before this scheduler commits.
      await h.service.act(id, 'pause', 'anna');
      await advance(h.engine, id);
      await acquire(...given);
      return got;
    };
    await h.settle(id, (header) => header.state === 'paused');
    await turns();
    expect(await h.store.acquireLeases('another', LEASES, h.clock.now())).toHaveProperty('tokens');
    expect(h.begun).toEqual([]);
  });

  test('is obeyed right after start, too, and taken back as fast', async () => {
    const id = await stored();
    await h.service.act(id, 'start', 'anna');
    await h.service.act(id, 'start', 'anna');
    await h.service.act(id, 'pause', 'anna');
    await h.settle(id, (header) => header.state === 'paused');
    await expect(h.service.act(id, 'start', 'anna')).rejects.toMatchObject({ code: 'LSH_OPERATION_STATE' });
    await h.service.act(id, 'resume', 'anna');
    await h.service.act(id, 'resume', 'anna');
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('of what is only planned does not outlast the plan', async () => {
    const id = await h.submit('plan');
    await h.service.act(id, 'pause', 'anna');
    await h.settle(id, (header) => header.state === 'paused');
    await h.service.act(id, 'resume', 'anna');
    await h.settle(id, (header) => header.state === 'planned');
    await h.service.act(id, 'start', 'anna');
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('steps aside where only so many may run', async () => {
    await h.stop();
    h = harness({ settings: { operationsAtOnce: 1 }, sweeps: false });
    h.stages.push(stage('s', [one('a')]));
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('a', () => gate.promise);
    const running = await h.submit();
    await h.settle(running, () => h.begun.includes('a'));
    const first = await h.submit();
    const second = await h.submit();
    for (const id of [first, second]) await h.settle(id, ({ waitsFor }) => waitsFor !== undefined);
    await h.service.act(first, 'pause', 'anna');
    await h.settle(first, (header) => header.state === 'paused');
    expect((await h.store.header(first))!.waitsFor).toBeUndefined();
    gate.resolve(undefined);
    expect((await h.settle(second)).state).toBe('succeeded');
    expect(await state(first)).toBe('paused');
    await h.service.act(first, 'resume', 'anna');
    expect((await h.settle(first)).state).toBe('succeeded');
  });

  test.each([
    ['cancel', 'discarded'],
    ['drain', 'discarded'],
  ] as const)('is ended by %s, and gives back what it held', async (action, end) => {
    const id = await stored();
    const gate = slowPlanning();
    await h.service.act(id, 'start', 'anna');
    await h.settle(id, ({ leases }) => leases !== undefined);
    await h.service.act(id, 'pause', 'anna');
    await h.settle(id, (header) => header.state === 'paused');
    await h.service.act(id, action, 'anna');
    expect((await h.settle(id)).state).toBe(end);
    gate.resolve(undefined);
    await h.service.act(id, 'cancel', 'anna');
    expect(await h.store.acquireLeases('another', LEASES, h.clock.now())).toHaveProperty('tokens');
  });

  test('does not stop the clock of its deadline', async () => {
    const { id } = await h.service.submit({ kind: 'test.kind', params: {}, owner: 'tester', deadlineMs: 20_000 });
    await h.service.act(id, 'pause', 'anna');
    await h.settle(id, (header) => header.state === 'paused');
    expect(await h.settle(id)).toMatchObject({ state: 'failed', error: { code: 'LSH_OPERATION_DEADLINE' } });
    expect(h.begun).toEqual([]);
  });
});

test('a pause while it waits for a person holds it whatever that person says; resumed, it asks again', async () => {
  h.stages[0] = stage('s', [one('a')], { approval: 'switch writes' });
  const { id } = await h.service.submit({ kind: 'test.kind', params: {}, owner: 'tester', approvals: 'cutover' });
  await h.settle(id, (header) => header.state === 'awaiting-approval');
  await h.service.act(id, 'pause', 'anna');
  const paused = await h.settle(id, (header) => header.state === 'paused');
  expect(paused.awaits).toBeUndefined();
  await h.service.approve(id, { stages: ['s'], by: 'ben', reason: 'seen' });
  await h.settle(id, () => h.clock.now() > paused.updatedAt + 10_000);
  expect(h.begun).toEqual([]);
  await h.service.act(id, 'resume', 'anna');
  expect((await h.settle(id)).state).toBe('succeeded');
});

test('a drain right after start throws the plan away', async () => {
  const id = await stored();
  await h.service.act(id, 'start', 'anna');
  await h.service.act(id, 'drain', 'anna');
  expect((await h.settle(id)).state).toBe('discarded');
  expect(h.begun).toEqual([]);
});
