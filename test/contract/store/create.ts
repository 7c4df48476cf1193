/** Creating an operation, and what is answered of one that was never created. */
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { entry, guard, header, outcome, record, T0 } from './bench.ts';

export function createContract(on: StoreBench): void {
  describe('create', () => {
    test('takes an id once and changes nothing the second time', async () => {
      expect(await on.store.create(header('a', { owner: 'first' }))).toEqual({ id: 'a', created: true });
      expect(await on.store.create(header('a', { owner: 'second' }))).toEqual({ id: 'a', created: false });
      expect(await on.store.header('a')).toEqual(header('a', { owner: 'first' }));
    });

    test('under one idempotency key gives the operation first created under it, also to parallel callers', async () => {
      const made = await Promise.all(
        ['a', 'b', 'c', 'd'].map((id, at) => (at % 2 === 0 ? on.store : on.other).create(header(id), 'key with spaces: ü')),
      );
      expect(made.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
      expect(await on.store.live()).toEqual([made[0]!.id]);
      expect(await on.store.create(header('e'), 'another key')).toEqual({ id: 'e', created: true });
    });

    test('what was never created is undefined, empty or false everywhere', async () => {
      expect(await on.store.load('no')).toBeUndefined();
      expect(await on.store.header('no')).toBeUndefined();
      expect(await on.store.plan('no')).toBeUndefined();
      expect(await on.store.done('no')).toEqual([]);
      expect(await on.store.report('no')).toEqual({ rows: {}, notes: [], notesDropped: 0 });
      expect(await on.store.commit('no', { header: header('no'), put: [record('t')], events: [{ at: T0, type: 'x', text: 'x' }] })).toBe(
        false,
      );
      expect(await on.store.load('no')).toBeUndefined();
      expect(await on.store.events('no', undefined, 10, 0)).toEqual([]);
      expect(await on.store.claim('no', 't', 1, 'w', T0)).toEqual({ claim: 'unwanted' });
      expect(await on.store.beat('no', 't', 1, T0)).toEqual({ state: 'superseded' });
      expect(await on.store.shut('no', 't', 1, { gate: 'space', reason: 'r', since: T0 }, {})).toBe(false);
      expect(await on.store.finish('no', 't', outcome(1))).toBe(false);
      expect(await on.store.saveCheckpoint('no', 't', 1, 'x')).toBe(false);
      expect(await on.store.loadCheckpoint('no', 't')).toBeUndefined();
      expect(await on.store.writeJournal('no', 't', 1, entry('t', 'k'))).toBeUndefined();
      expect(await on.store.journal('no')).toEqual([]);
      expect(await on.store.openGuard('no', 't', 1, guard('g'))).toEqual({ refused: 'superseded' });
      expect(await on.store.endGuard('no', 't', 1, guard('g'))).toBe(false);
      expect(await on.store.mayAct('no', 't', 1, [])).toBe(false);
      await on.store.addEvent('no', { at: T0, type: 'x', text: 'x' });
      await on.store.releaseLeases('no');
      await on.store.remove('no');
      expect(await on.store.load('no')).toBeUndefined();
      expect(await on.store.create(header('no'))).toEqual({ id: 'no', created: true });
      expect(await on.store.load('no')).toEqual({
        header: header('no'),
        tasks: new Map(),
        attempts: new Map(),
        outcomes: new Map(),
        guards: new Map(),
      });
    });

    test('may begin at any version', async () => {
      await on.store.create(header('a', { version: 7 }));
      expect(await on.store.commit('a', { header: header('a') })).toBe(false);
      expect(await on.store.commit('a', { header: header('a', { version: 7 }) })).toBe(true);
      expect(await on.store.header('a')).toEqual(header('a', { version: 8 }));
    });

    test('what is read is a copy', async () => {
      await on.operation('a', [record('t')]);
      await on.commit('a', { guards: [guard('g')] });
      const snapshot = (await on.store.load('a'))!;
      snapshot.header.state = 'failed';
      snapshot.tasks.get('t')!.round = 99;
      snapshot.tasks.clear();
      snapshot.guards.get('g')!.state = 'closed';
      expect((await on.store.load('a'))!.tasks.get('t')).toEqual(record('t'));
      expect((await on.store.load('a'))!.guards.get('g')).toEqual(guard('g'));
      expect((await on.store.header('a'))!.state).toBe('running');
    });
  });
}
