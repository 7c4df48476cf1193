/** Taking an operation back: newest first, unknown outcomes too, and not where somebody has been at the target since. */
import type { TaskContext } from '@longshore/core';
import { ATTENTION_RETRY_MS } from '@longshore/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Harness } from './engine.ts';
import { Flaky, harness, turns, until } from './engine.ts';
import { DENIED, LEASES, one, sets, stage, TARGET } from './engine-tasks.ts';

let h: Harness;
beforeEach(() => {
  h = harness({ leases: LEASES });
  h.world.set('x', 'old x').set('z', 'old z');
});
afterEach(() => h.stop());

const undone = (): string[] => h.begun.filter((name) => name.startsWith('undo ')).map((name) => name.slice(5));
const ran = async (): Promise<string> => {
  h.stages.push(
    stage('first', [sets('a', 'x', 'new x'), sets('b', 'y', 'new y'), one('plain')]),
    stage('second', [sets('c', 'z', 'new z'), sets('d', 'x', 'newest x', 'c')]),
  );
  const id = await h.submit();
  expect((await h.settle(id)).state).toBe('succeeded');
  return id;
};
const world = (): Record<string, unknown> => Object.fromEntries(h.world);
const OLD = { x: 'old x', z: 'old z' };

describe('revert', () => {
  test('shows what it would do, then does it, newest first, and leaves things as they were', async () => {
    const id = await ran();
    const { steps, stage: back } = await h.service.revertPlan(id);
    expect(steps.map(({ task, changed, none }) => [task, changed, none])).toEqual([
      ['d', ['x is newest x'], undefined],
      ['c', ['z is new z'], undefined],
      ['plain', [], 'a test changes nothing'],
      ['b', ['y is new y'], undefined],
      ['a', ['x is new x'], undefined],
    ]);
    expect(back?.tasks?.map(({ undoes }) => undoes)).toEqual(['d', 'c', 'b', 'a']);
    expect(world()).toEqual({ x: 'newest x', y: 'new y', z: 'new z' });
    const asked = await h.service.revert(id, 'anna');
    expect(asked).toMatchObject({ state: 'reverting', revert: { by: 'anna', from: 'succeeded' } });
    expect((await h.settle(id)).state).toBe('reverted');
    expect(undone()).toEqual(['d', 'c', 'b', 'a']);
    expect(world()).toEqual(OLD);
    const entries = await h.service.journal(id);
    expect(entries.map(({ task, state }) => [task, state])).toEqual([
      ...['a', 'b', 'c', 'd'].map((task) => [task, 'undone']),
      ...['d', 'c', 'b', 'a'].map((task) => [`undo-${task}`, 'done']),
    ]);
  });

  test('is refused as a whole when a step was done that has no way back', async () => {
    const last = { ...one('last'), params: { name: 'last', final: 'the old copy is deleted' } };
    h.stages.push(stage('first', [sets('a', 'x', 'new x')]), stage('second', [last]));
    const id = await h.submit();
    expect((await h.settle(id)).state).toBe('succeeded');
    const { steps, stage: back, final } = await h.service.revertPlan(id);
    expect([back, final]).toEqual([undefined, 'the old copy is deleted']);
    expect(steps.map(({ task, none }) => [task, none])).toEqual([
      ['last', 'a test changes nothing'],
      ['a', 'the old copy is deleted'],
    ]);
    await expect(h.service.revert(id, 'anna')).rejects.toMatchObject({
      code: 'LSH_REVERT_FINAL',
      message: expect.stringContaining('the old copy is deleted'),
    });
    expect(world()).toEqual({ x: 'new x', z: 'old z' });
  });

  test('is possible while the step that has no way back has not ended well', async () => {
    h.behaviours.set('last', async () => {
      throw Flaky(false);
    });
    const last = { ...one('last'), params: { name: 'last', final: 'the old copy is deleted' } };
    h.stages.push(stage('first', [sets('a', 'x', 'new x')]), stage('second', [last]));
    const id = await h.submit();
    expect((await h.settle(id)).state).toBe('failed');
    await h.service.revert(id, 'anna');
    expect((await h.settle(id)).state).toBe('reverted');
    expect(world()).toEqual(OLD);
  });

  test('asked for twice is done once', async () => {
    const id = await ran();
    await h.service.revert(id, 'anna');
    expect((await h.service.revert(id, 'ben')).revert?.by).toBe('anna');
    await h.settle(id);
    expect((await h.service.revert(id, 'ben')).state).toBe('reverted');
    await turns();
    expect(undone()).toHaveLength(4);
  });

  test('takes back what a failed task had begun, though nobody knows whether it took effect', async () => {
    h.behaviours.set('act:b', async () => {
      throw Flaky(false);
    });
    h.stages.push(stage('s', [sets('a', 'x', 'new x'), sets('b', 'y', 'new y'), sets('c', 'z', 'new z')]));
    const id = await h.submit();
    expect((await h.settle(id)).state).toBe('failed');
    // It had arrived all the same.
    h.world.set('y', 'new y');
    await h.service.revert(id, 'anna');
    expect((await h.settle(id)).state).toBe('reverted');
    expect(undone()).toEqual(['b', 'a']);
    expect(world()).toEqual(OLD);
  });

  test('of a cancelled operation takes back what was done, and what was being done', async () => {
    h.behaviours.set('after:b', ({ signal }) => until(signal));
    h.stages.push(stage('s', [sets('a', 'x', 'new x'), sets('b', 'y', 'new y')]));
    const id = await h.submit();
    await h.settle(id, () => h.world.has('y'));
    await h.service.act(id, 'cancel', 'tester');
    expect((await h.settle(id)).state).toBe('cancelled');
    await h.service.revert(id, 'anna');
    expect(await h.settle(id)).toMatchObject({ state: 'reverted', revert: { from: 'cancelled' } });
    expect(world()).toEqual(OLD);
  });

  test('keeps the value found first, whatever an attempt that came after a crash found', async () => {
    // Acted, then died before anything was told.
    let calls = 0;
    h.behaviours.set('after:a', ({ signal }) => {
      calls += 1;
      return calls === 1 ? until(signal) : Promise.resolve(undefined);
    });
    h.stages.push(stage('s', [sets('a', 'fresh', 'new')]));
    const id = await h.submit();
    await h.settle(id, () => h.world.has('fresh'));
    expect(h.transport.repeat('dumper', `${id}.a.1`)).toBe(true);
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(calls).toBe(2);
    expect(await h.service.journal(id)).toMatchObject([{ key: 'fresh', before: null, after: 'new', state: 'done' }]);
    await h.service.revert(id, 'anna');
    expect((await h.settle(id)).state).toBe('reverted');
    expect(world()).toEqual(OLD);
  });

  test('gives a task what it found first, also where that was nothing', async () => {
    let calls = 0;
    let first: unknown = 'nothing was told';
    h.behaviours.set('a', async ({ effect }) => {
      calls += 1;
      first = await effect<string | null>({
        key: 'fresh',
        what: 'fresh is new',
        wanted: 'new',
        observe: async () => (h.world.get('fresh') as string | undefined) ?? null,
        act: async () => void h.world.set('fresh', 'new'),
      });
      if (calls === 1) throw Flaky(true);
      return undefined;
    });
    h.stages.push(stage('s', [one('a')]));
    expect((await h.settle(await h.submit())).state).toBe('succeeded');
    expect(calls).toBe(2);
    expect(first).toBeNull();
  });

  test('is refused when somebody has worked on the target since, saying who, and may be asked for again', async () => {
    const id = await ran();
    h.stages.splice(0, 2, stage('s', [sets('e', 'x', 'the newest x')]));
    const other = await h.submit();
    await h.settle(other);
    for (let tries = 0; tries < 2; tries += 1) {
      const refused = h.service.revert(id, 'anna');
      await expect(refused).rejects.toMatchObject({ code: 'LSH_TARGET_CHANGED', message: expect.stringContaining(other) });
    }
    expect((await h.store.header(id))!.state).toBe('succeeded');
    expect(undone()).toEqual([]);
    // It holds nothing: another one may begin at once.
    expect((await h.settle(await h.submit())).state).toBe('succeeded');
  });

  test('is refused while somebody works on the target', async () => {
    const id = await ran();
    h.behaviours.set('plain', ({ signal }) => until(signal));
    h.stages.splice(0, 2, stage('s', [one('plain')]));
    const other = await h.submit();
    await h.settle(other, ({ state }) => state === 'running');
    await expect(h.service.revert(id, 'anna')).rejects.toMatchObject({ code: 'LSH_LEASE_HELD' });
  });

  test('is made of what was done when it is asked for, not of what was shown before', async () => {
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('plain', () => gate.promise);
    h.stages.push(stage('s', [sets('a', 'x', 'new x'), one('plain'), sets('b', 'y', 'new y')]));
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('plain'));
    const { journal } = h.store;
    // It ends in the middle of the question.
    h.store.journal = async (...asked) => {
      const before = await journal(...asked);
      h.store.journal = journal;
      gate.resolve(undefined);
      await h.settle(id);
      return before;
    };
    await h.service.revert(id, 'anna').catch((error: { code: string }) => expect(error.code).toBe('LSH_OPERATION_STATE'));
    h.store.journal = journal;
    gate.resolve(undefined);
    expect((await h.settle(id)).state).toBe('succeeded');
    await h.service.revert(id, 'anna');
    expect((await h.settle(id)).state).toBe('reverted');
    expect(world()).toEqual(OLD);
  });

  test('is refused where nothing was done, or it is not over', async () => {
    h.stages.push(stage('s', [one('plain')]));
    const id = await h.submit();
    await h.settle(id);
    const refused = h.service.revert(id, 'anna');
    await expect(refused).rejects.toMatchObject({ code: 'LSH_REVERT_NOTHING', message: expect.stringContaining('a test changes nothing') });
    h.behaviours.set('plain', ({ signal }) => until(signal));
    const running = await h.submit();
    await h.settle(running, ({ state }) => state === 'running');
    await expect(h.service.revert(running, 'anna')).rejects.toMatchObject({ code: 'LSH_OPERATION_STATE' });
  });

  test('of a step that cannot be taken back needs a person, goes on trying, and finishes once it can', async () => {
    const id = await ran();
    h.behaviours.set('undo:c', async () => {
      throw Flaky(false);
    });
    await h.service.revert(id, 'anna');
    const header = await h.settle(id, ({ state }) => state === 'needs-attention');
    expect(header.attention?.error).toMatchObject({
      code: 'LSH_UNDO_FAILED',
      message: expect.stringContaining('c could not be taken back'),
    });
    expect(undone()).toEqual(['d', 'c']);
    const at = h.clock.now();
    await h.settle(id, () => undone().length >= 4);
    expect(h.clock.now() - at).toBeGreaterThanOrEqual(2 * ATTENTION_RETRY_MS);
    // Nothing older is taken back before it.
    expect(undone()).toEqual(['d', 'c', 'c', 'c']);
    h.behaviours.delete('undo:c');
    const before = h.clock.now();
    await h.service.retry(id, 'anna');
    expect((await h.settle(id)).state).toBe('reverted');
    expect(h.clock.now() - before).toBeLessThan(10_000);
    expect(undone()).toEqual(['d', 'c', 'c', 'c', 'c', 'b', 'a']);
    expect(world()).toEqual(OLD);
    expect((await h.store.header(id))!.attention).toBeUndefined();
  });

  test('is paused after the step that is being taken back, and goes on', async () => {
    const id = await ran();
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('undo:d', () => gate.promise);
    await h.service.revert(id, 'anna');
    await h.settle(id, () => undone().length > 0);
    await h.service.act(id, 'pause', 'ben');
    gate.resolve(undefined);
    await h.settle(id, ({ state }) => state === 'paused');
    const from = h.clock.now();
    await h.settle(id, () => h.clock.now() > from + 60_000);
    expect(undone()).toEqual(['d']);
    await h.service.act(id, 'resume', 'ben');
    expect((await h.settle(id)).state).toBe('reverted');
    expect(undone()).toEqual(['d', 'c', 'b', 'a']);
    expect(world()).toEqual(OLD);
  });

  test.each([false, true])(
    'is stopped after the step that is being taken back, and goes on with the rest later (paused before: %s)',
    async (pause) => {
      const id = await ran();
      const gate = Promise.withResolvers<undefined>();
      h.behaviours.set('undo:c', () => gate.promise);
      await h.service.revert(id, 'anna');
      await h.settle(id, () => undone().includes('c'));
      if (pause) {
        await h.service.act(id, 'pause', 'ben');
        gate.resolve(undefined);
        await h.settle(id, ({ state }) => state === 'paused');
      }
      await h.service.act(id, 'cancel', 'ben');
      expect((await h.service.act(id, 'cancel', 'ben')).revert?.stopped?.by).toBe('ben');
      gate.resolve(undefined);
      expect(await h.settle(id)).toMatchObject({
        state: 'failed',
        error: { code: 'LSH_REVERT_STOPPED', message: expect.stringContaining('by ben; 2 steps') },
        revert: { from: 'succeeded' },
      });
      expect(undone()).toEqual(['d', 'c']);
      // Forward it does not go any more.
      await expect(h.service.retry(id, 'anna')).rejects.toMatchObject({ code: 'LSH_RETRY_NOTHING' });
      const { steps } = await h.service.revertPlan(id);
      expect(steps.map(({ task }) => task)).toEqual(['plain', 'b', 'a']);
      await h.service.revert(id, 'cara');
      const header = await h.settle(id);
      expect(header).toMatchObject({ state: 'reverted', revert: { by: 'cara', from: 'succeeded' } });
      expect(header.error).toBeUndefined();
      expect(undone()).toEqual(['d', 'c', 'b', 'a']);
      expect(world()).toEqual(OLD);
    },
  );

  test('that cannot go on is stopped at the step that stands in its way', async () => {
    const id = await ran();
    h.behaviours.set('undo:c', async () => {
      throw Flaky(false);
    });
    await h.service.revert(id, 'anna');
    await h.settle(id, ({ state }) => state === 'needs-attention');
    await h.service.act(id, 'cancel', 'ben');
    const header = await h.settle(id);
    expect(header).toMatchObject({ state: 'failed', error: { code: 'LSH_REVERT_STOPPED' } });
    expect(header.attention).toBeUndefined();
    h.behaviours.delete('undo:c');
    await h.service.revert(id, 'anna');
    expect((await h.settle(id)).state).toBe('reverted');
    expect(world()).toEqual(OLD);
  });

  test('waits until nothing of a lost attempt can take effect any more', async () => {
    const never = new Promise<undefined>(() => undefined);
    let calls = 0;
    h.behaviours.set('act:a', ({ signal }) => {
      calls += 1;
      return calls === 1 ? Promise.race([never, until(signal)]) : Promise.resolve(undefined);
    });
    h.stages.push(stage('s', [sets('a', 'x', 'new x')]));
    const id = await h.submit();
    await h.settle(id, () => calls === 1);
    h.transport.repeat('dumper', `${id}.a.1`);
    const { quietUntil } = await h.settle(id);
    expect(quietUntil).toBeGreaterThan(h.clock.now());
    await h.service.revert(id, 'anna');
    await h.settle(id, ({ waitsFor }) => waitsFor !== undefined);
    // What the lost one had sent arrives now.
    h.world.set('x', 'new x');
    const header = await h.settle(id);
    expect(header.state).toBe('reverted');
    expect(header.endedAt).toBeGreaterThanOrEqual(quietUntil!);
    expect(world()).toEqual(OLD);
  });
});

test('what nobody read back keeps the target quiet for a while after a failure', async () => {
  h.behaviours.set('act:a', async () => {
    throw Flaky(false);
  });
  h.stages.push(stage('s', [sets('a', 'x', 'new x')]));
  const { quietUntil, endedAt } = await h.settle(await h.submit());
  expect(quietUntil).toBeGreaterThan(endedAt!);
  h.behaviours.delete('act:a');
  const next = await h.submit();
  const header = await h.settle(next);
  expect(header.state).toBe('succeeded');
  expect(header.startedAt).toBeGreaterThanOrEqual(quietUntil!);
  // It says once what it waits for.
  const told = (await h.service.events(next, undefined, 0)).filter(({ type }) => type === 'gate');
  expect(told).toHaveLength(1);
  expect(header.waitsFor).toBeUndefined();
});

describe('a dangerous step that is taken back', () => {
  const dangerous = async (options: { fourEyes?: boolean; approvals?: 'none' | 'cutover' | 'every-stage' } = {}): Promise<string> => {
    await h.stop();
    h = harness({ leases: LEASES, settings: { fourEyes: options.fourEyes } });
    h.world.set('x', 'old x');
    h.stages.push(
      stage('copy', [sets('a', 'y', 'new y')]),
      stage('cut', [{ ...sets('b', 'x', 'new x'), task: 'test.cut' }], { approval: 'cut over x' }),
    );
    const { approvals = 'cutover' } = options;
    const { id } = await h.service.submit({ kind: 'test.kind', params: {}, owner: 'owner', approvals });
    if (approvals !== 'none') {
      await h.settle(id, ({ awaits }) => awaits?.stages.includes(approvals === 'cutover' ? 'cut' : 'copy') ?? false);
      await h.service.approve(id, {
        stages: ['copy', 'cut'].filter((name) => approvals !== 'cutover' || name === 'cut'),
        by: 'boss',
        reason: 'go',
      });
    }
    expect((await h.settle(id)).state).toBe('succeeded');
    return id;
  };

  test('names in the plan the guards that are opened on the way', async () => {
    const id = await dangerous();
    const { steps, stage: back, approval } = await h.service.revertPlan(id);
    expect(steps.map(({ task, guards }) => [task, guards])).toEqual([
      ['b', [{ what: 'writes to x are denied', maxMs: 5_000 }]],
      ['a', undefined],
    ]);
    expect(back?.guard).toEqual({ opens: ['x'], ends: ['x'] });
    expect(approval).toBe('take back: cut over x; writes to x are denied');
  });

  test('waits for a person, and with four eyes not for the one who asked for it', async () => {
    const id = await dangerous({ fourEyes: true });
    await h.service.revert(id, 'anna');
    const header = await h.settle(id, ({ awaits }) => awaits !== undefined);
    expect(header).toMatchObject({ state: 'awaiting-approval', awaits: { stages: ['revert'] } });
    expect(undone()).toEqual([]);
    await expect(h.service.approve(id, { by: 'anna', reason: 'me' })).rejects.toMatchObject({ code: 'LSH_APPROVAL_OWN' });
    // The owner is another person here.
    await h.service.approve(id, { by: 'owner', reason: 'yes' });
    expect((await h.settle(id)).state).toBe('reverted');
    expect(undone()).toEqual(['b', 'a']);
  });

  /** As taking back `b` goes, inside a guard: opened, then what `then` says, and closed unless that fails. */
  const inGuard = (then: (context: TaskContext<{ name: string }>) => Promise<unknown>): void => {
    h.behaviours.set('undo:b', async (context) => {
      await context.guard.open({
        key: 'x',
        what: 'writes to x are denied',
        target: TARGET,
        before: null,
        after: DENIED,
        maxMs: 5_000,
        close: { task: 'test.allow', params: { name: 'allow x', key: 'y' } },
      });
      await then(context);
      await context.guard.close('x');
      return undefined;
    });
  };
  const guardOf = async (id: string): Promise<string | undefined> => (await h.store.load(id))?.guards.get('x')?.state;

  test('keeps its guard, when it is stopped, until the step inside has come to its end', async () => {
    const id = await dangerous({ approvals: 'none' });
    const gate = Promise.withResolvers<undefined>();
    inGuard(() => gate.promise);
    await h.service.revert(id, 'anna');
    await h.settle(id, () => undone().includes('b'));
    await h.service.act(id, 'cancel', 'ben');
    const from = h.clock.now();
    await h.settle(id, () => h.clock.now() > from + 3_000);
    expect(await guardOf(id)).toBe('open');
    expect(h.begun).not.toContain('allow x');
    gate.resolve(undefined);
    expect(await h.settle(id)).toMatchObject({ state: 'failed', error: { code: 'LSH_REVERT_STOPPED' } });
    expect([await guardOf(id), undone(), h.world.get('x')]).toEqual(['closed', ['b'], 'old x']);
  });

  test('that runs out of the time of its guard is stopped before that is closed, and tried again', async () => {
    const id = await dangerous({ approvals: 'none' });
    const acted: string[] = [];
    let first = true;
    inGuard(async ({ signal, lease }) => {
      if (!first) return;
      first = false;
      await h.settle(id, () => h.begun.includes('allow x'));
      acted.push(
        await lease.assertHeld().then(
          () => 'it acts',
          () => 'it may not act',
        ),
      );
      await until(signal);
    });
    h.behaviours.set('allow x', async ({ guard }) => {
      await guard.close('x');
      return {};
    });
    await h.service.revert(id, 'anna');
    const header = await h.settle(id, ({ attention }) => attention !== undefined);
    expect(header.attention?.error).toMatchObject({ code: 'LSH_UNDO_FAILED', message: expect.stringContaining('writes to x are denied') });
    expect((await h.settle(id)).state).toBe('reverted');
    expect(acted).toEqual(['it may not act']);
    expect([await guardOf(id), h.world.get('x')]).toEqual(['closed', 'old x']);
    expect(undone()).toEqual(['b', 'b', 'a']);
  });

  test('whose guard a person takes over is stopped there, and not said to have been taken back', async () => {
    const id = await dangerous({ approvals: 'none' });
    inGuard(async () => {
      throw Flaky(false);
    });
    h.behaviours.set('allow x', async () => {
      throw Flaky(false);
    });
    await h.service.revert(id, 'anna');
    await h.settle(id, ({ attention }) => attention?.error.code === 'LSH_GUARD_OPEN');
    await h.service.takeOver(id, 'cara', 'by hand');
    expect(await h.settle(id)).toMatchObject({
      state: 'failed',
      error: { code: 'LSH_REVERT_STOPPED', message: expect.stringContaining('by cara; 2 steps') },
    });
    expect(await guardOf(id)).toBe('handed-over');
  });

  test('that nobody agrees to is stopped, by a person or after a week', async () => {
    for (const by of ['ben', undefined]) {
      const id = await dangerous();
      await h.service.revert(id, 'anna');
      await h.settle(id, ({ state }) => state === 'awaiting-approval');
      if (by === undefined) h.clock.advance(8 * 86_400_000);
      else await h.service.act(id, 'cancel', by);
      expect(await h.settle(id)).toMatchObject({
        state: 'failed',
        error: { code: by === undefined ? 'LSH_APPROVAL_MISSING' : 'LSH_REVERT_STOPPED' },
      });
      if (by !== undefined) expect((await h.store.header(id))?.error?.message).toContain('by ben; 2 steps were not');
      expect(undone()).toEqual([]);
      expect(h.world.get('x')).toBe('new x');
    }
  });

  test('is not asked for where nothing was to be approved, and always where every stage was', async () => {
    const alone = await dangerous({ approvals: 'none' });
    await h.service.revert(alone, 'anna');
    expect((await h.settle(alone)).state).toBe('reverted');
    const every = await dangerous({ approvals: 'every-stage' });
    await h.service.revert(every, 'anna');
    await h.settle(every, ({ state }) => state === 'awaiting-approval');
  });
});
