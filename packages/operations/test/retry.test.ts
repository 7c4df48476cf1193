/** Trying again by hand, what no worker can be trusted with, and what is kept of an attempt that did not end well. */
import type { StageSpec } from '@longshore/core';
import { afterEach, describe, expect, test } from 'vitest';
import type { Harness, HarnessOptions } from './engine.ts';
import { closed, Flaky, harness, turns, until } from './engine.ts';
import { allows, DENIED, denies, LEASES, one, sets, stage } from './engine-tasks.ts';

let h: Harness;
const begin = (options: HarnessOptions = {}): void => {
  h = harness({ leases: LEASES, ...options });
};
afterEach(() => h.stop());

const bad = (...names: string[]): void => {
  for (const name of names)
    h.behaviours.set(name, async () => {
      throw Flaky(false);
    });
};
const good = (...names: string[]): void => {
  for (const name of names) h.behaviours.delete(name);
};
const failed = async (stages: StageSpec[]): Promise<string> => {
  h.stages.push(...stages);
  const id = await h.submit();
  expect((await h.settle(id)).state).toBe('failed');
  return id;
};

describe('an operation that has failed, tried again by hand,', () => {
  test('goes on where it failed: what was done stays done, what failed and was skipped is run, and all that follows', async () => {
    begin();
    bad('b');
    const id = await failed([
      stage('first', [one('f')]),
      stage('s', [one('a'), one('b'), one('c', 'b'), one('d', 'c'), one('e', 'a')], { concurrency: 2 }),
      stage('next', [one('n')]),
      stage('tidy', [one('tidy')], { always: true }),
    ]);
    expect(h.begun.toSorted()).toEqual(['a', 'b', 'e', 'f', 'tidy']);
    good('b');
    h.begun.length = 0;
    await h.service.retry(id, 'anna');
    const header = await h.settle(id);
    expect(header).toMatchObject({ state: 'succeeded' });
    expect(header.error).toBeUndefined();
    expect(h.begun).toEqual(['b', 'c', 'd', 'n', 'tidy']);
    expect((await h.service.done(id)).filter(({ result }) => result !== 'ok')).toEqual([]);
    expect(header.stages).toMatchObject([{ done: 1 }, { total: 3, done: 3, failed: 0, skipped: 0 }, { done: 1 }, { done: 1 }]);
  });

  test('runs a follower whose forerunner had ended well', async () => {
    begin();
    bad('b');
    const id = await failed([stage('s', [one('a'), one('b', 'a'), one('c', 'b')])]);
    good('b');
    h.begun.length = 0;
    await h.service.retry(id, 'anna');
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(h.begun).toEqual(['b', 'c']);
  });

  test('may fail again, and be tried again, as often as one likes', async () => {
    begin();
    bad('b');
    const id = await failed([stage('s', [one('a'), one('b')])]);
    for (let tries = 0; tries < 3; tries += 1) {
      await h.service.retry(id, 'anna');
      expect(await h.settle(id)).toMatchObject({ state: 'failed', error: { code: 'LSH_TEST' } });
    }
    good('b');
    await h.service.retry(id, 'anna');
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(h.begun.filter((name) => name === 'a')).toHaveLength(1);
    expect(h.begun.filter((name) => name === 'b')).toHaveLength(5);
  });

  test('keeps the stages that its tasks have emitted, and has them emitted no second time', async () => {
    begin();
    bad('x');
    h.behaviours.set('a', async ({ emit }) => {
      emit([stage('more', [one('x')])]);
      return undefined;
    });
    const id = await failed([stage('s', [one('a')]), stage('next', [one('n')])]);
    good('x');
    await h.service.retry(id, 'anna');
    const header = await h.settle(id);
    expect(header.state).toBe('succeeded');
    expect(header.stages.map(({ name }) => name)).toEqual(['s', 'more', 'next']);
    expect(h.begun).toEqual(['a', 'x', 'x', 'n']);
  });

  test.each<[string, StageSpec[]]>([
    [
      'of its own',
      [
        stage('cut', [denies('deny', 'k'), one('work', 'deny'), { ...allows('allow', 'k'), after: 'work' }], {
          guard: { opens: ['k'], ends: ['k'] },
        }),
      ],
    ],
    [
      'of a stage before',
      [
        stage('before', [one('before')]),
        stage('deny', [denies('deny', 'k')], { guard: { opens: ['k'] } }),
        stage('copy', [one('copy')]),
        stage('cut', [one('work')]),
        stage('allow', [allows('allow', 'k')], { guard: { ends: ['k'] } }),
      ],
    ],
  ])('is run inside its guard again: one %s is opened anew, with what it finds then', async (_whose, stages) => {
    begin();
    h.world.set('k', 'free');
    bad('work');
    const id = await failed(stages);
    expect(h.world.get('k')).toBe('free');
    h.world.set('k', 'free as well');
    let inside: unknown;
    h.behaviours.set('work', async () => {
      inside = h.world.get('k');
      return undefined;
    });
    await h.service.retry(id, 'anna');
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(inside).toBe(DENIED);
    expect(h.world.get('k')).toBe('free as well');
    expect(h.begun.filter((name) => name === 'before').length).toBeLessThan(2);
  });

  test('asks again for an approval that has run out meanwhile', async () => {
    begin();
    bad('cut');
    h.stages.push(stage('cut', [one('cut')], { approval: 'cut over' }));
    const { id } = await h.service.submit({ kind: 'test.kind', params: {}, owner: 'tester', approvals: 'cutover' });
    await h.settle(id, ({ state }) => state === 'awaiting-approval');
    await h.service.approve(id, { by: 'anna', reason: 'now', lifeMs: 60_000 });
    expect((await h.settle(id)).state).toBe('failed');
    h.clock.advance(120_000);
    good('cut');
    await h.service.retry(id, 'tester');
    expect((await h.settle(id, ({ state }) => state !== 'running')).state).toBe('awaiting-approval');
    await h.service.approve(id, { by: 'anna', reason: 'again' });
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('is refused when somebody has worked on the target since', async () => {
    begin();
    bad('b');
    const id = await failed([stage('s', [one('b')])]);
    h.stages[0] = stage('s', [one('other')]);
    await h.settle(await h.submit());
    await expect(h.service.retry(id, 'anna')).rejects.toMatchObject({ code: 'LSH_TARGET_CHANGED' });
    expect((await h.store.header(id))!.state).toBe('failed');
  });

  test('is refused where nothing failed that could be tried: it never began, its units are not kept, it is over', async () => {
    begin();
    h.found.findings.push({ level: 'error', text: 'no' });
    const never = await failed([stage('s', [one('a')])]);
    await expect(h.service.retry(never, 'anna')).rejects.toMatchObject({ code: 'LSH_RETRY_NOTHING' });
    h.found.findings.length = 0;
    expect((await h.settle(await h.submit())).state).toBe('succeeded');
    bad('d0');
    h.stages[0] = { name: 'move', title: 'move', concurrency: 1, bulk: { count: 1, params: null } };
    const units = await h.submit();
    expect((await h.settle(units)).state).toBe('failed');
    await expect(h.service.retry(units, 'anna')).rejects.toMatchObject({ code: 'LSH_RETRY_NOTHING' });
    good('d0');
    const done = await h.submit();
    expect((await h.settle(done)).state).toBe('succeeded');
    await expect(h.service.retry(done, 'anna')).rejects.toMatchObject({ code: 'LSH_OPERATION_STATE' });
  });
});

test('what waits for its next try is tried at once when a person asks', async () => {
  begin();
  h.behaviours.set('a', async () => {
    if (h.begun.length === 1) throw Flaky(true);
    return undefined;
  });
  h.stages.push(stage('s', [one('a')]));
  const id = await h.submit();
  await h.settle(id, ({ counters }) => counters.retries === 1);
  const at = h.clock.now();
  await h.service.retry(id, 'anna');
  await turns();
  expect(h.begun).toHaveLength(2);
  expect(h.clock.now()).toBe(at);
  expect((await h.settle(id)).state).toBe('succeeded');
});

describe('what no worker can be trusted with', () => {
  /** Each delivery of it is lost with its worker, until it is good. */
  const poison = (name: string, queue = 'dumper') => {
    h.behaviours.set(name, ({ signal, operation }) => {
      void turns(1).then(() => h.transport.repeat(queue, `${operation.id}.${name}.1`));
      return until(signal);
    });
  };

  test('is given up after a number of deaths, put aside, and tried again when a person says so', async () => {
    begin();
    poison('a');
    const id = await failed([stage('s', [one('a'), one('b')])]);
    expect((await h.store.header(id))!.error?.code).toBe('LSH_TASK_POISON');
    const letters = await h.service.deadLetters();
    expect(letters).toMatchObject([{ id: `${id}/a/1`, operation: id, task: 'a', round: 1, queue: 'dumper' }]);
    expect(h.begun.filter((name) => name === 'a').length).toBeGreaterThan(5);
    good('a');
    await h.service.requeue(letters[0]!.id, 'anna');
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(await h.service.deadLetters()).toEqual([]);
  });

  test('stays on the list when it cannot be tried again', async () => {
    begin();
    poison('a');
    const id = await failed([stage('s', [one('a')])]);
    h.behaviours.set('other', ({ signal }) => until(signal));
    h.stages[0] = stage('s', [one('other')]);
    const holder = await h.submit();
    await h.settle(holder, ({ state }) => state === 'running');
    await expect(h.service.requeue(`${id}/a/1`, 'anna')).rejects.toMatchObject({ code: 'LSH_LEASE_HELD' });
    expect(await h.service.deadLetters()).toMatchObject([{ id: `${id}/a/1` }]);
    await h.service.act(holder, 'cancel', 'anna');
    await h.settle(holder);
    await expect(h.service.requeue('nothing', 'anna')).rejects.toMatchObject({ code: 'LSH_DEAD_LETTER_UNKNOWN' });
  });
});

test('what was put aside goes from the list when its operation is tried again, or is gone', async () => {
  begin();
  const letter = { id: 'op_gone/a/1', operation: 'op_gone', task: 'a', round: 1, queue: 'dumper', reason: 'it was', at: 0 };
  await h.store.bury(letter);
  await expect(h.service.requeue(letter.id, 'anna')).rejects.toMatchObject({ code: 'LSH_OPERATION_UNKNOWN' });
  bad('a');
  const id = await failed([stage('s', [one('a')])]);
  await h.store.bury({ ...letter, id: `${id}/a/1`, operation: id });
  good('a');
  await h.service.retry(id, 'anna');
  expect(await h.service.deadLetters()).toEqual([]);
  expect((await h.settle(id)).state).toBe('succeeded');
});

describe('what an attempt said', () => {
  test('in counts survives a gate, a retry and the end, and is counted once', async () => {
    begin();
    let tries = 0;
    h.behaviours.set('a', async ({ count }) => {
      tries += 1;
      count('points', 10 ** (tries - 1));
      if (tries === 1 || tries === 2) throw closed();
      if (tries === 3) throw Flaky(true);
      return undefined;
    });
    h.stages.push(stage('s', [one('a')]));
    expect((await h.settle(await h.submit())).counters).toEqual({ points: 1_111, retries: 1 });
  });

  test('as its output is kept when it ends with an error, and what it emitted and tallied is dropped', async () => {
    begin();
    h.behaviours.set('a', async ({ emit, tally }) => {
      emit([stage('more', [one('x')])]);
      tally('m', 'points', 1);
      return { output: { half: true }, error: Flaky(false) };
    });
    const id = await failed([stage('s', [one('a')]), stage('next', [one('n')])]);
    expect(await h.service.done(id)).toContainEqual(
      expect.objectContaining({ id: 'a', result: 'failed', output: { half: true }, error: expect.objectContaining({ code: 'LSH_TEST' }) }),
    );
    expect(h.begun).toEqual(['a']);
    expect((await h.service.report(id)).totals).toEqual({});
    expect((await h.store.header(id))!.stages).toHaveLength(2);
  });

  test('of stages whose tasks have the name of one that is there, or of each other, is refused, and its output kept', async () => {
    for (const emitted of [[stage('more', [one('n')])], [stage('more', [one('x')]), stage('yet more', [sets('x', 'k', 'v')])]]) {
      begin();
      h.behaviours.set('a', async ({ emit }) => {
        emit(emitted);
        return { output: 'kept' };
      });
      const id = await failed([stage('s', [one('a')]), stage('next', [one('n')])]);
      expect((await h.store.header(id))!.error?.code).toBe('LSH_TASK_OUTPUT');
      expect(await h.service.done(id)).toContainEqual(expect.objectContaining({ id: 'a', result: 'failed', output: 'kept' }));
      expect(h.begun).toEqual(['a']);
      await h.stop();
    }
  });
});
