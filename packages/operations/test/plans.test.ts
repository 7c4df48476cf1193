/** A stored plan runs only where the target still is as the plan found it; and the leases that keep it so. */
import { PLAN_FRESH_MS } from '@longshore/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Harness } from './engine.ts';
import { harness, turns, until } from './engine.ts';
import { LEASES, one, stage } from './engine-tasks.ts';

let h: Harness;
beforeEach(() => {
  h = harness({ leases: LEASES });
  h.found.fingerprint = { tables: { t: { partitions: 4, owner: 'anna' } } };
  h.stages.push(stage('s', [one('a')]));
});
afterEach(() => h.stop());

const planned = async (): Promise<string> => {
  const id = await h.submit('plan');
  await h.settle(id, ({ state }) => state === 'planned');
  return id;
};

describe('a stored plan', () => {
  test('is planned anew before it runs, and runs where nothing that matters has changed', async () => {
    const id = await planned();
    const { hash } = await h.service.plan(id);
    h.stages[0] = { ...h.stages[0]!, title: 'a live target always changes a little' };
    await h.service.act(id, 'start', 'anna');
    expect((await h.settle(id)).state).toBe('succeeded');
    expect((await h.service.plan(id)).hash).toBe(hash);
    expect((await h.service.plan(id)).stages[0]!.title).toBe('s');
  });

  test('is refused with the difference when the target has changed, stays planned, and holds nothing', async () => {
    const id = await planned();
    h.found.fingerprint = { tables: { t: { partitions: 8 }, u: {} } };
    await h.service.act(id, 'start', 'anna');
    const header = await h.settle(id, ({ error }) => error !== undefined);
    expect(header).toMatchObject({ state: 'planned', mode: 'plan', error: { code: 'LSH_PLAN_STALE', exitCode: 4 } });
    expect(header.error?.message).toContain('tables.t.partitions: 4, now 8');
    expect(header.error?.message).toContain('tables.t.owner: is gone (was "anna")');
    expect(header.error?.message).toContain('tables.u: is new ({})');
    expect(h.begun).toEqual([]);
    // Somebody else may have the target at once.
    expect((await h.settle(await h.submit())).state).toBe('succeeded');
    expect((await h.store.header(id))!.leases).toBeUndefined();
  });

  test('that was refused can be started again, once more refused or planned anew', async () => {
    const id = await planned();
    const before = h.found.fingerprint;
    h.found.fingerprint = 'another';
    await h.service.act(id, 'start', 'anna');
    await h.settle(id, ({ error }) => error !== undefined);
    await h.service.act(id, 'start', 'anna');
    await h.settle(id, ({ mode, error }) => mode === 'plan' && error !== undefined);
    expect(h.begun).toEqual([]);
    h.found.fingerprint = before;
    await h.service.act(id, 'start', 'anna');
    expect(await h.settle(id)).toMatchObject({ state: 'succeeded' });
    expect((await h.store.header(id))!.error).toBeUndefined();
  });

  test('is replaced by what is planned anew, where that was asked for', async () => {
    const id = await planned();
    h.found.fingerprint = 'another';
    h.stages[0] = stage('other', [one('b')]);
    await h.service.act(id, 'start', 'anna', { replan: true });
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(h.begun).toEqual(['b']);
    expect((await h.service.plan(id)).fingerprint).toBe('another');
  });

  test('does not run past an obstacle that has come up since', async () => {
    const id = await planned();
    h.found.findings.push({ level: 'error', text: 'the disk is full' });
    await h.service.act(id, 'start', 'anna');
    expect(await h.settle(id)).toMatchObject({ state: 'failed', error: { code: 'LSH_PLAN_REFUSED' } });
    expect(h.begun).toEqual([]);
  });

  test('with an obstacle cannot be started, but can be planned anew', async () => {
    h.found.findings.push({ level: 'error', text: 'the disk is full' });
    const id = await planned();
    await expect(h.service.act(id, 'start', 'anna')).rejects.toMatchObject({ code: 'LSH_PLAN_REFUSED' });
    h.found.findings.pop();
    await h.service.act(id, 'start', 'anna', { replan: true });
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('is not the one that people agreed to once it is planned anew: they are asked again', async () => {
    h.stages[0] = stage('s', [one('a')], { approval: 'switch writes' });
    const { id } = await h.service.submit({ kind: 'test.kind', params: {}, mode: 'plan', owner: 'tester', approvals: 'cutover' });
    await h.settle(id, ({ state }) => state === 'planned');
    await h.service.approve(id, { stages: ['s'], by: 'anna', reason: 'seen' });
    h.found.fingerprint = 'another';
    h.stages[0] = stage('s', [one('b')], { approval: 'switch everything' });
    await h.service.act(id, 'start', 'tester', { replan: true });
    await h.settle(id, ({ state }) => state === 'awaiting-approval');
    expect(h.begun).toEqual([]);
    await h.service.approve(id, { by: 'anna', reason: 'seen this one too' });
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(h.begun).toEqual(['b']);
  });

  test('is thrown away with what it holds, also while it is being planned anew', async () => {
    const id = await planned();
    const gate = Promise.withResolvers<undefined>();
    const plan = h.engine.registry.kind('test.kind').plan;
    h.engine.registry.kind('test.kind').plan = async (context) => {
      await gate.promise;
      return plan(context);
    };
    await h.service.act(id, 'start', 'anna');
    await h.settle(id, ({ leases }) => leases !== undefined);
    await h.service.act(id, 'cancel', 'anna');
    gate.resolve(undefined);
    expect((await h.settle(id)).state).toBe('discarded');
    await turns();
    expect((await h.settle(await h.submit())).state).toBe('succeeded');
    expect(h.begun).toEqual(['a']);
  });
});

describe('leases', () => {
  /** An operation that has the target in its hands until the given promise resolves. */
  const holding = async (gate: Promise<undefined>): Promise<string> => {
    h.behaviours.set('a', ({ signal }) => Promise.race([gate, until(signal)]));
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('a'));
    return id;
  };

  test('that another had since the plan was made have the target looked at again, however young the plan is', async () => {
    let plannings = 0;
    const kind = h.engine.registry.kind('test.kind');
    const plan = kind.plan;
    kind.plan = async (context) => {
      plannings += 1;
      return plan(context);
    };
    // Planned, but not yet started when another one takes the target and gives it back.
    const { id } = await h.service.submit({ kind: 'test.kind', params: {}, mode: 'plan', owner: 'tester' });
    await h.settle(id, ({ state }) => state === 'planned');
    h.clock.advance(10);
    await h.store.acquireLeases('op_other', LEASES, h.clock.now());
    await h.store.releaseLeases('op_other');
    h.found.fingerprint = 'what the other one made of it';
    const { header } = (await h.store.load(id))!;
    // As `run` does it in one go: no look at the target was asked for.
    expect(await h.store.commit(id, { header: { ...header, mode: 'run' } })).toBe(true);
    await h.transport.ring(id);
    expect(h.clock.now() - (await h.service.plan(id)).madeAt).toBeLessThan(PLAN_FRESH_MS);
    const refused = await h.settle(id, ({ error }) => error !== undefined);
    expect(refused).toMatchObject({ state: 'planned', error: { code: 'LSH_PLAN_STALE' } });
    expect(plannings).toBe(2);
  });

  test('held by another refuse a stored plan, naming the holder', async () => {
    const id = await planned();
    const gate = Promise.withResolvers<undefined>();
    const holder = await holding(gate.promise);
    await h.service.act(id, 'start', 'anna');
    const header = await h.settle(id, ({ error }) => error !== undefined);
    expect(header).toMatchObject({ state: 'planned', mode: 'plan', error: { code: 'LSH_LEASE_HELD', exitCode: 4 } });
    expect(header.error?.message).toContain(holder);
    gate.resolve(undefined);
    await h.settle(holder);
    // The plan is kept: it can be started again.
    await h.service.act(id, 'start', 'anna');
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('of a lost attempt stay quiet until it can act no more; who comes next waits and says so', async () => {
    const id = await holding(Promise.withResolvers<undefined>().promise);
    h.behaviours.delete('a');
    expect(h.transport.repeat('dumper', `${id}.a.1`)).toBe(true);
    const { quietUntil } = await h.settle(id);
    expect(quietUntil).toBeGreaterThan(h.clock.now());
    const next = await h.submit();
    const waiting = await h.settle(next, ({ waitsFor }) => waitsFor !== undefined);
    expect(waiting.waitsFor).toContain(id);
    const header = await h.settle(next);
    expect(header.state).toBe('succeeded');
    expect(header.startedAt).toBeGreaterThanOrEqual(quietUntil!);
  });

  test('have tokens that only grow', async () => {
    const tokens: number[] = [];
    h.behaviours.set('a', async ({ lease }) => {
      tokens.push(lease.token('t'));
      return undefined;
    });
    for (let run = 0; run < 4; run += 1) expect((await h.settle(await h.submit())).state).toBe('succeeded');
    expect(tokens.toSorted((a, b) => a - b)).toEqual(tokens);
    expect(new Set(tokens).size).toBe(4);
  });

  test('that are gone stop an attempt before its next effect', async () => {
    let acted = false;
    h.behaviours.set('a', async ({ lease, operation }) => {
      await lease.assertHeld();
      await h.store.releaseLeases(operation.id);
      await lease.assertHeld();
      acted = true;
      return undefined;
    });
    const header = await h.settle(await h.submit());
    expect(header).toMatchObject({ state: 'failed', error: { code: 'LSH_LEASE_LOST' } });
    expect(acted).toBe(false);
  });
});
