/** People agree to dangerous steps: before a guard opens for all that lies inside it, with an expiry, and not to their own. */
import type { ApprovalPolicy, StageSpec } from '@longshore/core';
import { APPROVAL_LIFE_MS, APPROVAL_WAIT_MS } from '@longshore/core';
import { afterEach, describe, expect, test } from 'vitest';
import type { Harness, HarnessOptions } from './engine.ts';
import { harness, turns, until } from './engine.ts';
import { allows, denies, LEASES, one, stage } from './engine-tasks.ts';

let h: Harness;
const begin = (options: HarnessOptions = {}): void => {
  h = harness({ leases: LEASES, ...options });
};
afterEach(() => h.stop());

const submit = async (approvals: ApprovalPolicy, mode: 'run' | 'plan' = 'run'): Promise<string> =>
  (await h.service.submit({ kind: 'test.kind', params: {}, mode, owner: 'tester', approvals })).id;
const awaiting = async (id: string): Promise<string[]> =>
  (await h.settle(id, ({ state }) => state === 'awaiting-approval')).awaits?.stages ?? [];
const approve = (id: string, stages?: string[], more: { by?: string; lifeMs?: number } = {}) =>
  h.service.approve(id, { by: 'anna', reason: 'looked at', ...(stages ? { stages } : {}), ...more });

const dangerous = (name: string): StageSpec => stage(name, [one(name)], { approval: `do ${name}` });

describe('the policy', () => {
  test('none asks nobody', async () => {
    begin();
    h.stages.push(dangerous('cut'));
    expect((await h.settle(await submit('none'))).state).toBe('succeeded');
  });

  test('cutover asks before the stages that are dangerous, and for one at a time', async () => {
    begin();
    h.stages.push(stage('copy', [one('copy')]), dangerous('cut'), dangerous('drop'), stage('tidy', [one('tidy')], { always: true }));
    const id = await submit('cutover');
    expect(await awaiting(id)).toEqual(['cut']);
    expect(h.begun).toEqual(['copy']);
    await approve(id);
    await h.settle(id, ({ stages }) => stages[1]!.state === 'done');
    expect(await awaiting(id)).toEqual(['drop']);
    await approve(id);
    const header = await h.settle(id);
    expect(header.state).toBe('succeeded');
    expect(header.approvals).toMatchObject([
      { stage: 'cut', by: 'anna', reason: 'looked at', used: true },
      { stage: 'drop', used: true },
    ]);
    expect(header.awaits).toBeUndefined();
  });

  test('every-stage asks before each but what puts away', async () => {
    begin();
    h.stages.push(stage('copy', [one('copy')]), stage('check', [one('check')]), stage('tidy', [one('tidy')], { always: true }));
    const id = await submit('every-stage');
    for (const name of ['copy', 'check']) {
      expect(await awaiting(id)).toEqual([name]);
      expect(h.begun).not.toContain(name);
      await approve(id);
      await h.settle(id, () => h.begun.includes(name));
    }
    expect((await h.settle(id)).state).toBe('succeeded');
  });
});

describe('inside a guard', () => {
  const guarded = (): StageSpec[] => [
    stage('deny', [denies('deny', 'k')], { guard: { opens: ['k'] }, approval: 'deny writes' }),
    stage('copy', [one('copy')]),
    dangerous('switch'),
    { ...stage('allow', [allows('allow', 'k')], { guard: { ends: ['k'] } }), approval: 'allow writes' },
    dangerous('drop'),
  ];

  test('everything is asked for before it opens, and nothing behind it', async () => {
    begin();
    h.stages.push(...guarded());
    const id = await submit('cutover');
    expect(await awaiting(id)).toEqual(['deny', 'switch', 'allow']);
    expect(h.begun).toEqual([]);
    await approve(id, ['deny']);
    await h.settle(id, ({ awaits }) => awaits?.stages.length === 2);
    expect(h.begun).toEqual([]);
    await approve(id);
    await h.settle(id, () => h.begun.includes('allow'));
    expect(await awaiting(id)).toEqual(['drop']);
    expect(h.begun).toEqual(['deny', 'copy', 'switch', 'allow']);
    await approve(id);
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('an approval that expires after it has opened still holds', async () => {
    begin();
    h.behaviours.set('copy', async ({ clock, signal }) => {
      await clock.sleep(30_000, signal);
      return undefined;
    });
    h.stages.push(...guarded().slice(0, 4));
    const id = await submit('cutover');
    await awaiting(id);
    await approve(id, undefined, { lifeMs: 5_000 });
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(h.begun).toEqual(['deny', 'copy', 'switch', 'allow']);
  });

  test.each([false, true])(
    'one that was not foreseen is never waited for: it is closed (also while it is being paused: %s)',
    async (pause) => {
      begin();
      const gate = Promise.withResolvers<undefined>();
      h.behaviours.set('copy', () => gate.promise);
      // The guard is not told in the plan.
      h.stages.push(stage('deny', [denies('deny', 'k')]), stage('copy', [one('copy')]), dangerous('switch'));
      const id = await submit('cutover');
      await h.settle(id, () => h.begun.includes('copy'));
      if (pause) await h.service.act(id, 'pause', 'anna');
      gate.resolve(undefined);
      const header = await h.settle(id);
      expect(header).toMatchObject({ state: 'failed', error: { code: 'LSH_TASK_OUTPUT' } });
      expect(h.begun).not.toContain('switch');
      expect((await h.service.get(id)).guards).toMatchObject([{ state: 'closed' }]);
    },
  );

  test.each<[ApprovalPolicy, Partial<StageSpec>]>([
    ['cutover', { approval: 'switch more' }],
    ['every-stage', {}],
  ])('an emission that would ask under %s is refused, and its emitter fails', async (policy, more) => {
    begin();
    h.behaviours.set('copy', async ({ emit }) => {
      emit([stage('more', [one('more')], more)]);
      return { output: 'kept' };
    });
    h.stages.push(...guarded().slice(0, 4));
    const id = await submit(policy);
    await awaiting(id);
    await approve(id);
    const header = await h.settle(id);
    expect(header).toMatchObject({ state: 'failed', error: { code: 'LSH_TASK_OUTPUT' } });
    expect(header.stages).toHaveLength(4);
    expect(h.begun).not.toContain('more');
    expect((await h.service.done(id)).find((done) => done.id === 'copy')).toMatchObject({ result: 'failed', output: 'kept' });
    expect((await h.service.get(id)).guards).toMatchObject([{ state: 'closed' }]);
  });

  test('a task that ends the guard early may emit what asks again and opens it anew', async () => {
    begin();
    let rounds = 0;
    h.behaviours.set('drain', async ({ guard, emit }) => {
      rounds += 1;
      expect((await guard.find('k'))?.state).toBe('open');
      // It took too long: writes are allowed again, and all of it begins anew later.
      h.world.delete('k');
      await guard.close('k');
      emit([
        stage('catch-up', [one('catch-up')]),
        stage('deny-2', [denies('deny-2', 'k')], { guard: { opens: ['k'] }, approval: 'deny writes once more' }),
      ]);
      return undefined;
    });
    h.stages.push(
      stage('deny', [denies('deny', 'k')], { guard: { opens: ['k'] }, approval: 'deny writes' }),
      stage('drain', [one('drain')]),
      stage('switch', [one('switch')]),
      stage('allow', [allows('allow', 'k')], { guard: { ends: ['k'] } }),
    );
    const id = await submit('cutover');
    expect(await awaiting(id)).toEqual(['deny']);
    await approve(id);
    await h.settle(id, ({ awaits }) => awaits?.stages[0] === 'deny-2');
    expect((await h.service.get(id)).guards).toMatchObject([{ key: 'k', state: 'closed' }]);
    await approve(id);
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(rounds).toBe(1);
    expect(h.begun).toEqual(['deny', 'drain', 'catch-up', 'deny-2', 'switch', 'allow']);
    expect((await h.service.get(id)).guards).toMatchObject([{ key: 'k', state: 'closed' }]);
  });

  test('agreeing to one stage is not agreeing to another of its name', async () => {
    begin();
    h.behaviours.set('cut', async ({ emit }) => {
      emit([{ ...dangerous('cut'), tasks: [one('worse')] }]);
      return undefined;
    });
    h.stages.push(dangerous('cut'));
    const id = await submit('cutover');
    await awaiting(id);
    await approve(id);
    expect(await h.settle(id)).toMatchObject({ state: 'failed', error: { code: 'LSH_TASK_OUTPUT' } });
    expect(h.begun).toEqual(['cut']);
    h.stages.push({ ...dangerous('cut'), tasks: [one('second')] });
    expect(await h.settle(await h.submit())).toMatchObject({ state: 'failed', error: { code: 'LSH_TASK_OUTPUT' } });
    expect(h.begun).toEqual(['cut']);
  });

  test('an emission outside of one may ask, and is asked for', async () => {
    begin();
    h.behaviours.set('copy', async ({ emit }) => {
      emit([dangerous('more')]);
      return undefined;
    });
    h.stages.push(stage('copy', [one('copy')]));
    const id = await submit('cutover');
    expect(await awaiting(id)).toEqual(['more']);
    await approve(id);
    expect((await h.settle(id)).state).toBe('succeeded');
  });
});

describe('an approval', () => {
  test('may be given ahead, while it is planned or long before its stage comes', async () => {
    begin();
    h.stages.push(stage('copy', [one('copy')]), dangerous('cut'));
    const id = await submit('cutover', 'plan');
    await h.settle(id, ({ state }) => state === 'planned');
    await approve(id, ['cut']);
    await h.service.act(id, 'start', 'tester');
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('given ahead that has expired when its stage comes is asked for again', async () => {
    begin();
    h.behaviours.set('copy', async ({ clock, signal }) => {
      await clock.sleep(30_000, signal);
      return undefined;
    });
    h.stages.push(stage('copy', [one('copy')]), dangerous('cut'));
    const id = await submit('cutover');
    await h.settle(id, () => h.begun.includes('copy'));
    await approve(id, ['cut'], { lifeMs: 10_000 });
    expect(await awaiting(id)).toEqual(['cut']);
    await approve(id);
    expect((await h.store.header(id))!.approvals!.at(-1)!.expiresAt).toBe(h.clock.now() + APPROVAL_LIFE_MS);
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('that nobody gives ends the operation, with nothing left open', async () => {
    begin({ sweeps: false });
    h.stages.push(stage('copy', [one('copy')]), dangerous('cut'), stage('tidy', [one('tidy')], { always: true }));
    const id = await submit('cutover');
    await awaiting(id);
    h.clock.advance(APPROVAL_WAIT_MS - 10_000);
    h.transport.wake();
    await turns();
    expect((await h.store.header(id))!.state).toBe('awaiting-approval');
    const header = await h.settle(id);
    expect(header).toMatchObject({ state: 'failed', error: { code: 'LSH_APPROVAL_MISSING', exitCode: 4 } });
    expect(h.begun).toEqual(['copy', 'tidy']);
  });

  test('is not waited for by a cancel or a drain', async () => {
    for (const action of ['cancel', 'drain'] as const) {
      begin();
      h.stages.push(dangerous('cut'), stage('tidy', [one('tidy')], { always: true }));
      const id = await submit('cutover');
      await awaiting(id);
      await h.service.act(id, action, 'anna');
      const header = await h.settle(id);
      expect(header.state).toBe('cancelled');
      expect(header.awaits).toBeUndefined();
      expect(h.begun).toEqual(['tidy']);
      if (action === 'cancel') await h.stop();
    }
  });

  test('must be somebody else’s where four eyes are asked for', async () => {
    begin({ settings: { fourEyes: true } });
    h.stages.push(dangerous('cut'));
    const id = await submit('cutover');
    await awaiting(id);
    await expect(approve(id, undefined, { by: 'tester' })).rejects.toMatchObject({ code: 'LSH_APPROVAL_OWN' });
    await turns();
    expect(h.begun).toEqual([]);
    await approve(id);
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('is refused for a stage that is not there, has begun, or where nothing waits', async () => {
    begin();
    h.behaviours.set('copy', ({ signal }) => until(signal));
    h.stages.push(stage('copy', [one('copy')]), dangerous('cut'));
    const id = await submit('cutover');
    await h.settle(id, () => h.begun.includes('copy'));
    for (const stages of [['nowhere'], ['copy']]) await expect(approve(id, stages)).rejects.toMatchObject({ code: 'LSH_STAGE_UNKNOWN' });
    await expect(approve(id)).rejects.toMatchObject({
      code: 'LSH_STAGE_NONE_WAITS',
      message: `no stage of ${id} waits for approval now; still to begin are cut`,
    });
    await h.service.act(id, 'cancel', 'anna');
    await h.settle(id);
    await expect(approve(id, ['cut'])).rejects.toMatchObject({ code: 'LSH_OPERATION_STATE' });
  });
});
