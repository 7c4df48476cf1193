/** A guard that cannot be closed, one that is handed over or replaced, and one that may not be opened at all. */
import type { GuardRecord, StageSpec } from '@longshore/core';
import { ATTENTION_RETRY_MS } from '@longshore/core';
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
const closings = (): number => h.begun.filter((name) => name === 'allow k').length;
/** The task inside the guard fails, so that the engine has to close it. */
const failing = (): StageSpec[] => {
  h.behaviours.set('work', async () => {
    throw Flaky(false);
  });
  return [
    stage('deny', [denies('deny', 'k')], { guard: { opens: ['k'] } }),
    stage('work', [one('work')]),
    stage('allow', [allows('allow', 'k')], { guard: { ends: ['k'] } }),
    stage('tidy', [one('tidy')], { always: true }),
  ];
};
/** Submits it and waits until a person is needed. */
const left = async (): Promise<string> => {
  h.stages.push(...failing());
  const id = await h.submit();
  await h.settle(id, ({ state }) => state === 'needs-attention');
  return id;
};

describe('a guard that cannot be closed', () => {
  const refuse = (): void => {
    h.behaviours.set('allow k', async () => {
      throw Flaky(false);
    });
  };

  test('needs a person, says so, and is tried again every minute until it is closed', async () => {
    begin();
    refuse();
    const id = await left();
    const header = (await h.store.header(id))!;
    expect(header.attention?.error).toMatchObject({ code: 'LSH_GUARD_OPEN', exitCode: 6 });
    expect(header.attention?.error.message).toMatch(/writes to k are denied on t since .* the test wants it so/);
    const at = h.clock.now();
    await h.settle(id, () => closings() >= 4);
    expect(h.clock.now() - at).toBeGreaterThanOrEqual(3 * ATTENTION_RETRY_MS);
    expect(h.clock.now() - at).toBeLessThan(4 * ATTENTION_RETRY_MS);
    // Nothing else is begun as long as it is open, and it is since then that it was unsafe.
    expect(h.begun).not.toContain('tidy');
    expect((await h.store.header(id))!.attention?.since).toBe(header.attention?.since);
    h.behaviours.delete('allow k');
    const ended = await h.settle(id);
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'LSH_TEST' } });
    expect(ended.attention).toBeUndefined();
    expect(h.begun).toContain('tidy');
    expect(h.world.get('k')).toBe('free');
  });

  test('is tried at once when a person asks', async () => {
    begin();
    refuse();
    const id = await left();
    const [tried, at] = [closings(), h.clock.now()];
    h.behaviours.delete('allow k');
    await h.service.retry(id, 'anna');
    await h.settle(id, () => closings() > tried);
    expect(h.clock.now() - at).toBeLessThan(5_000);
    expect((await h.settle(id)).state).toBe('failed');
    expect(h.world.get('k')).toBe('free');
  });

  test('is as good as open when its closing says that it ended and did not', async () => {
    begin();
    h.behaviours.set('allow k', async () => ({ output: 'all is well' }));
    const id = await left();
    expect((await h.store.header(id))!.attention?.error.message).toContain('the guard k is still open');
    h.behaviours.delete('allow k');
    await h.service.retry(id, 'anna');
    expect((await h.settle(id)).state).toBe('failed');
    expect(h.world.get('k')).toBe('free');
  });

  test.each([
    ['it has ended', undefined],
    ['the test wants it so', false],
  ])('can be taken over by a person, who is named in the report; it is looked at once more: %s', async (found, refused) => {
    begin();
    refuse();
    const id = await left();
    await h.service.takeOver(id, 'anna', 'ended by hand');
    if (refused === undefined) h.behaviours.delete('allow k');
    const tried = closings();
    const header = await h.settle(id);
    expect(header.state).toBe('failed');
    expect(await guardsOf(id)).toMatchObject([{ state: 'handed-over', by: 'anna', look: { found } }]);
    expect(closings()).toBe(tried + 1);
    expect(h.begun).toContain('tidy');
    const { notes } = await h.service.report(id);
    const texts = notes.map(({ text }) => text);
    expect(texts).toContain('writes to k are denied: taken over by anna (ended by hand)');
    expect(texts.some((text) => text.includes('not seen to have ended'))).toBe(refused === false);
    expect(await h.service.explain(id)).toContain(`left to anna; looked at since: ${found}`);
  });

  test('that was taken over keeps nothing waiting for ever where no worker can look at it', async () => {
    begin({
      deliver: async (worker, delivery) => (delivery.data.task.startsWith('look-') ? 'done' : runTask(worker, delivery)),
    });
    refuse();
    const id = await left();
    await h.service.takeOver(id, 'anna', 'ended by hand');
    expect((await h.settle(id)).state).toBe('failed');
    expect(await guardsOf(id)).toMatchObject([{ look: { found: 'no worker could look within 5 minutes' } }]);
  });

  test('keeps the target for itself: nobody else gets it, and a cancel does not end the closing', async () => {
    begin();
    refuse();
    const id = await left();
    const other = await h.settle(await h.submit());
    expect(other).toMatchObject({ state: 'failed', error: { code: 'LSH_LEASE_HELD' } });
    await h.service.act(id, 'cancel', 'anna');
    const tried = closings();
    await h.settle(id, () => closings() > tried);
    expect((await h.store.header(id))!.endedAt).toBeUndefined();
    h.behaviours.delete('allow k');
    expect((await h.settle(id)).state).toBe('failed');
  });

  test('is tried again also when its closing has taken down so many workers that it was put aside', async () => {
    begin();
    h.behaviours.set('allow k', async ({ signal, operation, task }) => {
      const { round } = (await h.store.load(operation.id))!.tasks.get(task.id)!;
      void turns(1).then(() => h.transport.repeat('dumper', `${operation.id}.${task.id}.${round}`));
      return until(signal);
    });
    const id = await left();
    expect((await h.store.header(id))!.attention?.error.message).toContain('took 20 workers down');
    const [letter] = await h.service.deadLetters();
    expect(letter).toMatchObject({ operation: id, task: 'close-k' });
    h.behaviours.delete('allow k');
    const tried = closings();
    await h.service.requeue(letter!.id, 'anna');
    expect((await h.settle(id)).state).toBe('failed');
    expect(closings()).toBeGreaterThan(tried);
    expect(h.world.get('k')).toBe('free');
    expect(await h.service.deadLetters()).toEqual([]);
  });

  test('cannot be taken over where nothing is left open', async () => {
    begin();
    h.behaviours.set('work', ({ clock, signal }) => clock.sleep(5_000, signal).then(() => undefined));
    h.stages.push(stage('s', [one('work')]));
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('work'));
    await expect(h.service.takeOver(id, 'anna', 'why not')).rejects.toMatchObject({ code: 'LSH_OPERATION_STATE' });
  });

  test('is closed even where it was left open by a plan that went well, and needs a person if that fails', async () => {
    begin();
    refuse();
    h.stages.push(stage('deny', [denies('deny', 'k')]));
    const id = await h.submit();
    await h.settle(id, ({ state }) => state === 'needs-attention');
    h.behaviours.delete('allow k');
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(h.world.get('k')).toBe('free');
  });
});

describe('a guard that ends otherwise', () => {
  test('is replaced by another in one step, and only that one is closed', async () => {
    begin();
    h.behaviours.set('work', async () => {
      throw Flaky(false);
    });
    h.stages.push(
      stage('deny', [denies('deny', 'k')], { guard: { opens: ['k'] } }),
      stage('switch', [denies('switch', 'k2', 300_000, { replaces: 'k' })], { guard: { opens: ['k2'], ends: ['k'] } }),
      stage('work', [one('work')]),
    );
    const id = await h.submit();
    expect((await h.settle(id)).state).toBe('failed');
    expect(await guardsOf(id)).toMatchObject([
      { key: 'k', state: 'replaced' },
      { key: 'k2', state: 'closed', before: null },
    ]);
    expect(h.world.get('k')).toBe(DENIED);
    expect(h.world.has('k2')).toBe(false);
    expect(closings()).toBe(0);
  });

  test('is replaced by something that is no guard, and is not closed any more', async () => {
    begin();
    h.behaviours.set('work', async ({ guard }) => {
      await guard.replaced('k', 'the clients are elsewhere');
      throw Flaky(false);
    });
    h.stages.push(
      stage('deny', [denies('deny', 'k')], { guard: { opens: ['k'] } }),
      stage('switch', [one('work')], { guard: { ends: ['k'] } }),
    );
    const id = await h.submit();
    expect((await h.settle(id)).state).toBe('failed');
    expect(await guardsOf(id)).toMatchObject([{ key: 'k', state: 'replaced', by: 'the clients are elsewhere' }]);
    expect(h.world.get('k')).toBe(DENIED);
    expect(closings()).toBe(0);
  });

  test.each(['fails', 'is cancelled', 'runs out of time'])(
    'is found replaced by what was to close it: the operation, which %s, goes on with what is left',
    async (how) => {
      begin();
      h.behaviours.set('allow k', async ({ guard }) => {
        await guard.replaced('k', 'the clients are elsewhere');
        return undefined;
      });
      h.behaviours.set('work', async ({ signal }) => {
        if (h.begun.filter((name) => name === 'work').length > 1) return undefined;
        if (how === 'fails') throw Flaky(false);
        return until(signal);
      });
      h.stages.push(
        stage('deny', [denies('deny', 'k', 60_000)], { guard: { opens: ['k'] } }),
        stage('work', [one('work')], { guard: { ends: ['k'] } }),
        stage('then', [one('then')]),
        stage('tidy', [one('tidy')], { always: true }),
      );
      const id = await h.submit();
      if (how === 'is cancelled') {
        await h.settle(id, () => h.begun.includes('work'));
        await h.service.act(id, 'cancel', 'anna');
      }
      const header = await h.settle(id);
      expect([header.state, header.error, header.ending]).toEqual(['succeeded', undefined, undefined]);
      expect(h.begun.filter((name) => ['deny', 'work', 'then', 'tidy'].includes(name))).toEqual(['deny', 'work', 'work', 'then', 'tidy']);
      expect(await guardsOf(id)).toMatchObject([{ state: 'replaced', by: 'the clients are elsewhere' }]);
      const events = await h.store.events(id, undefined, 500, 0);
      expect(events.map(({ text }) => text).join('\n')).toContain('what it was for has come about');
    },
  );

  test('is found replaced by what was to close it: stages that were emitted in there are emitted once', async () => {
    begin();
    h.behaviours.set('allow k', async ({ guard }) => {
      await guard.replaced('k', 'the clients are elsewhere');
      return undefined;
    });
    h.behaviours.set('find', async ({ emit }) => {
      emit([stage('more', [one('more')])]);
      return undefined;
    });
    h.behaviours.set('work', async ({ clock }) => {
      await clock.sleep(5_000);
      if (h.begun.filter((name) => name === 'work').length === 1) throw Flaky(false);
      return undefined;
    });
    h.stages.push(
      stage('deny', [denies('deny', 'k')], { guard: { opens: ['k'] } }),
      stage('work', [one('find'), one('work')], { guard: { ends: ['k'] }, concurrency: 2 }),
    );
    const header = await h.settle(await h.submit());
    expect([header.state, header.error]).toEqual(['succeeded', undefined]);
    expect(header.stages.map(({ name, state }) => `${name} ${state}`)).toEqual(['deny done', 'work done', 'more done']);
    expect(h.begun.filter((name) => name === 'more')).toHaveLength(1);
  });

  test('is found replaced by what was to close it, once: an operation that fails there again has failed', async () => {
    begin();
    h.behaviours.set('allow k', async ({ guard }) => {
      await guard.replaced('k', 'the clients are elsewhere');
      return undefined;
    });
    h.behaviours.set('work', async () => {
      throw Flaky(false);
    });
    h.stages.push(
      stage('deny', [denies('deny', 'k')], { guard: { opens: ['k'] } }),
      stage('work', [one('work')], { guard: { ends: ['k'] } }),
    );
    expect((await h.settle(await h.submit())).state).toBe('failed');
    expect(h.begun.filter((name) => name === 'work')).toHaveLength(2);
  });

  test('is handed to the heir named when it was opened', async () => {
    begin();
    h.behaviours.set('after:deny', async ({ guard }) => {
      await guard.handOver('k');
      return undefined;
    });
    h.stages.push(stage('deny', [denies('deny', 'k', 300_000, { heir: 'anna' })]));
    const id = await h.submit();
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(await guardsOf(id)).toMatchObject([{ state: 'handed-over', by: 'anna' }]);
    expect(h.world.get('k')).toBe(DENIED);
  });

  test('is handed to nobody who had not agreed: it fails and is closed', async () => {
    begin();
    h.behaviours.set('after:deny', async ({ guard }) => {
      await guard.handOver('k');
      return undefined;
    });
    h.stages.push(stage('deny', [denies('deny', 'k')]));
    const id = await h.submit();
    expect(await h.settle(id)).toMatchObject({ state: 'failed', error: { code: 'LSH_GUARD_REFUSED' } });
    expect(await guardsOf(id)).toMatchObject([{ state: 'closed' }]);
    expect(h.world.get('k')).toBe('free');
  });
});

describe('a guard is not opened, and the target not touched,', () => {
  test.each<[string, HarnessOptions, StageSpec, string]>([
    ['without a lease', { leases: [] }, stage('deny', [denies('deny', 'k')]), 'no lease'],
    ['for ever', {}, stage('deny', [denies('deny', 'k', Number.POSITIVE_INFINITY)]), ''],
    ['for no time', {}, stage('deny', [denies('deny', 'k', 0)]), 'greatest time'],
    ['when nobody could close it', {}, stage('deny', [denies('deny', 'k', 300_000, { close: 'test.nowhere' })]), 'test.nowhere'],
  ])('%s', async (_what, options, spec, why) => {
    begin(options);
    h.stages.push(spec);
    const id = await h.submit();
    const header = await h.settle(id);
    expect(header.state).toBe('failed');
    expect(header.error?.message).toContain(why);
    expect(h.world.get('k')).toBe('free');
    expect(await guardsOf(id)).toEqual([]);
  });

  test('when the operation is being cancelled', async () => {
    begin();
    const gate = Promise.withResolvers<undefined>();
    let opened: unknown;
    h.behaviours.set('work', async ({ guard, operation }) => {
      await gate.promise;
      // The order has come, but this one has not heard of it.
      expect((await h.store.header(operation.id))!.order).toBe('cancel');
      const close = { task: 'test.allow', params: { name: 'allow k', key: 'k' } };
      opened = await guard.open({ key: 'k', what: 'k', target: 't', before: null, after: null, maxMs: 1_000, close });
      return undefined;
    });
    h.stages.push(stage('s', [one('work')]));
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('work'));
    const { header } = (await h.store.load(id))!;
    expect(await h.store.commit(id, { header: { ...header, intent: 'cancel', order: 'cancel' } })).toBe(true);
    gate.resolve(undefined);
    expect((await h.settle(id)).state).toBe('cancelled');
    expect(opened).toBeUndefined();
    expect(await guardsOf(id)).toEqual([]);
  });
});
