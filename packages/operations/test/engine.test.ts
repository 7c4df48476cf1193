import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Harness } from './engine.ts';
import { closed, Flaky, harness } from './engine.ts';

let h: Harness;
beforeEach(() => {
  h = harness();
});
afterEach(() => h.stop());

const one = (name: string, after?: string) => ({
  id: name,
  task: 'test.task',
  params: { name },
  placement: 'role' as const,
  ...(after ? { after } : {}),
});

describe('stages', () => {
  test('run one after another, tasks within one as far as their order allows', async () => {
    h.stages.push({ name: 'first', title: 'first', concurrency: 2, tasks: [one('a'), one('b', 'a')] });
    h.stages.push({ name: 'second', title: 'second', concurrency: 1, tasks: [one('c')] });
    const header = await h.settle(await h.submit());
    expect(header.state).toBe('succeeded');
    expect(h.begun).toEqual(['a', 'b', 'c']);
  });

  test('never run more tasks at once than their concurrency', async () => {
    let now = 0;
    let most = 0;
    for (let i = 0; i < 6; i += 1)
      h.behaviours.set(`t${i}`, async ({ clock }) => {
        now += 1;
        most = Math.max(most, now);
        await clock.sleep(1_000);
        now -= 1;
        return undefined;
      });
    h.stages.push({ name: 's', title: 's', concurrency: 2, tasks: Array.from({ length: 6 }, (_, i) => one(`t${i}`)) });
    expect((await h.settle(await h.submit())).state).toBe('succeeded');
    expect(most).toBe(2);
  });

  test('an emitted stage goes directly after the current one', async () => {
    h.behaviours.set('a', async ({ emit }) => {
      emit([{ name: 'more', title: 'more', concurrency: 1, tasks: [one('x')] }]);
      return undefined;
    });
    h.stages.push(
      { name: 's', title: 's', concurrency: 1, tasks: [one('a')] },
      { name: 't', title: 't', concurrency: 1, tasks: [one('z')] },
    );
    expect((await h.settle(await h.submit())).state).toBe('succeeded');
    expect(h.begun).toEqual(['a', 'x', 'z']);
  });

  test('an emission that names an unknown task fails the emitter and inserts nothing', async () => {
    h.behaviours.set('a', async ({ emit }) => {
      emit([{ name: 'more', title: 'more', concurrency: 1, tasks: [{ ...one('x'), task: 'test.nowhere' }] }]);
      return undefined;
    });
    h.stages.push({ name: 's', title: 's', concurrency: 1, tasks: [one('a')] });
    const header = await h.settle(await h.submit());
    expect(header.state).toBe('failed');
    expect(header.error?.code).toBe('LSH_TASK_OUTPUT');
    expect(header.stages).toHaveLength(1);
  });
});

describe('failure', () => {
  test('a retryable error is tried again, then the task succeeds', async () => {
    let tries = 0;
    h.behaviours.set('a', async () => {
      tries += 1;
      if (tries < 3) throw Flaky(true);
      return undefined;
    });
    h.stages.push({ name: 's', title: 's', concurrency: 1, tasks: [one('a')] });
    const header = await h.settle(await h.submit());
    expect(header.state).toBe('succeeded');
    expect(tries).toBe(3);
    expect(header.counters.retries).toBe(2);
  });

  test('out of attempts the operation fails, siblings finish, later stages are skipped but what puts away', async () => {
    h.behaviours.set('bad', async () => {
      throw Flaky(false);
    });
    h.stages.push({ name: 's', title: 's', concurrency: 2, tasks: [one('bad'), one('good')] });
    h.stages.push({ name: 'never', title: 'never', concurrency: 1, tasks: [one('never')] });
    h.stages.push({ name: 'tidy', title: 'tidy', concurrency: 1, tasks: [one('tidy')], always: true });
    const header = await h.settle(await h.submit());
    expect(header.state).toBe('failed');
    expect(header.error?.code).toBe('LSH_TEST');
    expect(h.begun).toEqual(['bad', 'good', 'tidy']);
    expect(header.stages.map(({ state }) => state)).toEqual(['failed', 'skipped', 'done']);
  });

  test('a gate uses up no attempt', async () => {
    let tries = 0;
    h.behaviours.set('a', async () => {
      tries += 1;
      if (tries < 8) throw closed();
      return undefined;
    });
    h.stages.push({ name: 's', title: 's', concurrency: 1, tasks: [one('a')] });
    const header = await h.settle(await h.submit());
    expect(header.state).toBe('succeeded');
    expect(header.counters.retries ?? 0).toBe(0);
  });
});

describe('bulk stages', () => {
  const bulk = (count: number) => ({
    name: 'move',
    title: 'move',
    concurrency: 4,
    bulk: { count, params: null },
    upkeep: { task: 'test.restore', params: { name: 'upkeep' }, everyMs: 2_000 },
  });

  test('a thousand units leave nothing behind but counters, with few live at a time', async () => {
    h.stages.push(bulk(1_000));
    for (let i = 0; i < 1_000; i += 1)
      h.behaviours.set(`r${i}`, async ({ tally }) => {
        tally('metric', 'points', 3);
        return undefined;
      });
    const id = await h.submit();
    let most = 0;
    const header = await h.settle(id, (now) => {
      void h.store.load(id).then((snapshot) => {
        most = Math.max(most, snapshot!.tasks.size);
      });
      return now.endedAt !== undefined;
    });
    expect(header.state).toBe('succeeded');
    expect(header.stages[0]).toMatchObject({ done: 1_000, failed: 0, skipped: 0 });
    expect((await h.service.report(id)).totals).toEqual({ points: 3_000 });
    expect(most).toBeLessThan(20);
    expect((await h.store.load(id))!.tasks.size).toBe(0);
    expect(h.begun.filter((name) => name === 'upkeep').length).toBeGreaterThan(0);
  });

  test('a restore begins only after its dump, and not at all when the dump says there is nothing', async () => {
    h.stages.push({ ...bulk(2) });
    h.behaviours.set('d0', async () => ({ followers: 'skip' as const }));
    const header = await h.settle(await h.submit());
    expect(header.state).toBe('succeeded');
    expect(h.begun).not.toContain('r0');
    expect(h.begun.indexOf('d1')).toBeLessThan(h.begun.indexOf('r1'));
  });

  test('in a tolerant kind a failed unit does not stop the others, and is named', async () => {
    await h.stop();
    h = harness({ tolerant: true });
    h.stages.push(bulk(5));
    h.behaviours.set('d2', async () => {
      throw Flaky(false);
    });
    const id = await h.submit();
    const header = await h.settle(id);
    expect(header.stages[0]).toMatchObject({ done: 4, failed: 1 });
    expect((await h.service.report(id)).notes).toContainEqual(expect.objectContaining({ level: 'error', row: 'd2' }));
    expect(h.begun).not.toContain('r2');
  });
});

describe('what people ask', () => {
  const long = (name: string): void => {
    h.behaviours.set(name, async ({ clock, signal }) => {
      await clock.sleep(1_000_000, signal);
      return undefined;
    });
  };

  test('cancel reaches a running task and ends the operation, with its things put away', async () => {
    long('a');
    h.stages.push({ name: 's', title: 's', concurrency: 1, tasks: [one('a'), one('b')] });
    h.stages.push({ name: 'tidy', title: 'tidy', concurrency: 1, tasks: [one('tidy')], always: true });
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('a'));
    await h.service.act(id, 'cancel', 'tester');
    const header = await h.settle(id);
    expect(header.state).toBe('cancelled');
    expect(h.begun).toEqual(['a', 'tidy']);
  });

  test('drain begins nothing new and finishes what is ready', async () => {
    h.stages.push({ name: 'move', title: 'move', concurrency: 2, bulk: { count: 50, params: null } });
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('r0', () => gate.promise);
    h.behaviours.set('r1', () => gate.promise);
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('r0') && h.begun.includes('r1'));
    await h.service.act(id, 'drain', 'tester');
    gate.resolve(undefined);
    const header = await h.settle(id);
    expect(header.state).toBe('cancelled');
    expect(header.stages[0]!.done).toBe(2);
    expect(h.begun.filter((name) => name.startsWith('d'))).toHaveLength(2);
  });

  test('pause lets running tasks end and starts nothing; resume goes on', async () => {
    const gate = Promise.withResolvers<undefined>();
    h.behaviours.set('a', () => gate.promise);
    h.stages.push({ name: 's', title: 's', concurrency: 1, tasks: [one('a'), one('b')] });
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('a'));
    await h.service.act(id, 'pause', 'tester');
    gate.resolve(undefined);
    await h.settle(id, (header) => header.state === 'paused');
    expect(h.begun).toEqual(['a']);
    await h.service.act(id, 'resume', 'tester');
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(h.begun).toEqual(['a', 'b']);
  });

  test('a plan waits to be started', async () => {
    h.stages.push({ name: 's', title: 's', concurrency: 1, tasks: [one('a')] });
    const id = await h.submit('plan');
    await h.settle(id, (header) => header.state === 'planned');
    expect(h.begun).toEqual([]);
    await h.service.act(id, 'start', 'tester');
    expect((await h.settle(id)).state).toBe('succeeded');
  });

  test('two operations cannot hold one target: the later is refused and changes nothing', async () => {
    await h.stop();
    h = harness({ leases: [{ target: 'sink', scope: '' }] });
    long('a');
    h.stages.push({ name: 's', title: 's', concurrency: 1, tasks: [one('a')] });
    const first = await h.submit();
    await h.settle(first, () => h.begun.includes('a'));
    const second = await h.settle(await h.submit());
    expect(second.state).toBe('failed');
    expect(second.error).toMatchObject({ code: 'LSH_LEASE_HELD', exitCode: 4 });
    await h.service.act(first, 'cancel', 'tester');
    expect((await h.settle(first)).state).toBe('cancelled');
    h.behaviours.delete('a');
    expect((await h.settle(await h.submit())).state).toBe('succeeded');
  });

  test('the same idempotency key gives the same operation', async () => {
    const submission = { kind: 'test.kind', params: {}, owner: 'tester', idempotencyKey: 'k' };
    const first = await h.service.submit(submission);
    const second = await h.service.submit(submission);
    expect(second).toEqual({ id: first.id, created: false });
  });
});

describe('at least once', () => {
  test('a delivery that comes twice supersedes the first: its outcome counts once', async () => {
    const gate = Promise.withResolvers<undefined>();
    let calls = 0;
    h.behaviours.set('a', async ({ tally }) => {
      calls += 1;
      tally('m', 'points', 1);
      if (calls === 1) await gate.promise;
      return undefined;
    });
    h.stages.push({ name: 's', title: 's', concurrency: 1, tasks: [one('a')] });
    const id = await h.submit();
    await h.settle(id, () => h.begun.includes('a'));
    expect(h.transport.repeat('dumper', `${id}.a.1`)).toBe(true);
    const header = await h.settle(id);
    gate.resolve(undefined);
    expect(header.state).toBe('succeeded');
    expect(calls).toBe(2);
    expect((await h.service.report(id)).totals).toEqual({ points: 1 });
  });
});
