/** Guards, and the question before every effect. */
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { guard, lease, record, T0 } from './bench.ts';

export function guardsContract(on: StoreBench): void {
  /** An operation that may open a guard: its generation. */
  async function ready(id = 'a', task = record('t')): Promise<number> {
    await on.operation(id, [task]);
    await on.granted(id, [lease('cluster', 'db.t')]);
    return on.claimed(id, task.id);
  }
  const guards = async (id = 'a') => Object.fromEntries((await on.store.load(id))!.guards);

  describe('a guard', () => {
    test('is opened and ended by the last generation, and known from then on', async () => {
      const generation = await ready();
      expect(await on.store.openGuard('a', 't', generation, guard('g'))).toEqual({ opened: guard('g') });
      expect(await guards()).toEqual({ g: guard('g') });
      const closed = guard('g', { state: 'closed', endedAt: T0 + 5 });
      expect(await on.store.endGuard('a', 't', generation, closed)).toBe(true);
      expect(await guards()).toEqual({ g: closed });
      // It does not go with the task that opened it.
      await on.commit('a', { drop: ['t'] });
      expect(await guards()).toEqual({ g: closed });
    });

    test('that is open stays as it was first found', async () => {
      const first = await ready();
      await on.store.openGuard('a', 't', first, guard('g'));
      const second = await on.claimed('a', 't');
      const again = guard('g', { before: 'what we set ourselves', openedAt: T0 + 9, maxMs: 1 });
      expect(await on.store.openGuard('a', 't', second, again)).toEqual({ opened: guard('g') });
      expect(await guards()).toEqual({ g: guard('g') });
    });

    test.each(['closed', 'replaced', 'handed-over'] as const)('that was %s is opened anew', async (state) => {
      const generation = await ready();
      await on.store.openGuard('a', 't', generation, guard('g'));
      await on.store.endGuard('a', 't', generation, guard('g', { state, endedAt: T0 + 1 }));
      const anew = guard('g', { openedAt: T0 + 9, before: 'another' });
      expect(await on.store.openGuard('a', 't', generation, anew)).toEqual({ opened: anew });
      expect(await guards()).toEqual({ g: anew });
    });

    test('takes the place of another in one step', async () => {
      const generation = await ready();
      await on.store.openGuard('a', 't', generation, guard('deny'));
      const replaced = guard('deny', { state: 'replaced', endedAt: T0 + 2 });
      expect(await on.store.openGuard('a', 't', generation, guard('switch'), replaced)).toEqual({ opened: guard('switch') });
      expect(await guards()).toEqual({ deny: replaced, switch: guard('switch') });
    });

    test('that is refused replaces nothing', async () => {
      const generation = await ready();
      await on.store.openGuard('a', 't', generation, guard('deny'));
      await on.commit('a', {}, { order: 'pause' });
      const replaced = guard('deny', { state: 'replaced', endedAt: T0 + 2 });
      expect(await on.store.openGuard('a', 't', generation, guard('switch'), replaced)).toEqual({ refused: 'ordered' });
      expect(await guards()).toEqual({ deny: guard('deny') });
    });

    test('is not opened or ended by who was superseded', async () => {
      const old = await ready();
      const now = await on.claimed('a', 't');
      expect(await on.store.openGuard('a', 't', old, guard('g'))).toEqual({ refused: 'superseded' });
      expect(await on.store.openGuard('a', 'nobody', now, guard('g'))).toEqual({ refused: 'superseded' });
      const [late, opened] = await Promise.all([
        on.store.openGuard('a', 't', old, guard('g', { what: 'zombie' })),
        on.other.openGuard('a', 't', now, guard('g')),
      ]);
      expect([late, opened]).toEqual([{ refused: 'superseded' }, { opened: guard('g') }]);
      expect(await on.store.endGuard('a', 't', old, guard('g', { state: 'closed' }))).toBe(false);
      expect(await guards()).toEqual({ g: guard('g') });
      await on.commit('a', { drop: ['t'] });
      expect(await on.store.endGuard('a', 't', now, guard('g', { state: 'closed' }))).toBe(false);
      expect(await guards()).toEqual({ g: guard('g') });
    });

    test.each(['pause', 'cancel'] as const)('is not opened under the order to %s, but may be ended', async (order) => {
      const generation = await ready();
      await on.store.openGuard('a', 't', generation, guard('g'));
      await on.commit('a', {}, { order });
      expect(await on.store.openGuard('a', 't', generation, guard('h'))).toEqual({ refused: 'ordered' });
      expect(await on.store.endGuard('a', 't', generation, guard('g', { state: 'closed' }))).toBe(true);
      await on.clear('a', 'order');
      expect(await on.store.openGuard('a', 't', generation, guard('h'))).toEqual({ opened: guard('h') });
    });

    test('a task that closes another is stopped by no order', async () => {
      const generation = await ready('a', record('t', { closes: 'deny' }));
      await on.commit('a', {}, { order: 'cancel' });
      expect(await on.store.openGuard('a', 't', generation, guard('g'))).toEqual({ opened: guard('g') });
    });

    test('is not opened without a lease on its target: none, of another target, of another operation, released, quiet', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      const refused = async (): Promise<void> => {
        expect(await on.store.openGuard('a', 't', generation, guard('g'))).toEqual({ refused: 'lease' });
      };
      await refused();
      await on.granted('a', [lease('cluster2'), lease('clust'), lease('other', 'cluster')]);
      await refused();
      await on.granted('ab', [lease('cluster', 'db.u')]);
      await refused();
      await on.granted('a', [lease('cluster', 'db.t')]);
      await on.store.releaseLeases('a', on.now() + 600_000);
      await refused();
      expect(await guards()).toEqual({});
      await on.granted('a', [lease('cluster', 'db.t')], on.now());
      expect(await on.store.openGuard('a', 't', generation, guard('g'))).toEqual({ opened: guard('g') });
      await on.store.releaseLeases('a');
      expect(await on.store.openGuard('a', 't', generation, guard('g'))).toEqual({ refused: 'lease' });
    });

    test('may have any key', async () => {
      const generation = await ready();
      const keys = ['__proto__', 'a b', '😀', 'g:x', '{tag}', 'header'];
      for (const key of keys) await on.store.openGuard('a', 't', generation, guard(key));
      expect([...(await on.store.load('a'))!.guards]).toHaveLength(keys.length);
      for (const key of keys) expect((await on.store.load('a'))!.guards.get(key)).toEqual(guard(key));
      expect((await on.store.load('a'))!.tasks.size).toBe(1);
    });
  });

  describe('who may act', () => {
    test('is the last generation', async () => {
      const old = await ready();
      expect(await on.store.mayAct('a', 't', old, [])).toBe(true);
      const now = await on.claimed('a', 't');
      expect(await on.store.mayAct('a', 't', old, [])).toBe(false);
      expect(await on.store.mayAct('a', 't', now, [])).toBe(true);
      await on.commit('a', { drop: ['t'] });
      expect(await on.store.mayAct('a', 't', now, [])).toBe(false);
    });

    test.each(['pause', 'cancel'] as const)(
      'under the order to %s: who closes a guard, and who is only to begin nothing new',
      async (order) => {
        await on.operation('a', [record('t'), record('closing', { closes: 'g' })]);
        const [one, other] = [await on.claimed('a', 't'), await on.claimed('a', 'closing')];
        await on.commit('a', {}, { order });
        expect(await on.store.mayAct('a', 't', one, [])).toBe(order === 'pause');
        expect(await on.store.mayAct('a', 'closing', other, [])).toBe(true);
      },
    );

    test('is who holds every lease with its token', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      const wanted = [lease('cluster', 'db.t'), lease('größe', '"x"')];
      const { tokens } = await on.granted('a', wanted);
      const held = wanted.map((each, at) => ({ ...each, token: tokens[at]! }));
      const may = (leases: typeof held): Promise<boolean> => on.other.mayAct('a', 't', generation, leases);
      expect(await may(held)).toBe(true);
      expect(await may([held[0]!])).toBe(true);
      expect(await may([held[0]!, { ...held[1]!, token: tokens[1]! + 1 }])).toBe(false);
      expect(await may([{ ...held[0]!, scope: 'db' }])).toBe(false);
      expect(await may([{ ...held[0]!, target: 'other' }])).toBe(false);
      await on.store.releaseLeases('a', on.now() + 600_000);
      expect(await may(held)).toBe(false);
      await on.granted('a', [wanted[0]!], on.now());
      expect(await may([held[0]!])).toBe(true);
      expect(await may(held)).toBe(false);
    });

    test('is not who lost the lease and got it anew under another token', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      const [token] = (await on.granted('a', [lease('c')])).tokens;
      await on.store.releaseLeases('a');
      expect(await on.store.mayAct('a', 't', generation, [{ ...lease('c'), token: token! }])).toBe(false);
      const [anew] = (await on.granted('a', [lease('c')])).tokens;
      expect(await on.store.mayAct('a', 't', generation, [{ ...lease('c'), token: token! }])).toBe(false);
      expect(await on.store.mayAct('a', 't', generation, [{ ...lease('c'), token: anew! }])).toBe(true);
    });
  });
}
