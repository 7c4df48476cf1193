/** What the engine does by itself leaves its trace in the audit log. */
import { afterEach, expect, test } from 'vitest';
import { sweep } from '../src/index.ts';
import type { Harness } from './engine.ts';
import { harness } from './engine.ts';
import { allows, denies, LEASES, one, stage } from './engine-tasks.ts';

let h: Harness;
afterEach(() => h.stop());

test('a guard that is closed for an operation that fails', async () => {
  h = harness({ leases: LEASES });
  h.stages.push(
    stage('deny', [denies('deny', 'k', 60_000)], { guard: { opens: ['k'] } }),
    stage('work', [one('a')]),
    stage('allow', [allows('allow', 'k')], { guard: { ends: ['k'] } }),
  );
  h.behaviours.set('a', async () => {
    throw new Error('does not go');
  });
  const { id } = await h.service.submit({ kind: 'test.kind', params: {}, owner: 'tester' });
  expect((await h.settle(id)).state).toBe('failed');
  const entries = await h.store.auditEntries(undefined, 100);
  expect(entries.map(({ who, what, operation, result }) => [who, what, operation, result])).toContainEqual([
    'longshore',
    'engine.guard',
    id,
    'done',
  ]);
  expect(entries.map(({ reason }) => reason).join('\n')).toContain('it is being closed');
});

test('an operation that is forgotten', async () => {
  h = harness({ settings: { retention: { days: 1, count: 10 } }, sweeps: false });
  h.stages.push(stage('s', [one('a')]));
  const { id } = await h.service.submit({ kind: 'test.kind', params: {}, owner: 'tester' });
  await h.settle(id);
  h.clock.advance(2 * 86_400_000);
  await sweep(h.engine);
  expect(await h.store.header(id)).toBeUndefined();
  expect((await h.store.auditEntries(undefined, 100)).map(({ what, operation }) => [what, operation])).toEqual([['engine.retention', id]]);
});
