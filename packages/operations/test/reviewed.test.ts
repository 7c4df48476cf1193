/** What somebody found who had not written the engine: each case was wrong once. */
import type { StageSpec } from '@longshore/core';
import { afterEach, expect, test } from 'vitest';
import { runTask } from '../src/index.ts';
import type { Harness, HarnessOptions } from './engine.ts';
import { Flaky, harness, until } from './engine.ts';
import { allows, denies, LEASES, one, sets, stage } from './engine-tasks.ts';

let h: Harness;
const begin = (options: HarnessOptions = {}): Harness => {
  h = harness({ leases: LEASES, ...options });
  h.world.set('k', 'free');
  h.world.set('x', 'old');
  return h;
};
afterEach(() => h.stop());

const MAX_MS = 60_000;
const cutover = (): StageSpec[] => [
  stage('deny', [denies('deny', 'k', MAX_MS)], { guard: { opens: ['k'] } }),
  stage('work', [one('work')]),
  stage('allow', [allows('allow', 'k')], { guard: { ends: ['k'] } }),
];

test('a guard that is open beyond its time needs a person, though its closing only hangs, and can be taken over', async () => {
  begin();
  h.behaviours.set('work', ({ signal }) => until(signal));
  h.behaviours.set('allow k', ({ signal }) => until(signal));
  h.stages.push(...cutover());
  const id = await h.submit();
  const header = await h.settle(id, ({ state }) => state === 'needs-attention');
  const [guard] = (await h.service.get(id)).guards;
  expect(header.attention).toMatchObject({ error: { code: 'LSH_GUARD_OPEN' } });
  expect(h.clock.now() - guard!.openedAt).toBeLessThan(2 * MAX_MS);
  await h.service.takeOver(id, 'anna', 'allowed by hand');
  expect((await h.settle(id)).state).toBe('failed');
  expect((await h.service.get(id)).guards).toMatchObject([{ state: 'handed-over', by: 'anna' }]);
});

test('inside a guard a silent worker has its task taken up by another long before the guard has to end', async () => {
  const killed = Promise.withResolvers<'done'>();
  let claims = 0;
  begin({
    async deliver(worker, delivery) {
      const { operation, task, round } = delivery.data;
      if (task !== 'work' || claims > 0) return runTask(worker, delivery);
      // Taken, and never heard of again.
      claims += 1;
      await worker.store.claim(operation, task, round, 'w0', worker.clock.now());
      return killed.promise;
    },
  });
  h.stages.push(...cutover());
  const id = await h.submit();
  const header = await h.settle(id);
  killed.resolve('done');
  expect(header.state).toBe('succeeded');
  const [guard] = (await h.service.get(id)).guards;
  const events = await h.store.events(id, undefined, 1_000, 0);
  expect(events.find(({ text }) => text.endsWith(': no more'))!.at - guard!.openedAt).toBeLessThan(MAX_MS / 2);
  expect(events.find(({ type }) => type === 'worker')?.text).toContain('w0 is silent; work goes');
});

test('two stages of one name are not agreed to at once, planned or emitted', async () => {
  begin();
  h.stages.push(stage('s', [one('a')]), stage('s', [one('b')]));
  const { id } = await h.service.submit({ kind: 'test.kind', params: {}, owner: 'anna', approvals: 'every-stage' });
  expect((await h.settle(id)).error?.message).toContain('two stages that ask for an approval are called s');
});

test('a change that is made once more is in the journal as begun before it is made, beside what was found the first time', async () => {
  begin();
  let fails = true;
  const states: string[] = [];
  h.behaviours.set('after:set', async ({ operation }) => {
    states.push(...(await h.service.journal(operation.id)).filter(({ task }) => task === 'set').map(({ state }) => state));
    return undefined;
  });
  h.behaviours.set('work', async () => {
    if (fails) throw Flaky(false);
    return undefined;
  });
  h.stages.push(
    stage('deny', [denies('deny', 'k', MAX_MS)], { guard: { opens: ['k'] } }),
    stage('set', [sets('set', 'x', 'new')]),
    stage('work', [one('work')]),
    stage('allow', [allows('allow', 'k')], { guard: { ends: ['k'] } }),
  );
  const id = await h.submit();
  expect((await h.settle(id)).state).toBe('failed');
  const [first] = (await h.service.journal(id)).filter(({ task }) => task === 'set');
  expect(first).toMatchObject({ state: 'done', after: 'new' });
  h.world.set('x', 'something else');
  fails = false;
  await h.service.retry(id, 'anna');
  expect((await h.settle(id)).state).toBe('succeeded');
  const [again] = (await h.service.journal(id)).filter(({ task }) => task === 'set');
  expect(again).toMatchObject({ state: 'done', before: first!.before, after: 'new' });
  expect(again!.generation).toBeGreaterThan(first!.generation);
});

test('an operation that failed by its deadline has that time again when it is retried', async () => {
  begin({ leases: [] });
  let fails = true;
  h.behaviours.set('a', ({ signal }) => (fails ? until(signal) : Promise.resolve(undefined)));
  h.stages.push(stage('s', [one('a')]));
  const { id } = await h.service.submit({ kind: 'test.kind', params: {}, owner: 'anna', deadlineMs: 20_000 });
  expect((await h.settle(id)).error?.code).toBe('LSH_OPERATION_DEADLINE');
  fails = false;
  await h.service.retry(id, 'anna');
  expect((await h.settle(id)).state).toBe('succeeded');
});

test('a job of a newer version is left alone, which the operation says', async () => {
  begin({ settings: { fourEyes: true } });
  h.stages.push(stage('s', [sets('set', 'x', 'new')]));
  const { id } = await h.service.submit({ kind: 'test.kind', params: {}, owner: 'anna', approvals: 'cutover' });
  expect((await h.settle(id)).state).toBe('succeeded');
  const job = { v: 2 as unknown as 1, operation: id, task: 'set', round: 1 };
  const setup = { ...h.engine, worker: 'w9', spools: new Map(), resolveTarget: (): never => until as never };
  const handled = await runTask(setup, { data: job, stalls: 0, signal: new AbortController().signal });
  expect(handled).toMatchObject({ delayMs: expect.any(Number) });
  expect((await h.store.events(id, undefined, 1_000, 0)).at(-1)?.text).toMatch(/^w9 leaves set alone: its job has version 2/);
  // Nothing dangerous is among it: whoever submitted it may take it back alone.
  await h.service.revert(id, 'anna');
  expect((await h.settle(id)).state).toBe('reverted');
});

test('explain says which role nobody has', async () => {
  begin({ leases: [] });
  h.behaviours.set('a', ({ signal }) => until(signal));
  h.stages.push(stage('s', [one('a')]));
  const id = await h.submit();
  await h.settle(id, () => h.begun.includes('a'));
  for (const { worker } of await h.store.workers()) await h.store.leave(worker);
  expect(await h.service.explain(id)).toContain('No dumper is alive, and a task waits for one');
});
