/** Guards: whatever comes in between, what was denied is allowed again, with the value that was found first. */
import type { GuardRecord, StageSpec } from '@longshore/core';
import { afterEach, describe, expect, test } from 'vitest';
import { runTask } from '../src/index.ts';
import type { Harness, HarnessOptions } from './engine.ts';
import { Flaky, harness, turns, until } from './engine.ts';
import { allows, DENIED, denies, LEASES, one, stage } from './engine-tasks.ts';

let h: Harness;
const begin = (options: HarnessOptions = {}): Harness => {
  h = harness({ leases: LEASES, ...options });
  h.world.set('k', 'free');
  return h;
};
afterEach(() => h.stop());

const guardsOf = async (id: string): Promise<GuardRecord[]> => (await h.service.get(id)).guards;
/** Denied in the first stage, worked on in the second, allowed in the third; then one outside, and one that puts away. */
const cutover = (work = [one('work')], maxMs = 300_000): StageSpec[] => [
  stage('deny', [denies('deny', 'k', maxMs)], { guard: { opens: ['k'] } }),
  stage('work', work, { concurrency: 2 }),
  stage('allow', [allows('allow', 'k')], { guard: { ends: ['k'] } }),
  stage('next', [one('next')]),
  stage('tidy', [one('tidy')], { always: true }),
];
const atWork = (name: string): void => {
  h.behaviours.set(name, ({ signal }) => until(signal));
};

describe('a guard', () => {
  test('is recorded before the target is touched and ends with its own task', async () => {
    begin();
    let atOpening: GuardRecord[] = [];
    let world: unknown;
    h.behaviours.set('open:deny', async ({ operation }) => {
      atOpening = await guardsOf(operation.id);
      world = h.world.get('k');
      return undefined;
    });
    h.behaviours.set('work', async () => {
      expect(h.world.get('k')).toBe(DENIED);
      return undefined;
    });
    h.stages.push(...cutover());
    const id = await h.submit();
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(atOpening).toMatchObject([{ key: 'k', state: 'open', before: 'free', maxMs: 300_000 }]);
    expect(world).toBe('free');
    expect(await guardsOf(id)).toMatchObject([{ key: 'k', state: 'closed', before: 'free' }]);
    expect(h.world.get('k')).toBe('free');
    expect(h.begun).toEqual(['deny', 'work', 'allow', 'next', 'tidy']);
  });

  test('opened again after a crash keeps what was found, and when, the first time', async () => {
    begin();
    let tries = 0;
    h.behaviours.set('after:deny', async () => {
      tries += 1;
      if (tries === 1) throw Flaky(true);
      return undefined;
    });
    const opened: number[] = [];
    h.behaviours.set('open:deny', async ({ guard }) => {
      opened.push((await guard.find('k'))!.openedAt);
      return undefined;
    });
    h.stages.push(...cutover());
    const id = await h.submit();
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(opened).toHaveLength(2);
    expect(opened[1]).toBe(opened[0]);
    expect((await guardsOf(id))[0]).toMatchObject({ before: 'free' });
    expect(h.world.get('k')).toBe('free');
  });

  test.each<[string, string, () => void, (id: string) => Promise<unknown>]>([
    ['a cancel', 'cancelled', () => atWork('work'), (id) => h.service.act(id, 'cancel', 'tester')],
    ['a drain', 'cancelled', () => undefined, (id) => h.service.act(id, 'drain', 'tester')],
    ['a drain that runs out of time', 'cancelled', () => atWork('work'), (id) => h.service.act(id, 'drain', 'tester', { withinMs: 5_000 })],
  ])('is closed before anything else by %s', async (_what, state, prepare, ask) => {
    begin();
    const asked = Promise.withResolvers<undefined>();
    h.behaviours.set('work', () => asked.promise);
    prepare();
    h.behaviours.set('tidy', async () => {
      expect(h.world.get('k')).toBe('free');
      return undefined;
    });
    h.stages.push(...cutover());
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('work'));
    await ask(id);
    asked.resolve(undefined);
    const header = await h.settle(id);
    expect(header.state).toBe(state);
    expect(await guardsOf(id)).toMatchObject([{ state: 'closed' }]);
    expect(h.world.get('k')).toBe('free');
    expect(h.begun.slice(0, 4)).toEqual(['deny', 'work', 'allow k', 'tidy']);
    expect(header.error).toBeUndefined();
  });

  test('is closed when a task inside it fails, and what runs beside it is stopped', async () => {
    begin();
    h.behaviours.set('bad', async () => {
      throw Flaky(false);
    });
    atWork('beside');
    h.stages.push(...cutover([one('beside'), one('bad')]));
    const id = await h.submit();
    const header = await h.settle(id);
    expect(header).toMatchObject({ state: 'failed', error: { code: 'LSH_TEST' } });
    expect(h.world.get('k')).toBe('free');
    expect(h.begun.slice(0, 5)).toEqual(['deny', 'beside', 'bad', 'allow k', 'tidy']);
    expect(header.stages.map(({ state }) => state)).toEqual(['done', 'failed', 'skipped', 'skipped', 'done']);
  });

  test('is closed when its time is over, without waiting for a sweep', async () => {
    begin({ sweeps: false });
    atWork('work');
    h.stages.push(...cutover([one('work')], 10_000));
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('work'));
    const { openedAt } = (await guardsOf(id))[0]!;
    const header = await h.settle(id);
    expect(header).toMatchObject({ state: 'failed', error: { code: 'LSH_GUARD_TIME' } });
    expect(h.world.get('k')).toBe('free');
    const { endedAt } = (await h.service.journal(id)).find(({ key }) => key === 'allow k')!;
    expect(endedAt! - openedAt).toBeLessThan(15_000);
  });

  test('is closed when its time is over while the task that opened it is still at work', async () => {
    begin({ sweeps: false });
    h.behaviours.set('after:deny', ({ signal }) => until(signal));
    h.stages.push(...cutover([one('work')], 10_000));
    const id = await h.submit();
    expect(await h.settle(id)).toMatchObject({ state: 'failed', error: { code: 'LSH_GUARD_TIME' } });
    expect(h.begun.slice(0, 3)).toEqual(['deny', 'allow k', 'tidy']);
    expect(h.world.get('k')).toBe('free');
  });

  test('is closed when the time of the operation is over', async () => {
    begin({ sweeps: false });
    atWork('work');
    h.stages.push(...cutover());
    const { id } = await h.service.submit({ kind: 'test.kind', params: {}, owner: 'tester', deadlineMs: 30_000 });
    expect(await h.settle(id)).toMatchObject({ state: 'failed', error: { code: 'LSH_OPERATION_DEADLINE' } });
    expect(h.begun.slice(0, 4)).toEqual(['deny', 'work', 'allow k', 'tidy']);
    expect(h.world.get('k')).toBe('free');
  });

  test('is closed when what lies inside it cannot be run by this version any more', async () => {
    begin();
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('work', () => gate.promise);
    h.stages.push(...cutover());
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('work'));
    // As a scheduler sees it that does not know the task of a stage to come.
    const { header } = (await h.store.load(id))!;
    const plan = await h.service.plan(id);
    const stages = plan.stages.map((spec) =>
      spec.name === 'allow' ? { ...spec, tasks: [{ ...spec.tasks![0]!, task: 'test.nowhere' }] } : spec,
    );
    const change = { header: { ...header, planHash: 'another' }, plan: { ...plan, stages, hash: 'another' } };
    expect(await h.store.commit(id, change)).toBe(true);
    gate.resolve(undefined);
    const ended = await h.settle(id);
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'LSH_TASK_OUTPUT', message: expect.stringContaining('test.nowhere') } });
    expect(h.begun.slice(0, 4)).toEqual(['deny', 'work', 'allow k', 'tidy']);
    expect(h.world.get('k')).toBe('free');
  });

  test('that no task of the plan ends is closed before the operation ends', async () => {
    begin();
    h.stages.push(stage('deny', [denies('deny', 'k')]), stage('next', [one('next')]));
    const id = await h.submit();
    const header = await h.settle(id);
    expect(header.state).toBe('succeeded');
    expect(await guardsOf(id)).toMatchObject([{ state: 'closed' }]);
    expect(h.world.get('k')).toBe('free');
  });

  test('makes a pause wait for its end, and say so', async () => {
    begin();
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('work', () => gate.promise);
    h.stages.push(...cutover([one('work'), one('more', 'work')]));
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('work'));
    await h.service.act(id, 'pause', 'tester');
    const waiting = await h.settle(id, ({ waitsFor }) => waitsFor !== undefined);
    expect(waiting).toMatchObject({ state: 'running', waitsFor: expect.stringContaining('writes to k are denied') });
    gate.resolve(undefined);
    const paused = await h.settle(id, ({ state }) => state === 'paused');
    expect(paused.order).toBe('pause');
    expect(h.begun).toEqual(['deny', 'work', 'more', 'allow']);
    expect(h.world.get('k')).toBe('free');
    await h.service.act(id, 'resume', 'tester');
    expect((await h.settle(id)).state).toBe('succeeded');
  });
});

test('a guard that was about to open when the pause came is opened when it is over, and its task is given back till then', async () => {
  begin();
  const gate = Promise.withResolvers<undefined>();
  h.behaviours.set('before:deny', () => gate.promise);
  h.stages.push(...cutover());
  const id = await h.submit();
  await h.settle(id, () => h.begun.includes('deny'));
  await h.service.act(id, 'pause', 'anna');
  await h.settle(id, ({ order }) => order === 'pause');
  gate.resolve(undefined);
  const paused = await h.settle(id, ({ state }) => state === 'paused');
  expect(paused.counters.retries ?? 0).toBe(0);
  expect(await guardsOf(id)).toEqual([]);
  expect(h.world.get('k')).toBe('free');
  await h.service.act(id, 'resume', 'anna');
  expect((await h.settle(id)).state).toBe('succeeded');
  expect(h.begun).toEqual(['deny', 'deny', 'work', 'allow', 'next', 'tidy']);
});

describe('an effect that lands late', () => {
  test('after the cancel closed the guard is found and taken back before the operation ends', async () => {
    begin();
    const sent = Promise.withResolvers<undefined>();
    h.behaviours.set('act:deny', () => sent.promise);
    h.stages.push(...cutover());
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('deny'));
    await turns();
    await h.service.act(id, 'cancel', 'tester');
    // The denial is on its way while the closing looks: it takes effect after that.
    await h.settle(id, () => h.begun.includes('allow k'));
    await turns();
    sent.resolve(undefined);
    expect((await h.settle(id)).state).toBe('cancelled');
    expect(h.world.get('k')).toBe('free');
  });

  test('of an attempt that failed with an unknown outcome is taken back before the operation ends', async () => {
    begin();
    h.behaviours.set('act:deny', async () => {
      // What it sent comes through half a minute after it gave up.
      void h.clock.sleep(30_000).then(() => h.world.set('k', DENIED));
      throw Flaky(false);
    });
    h.stages.push(...cutover());
    const id = await h.submit();
    expect((await h.settle(id)).state).toBe('failed');
    expect(h.world.get('k')).toBe('free');
    expect(h.clock.now()).toBeGreaterThanOrEqual((await guardsOf(id))[0]!.openedAt + 30_000);
  });

  test.each(['is lost', 'stops'])('of a worker that %s is looked for when it can take effect no more', async (how) => {
    const host = new AbortController();
    let calls = 0;
    begin({
      kind: { actionMs: 120_000 },
      deliver: (worker, delivery) =>
        runTask(worker, host.signal.aborted || how === 'is lost' ? delivery : { ...delivery, signal: host.signal }),
    });
    const never = new Promise<undefined>(() => undefined);
    h.behaviours.set('act:deny', ({ signal }) => {
      calls += 1;
      return calls === 1 ? Promise.race([never, until(signal)]) : Promise.resolve(undefined);
    });
    h.stages.push(...cutover());
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('deny'));
    await turns();
    const begunAt = h.clock.now();
    if (how === 'stops') host.abort(new Error('the host stops'));
    else expect(h.transport.repeat('dumper', `${id}.deny.1`)).toBe(true);
    const quiet = (await h.settle(id, ({ quietUntil }) => quietUntil !== undefined)).quietUntil!;
    expect(quiet).toBeGreaterThanOrEqual(begunAt + 120_000);
    await h.settle(id, () => h.begun.includes('tidy'));
    // The lost one's denial lands now, long after the guard was closed.
    h.world.set('k', DENIED);
    const header = await h.settle(id);
    expect(header.state).toBe('succeeded');
    expect(header.endedAt).toBeGreaterThanOrEqual(quiet);
    expect(h.world.get('k')).toBe('free');
    expect(h.begun.filter((name) => name === 'allow k')).toHaveLength(1);
  });
});
