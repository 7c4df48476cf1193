/** Exclusive rights: who is in the way, what was given to others since, and quiet times. */
import type { LeaseRequest } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { lease, T0 } from './bench.ts';

export function leasesContract(on: StoreBench): void {
  describe('leases', () => {
    const tokens = async (id: string, wanted: LeaseRequest[], now = T0): Promise<number[]> => (await on.granted(id, wanted, now)).tokens;

    test('conflict when one scope begins with the other, both ways; otherwise not', async () => {
      await tokens('a', [lease('sink', 'kilda.flow')]);
      const held = { heldBy: 'a', target: 'sink', scope: 'kilda.flow' };
      for (const scope of ['kilda.flow', 'kilda', '', 'kilda.flow.bytes'])
        expect(await on.store.acquireLeases('b', [lease('sink', scope)], T0)).toEqual(held);
      await tokens('b', [lease('sink', 'kilda.isl'), lease('source', 'kilda.flow'), lease('sink', 'kilda.flex')]);
      expect(await on.store.acquireLeases('c', [lease('sink', '')], T0)).toMatchObject({ target: 'sink' });
      // Scopes are text, not patterns.
      await tokens('c', [lease('t', 'a.b%d')]);
      await tokens('d', [lease('t', 'axb'), lease('t', 'größe')]);
      expect(await on.store.acquireLeases('e', [lease('t', 'größe.x')], T0)).toMatchObject({ heldBy: 'd' });
    });

    test('are given all or none, and none of a wish for nothing', async () => {
      await tokens('a', [lease('one')]);
      expect(await on.store.acquireLeases('b', [lease('two'), lease('one')], T0)).toEqual({ heldBy: 'a', target: 'one', scope: '' });
      await tokens('c', [lease('two')]);
      expect(await on.store.acquireLeases('d', [], T0)).toEqual({ tokens: [] });
    });

    test('of the operation itself are no conflict and keep their tokens', async () => {
      const [first] = await tokens('a', [lease('one', 'x')]);
      const again = await tokens('a', [lease('one', 'x'), lease('one', 'xy'), lease('one', 'x')], T0 + 500);
      expect(again[0]).toBe(first);
      expect(again[2]).toBe(first);
      expect(again[1]).toBeGreaterThan(first!);
      const [twice, same] = await tokens('b', [lease('two'), lease('two')]);
      expect(same).toBe(twice);
    });

    test('have tokens that only grow and are not below the time of the store itself', async () => {
      const given: number[] = [];
      const before = on.now();
      // What the caller takes for the time is nothing to them.
      for (const now of [before, before - 10_000, 0, before + 1_000_000])
        given.push(...(await tokens(`op${given.length}`, [lease(`t${given.length}`), lease(`u${given.length}`)], now)));
      on.pass();
      const later = on.now();
      given.push(...(await tokens('last', [lease('last')])));
      expect(given).toEqual([...new Set(given)].sort((a, b) => a - b));
      expect(given[0]).toBeGreaterThanOrEqual(before);
      expect(given.at(-1)).toBeGreaterThanOrEqual(later);
      expect(given.at(-1)).toBeLessThan(before + 1_000_000);
    });

    test('are free when released, only those of that operation', async () => {
      const [before] = await tokens('a', [lease('one'), lease('two')]);
      await tokens('ab', [lease('three')]);
      await on.store.releaseLeases('a');
      await on.store.releaseLeases('a');
      const [after] = await tokens('c', [lease('one')], T0 - 1);
      expect(after).toBeGreaterThan(before!);
      expect(await on.store.acquireLeases('c', [lease('three')], T0)).toMatchObject({ heldBy: 'ab' });
    });

    test('go to one of many that ask at once', async () => {
      const got = await Promise.all(
        Array.from({ length: 10 }, (_, at) => (at % 2 ? on.store : on.other).acquireLeases(`op${at}`, [lease('x', 'p'.repeat(at))], T0)),
      );
      expect(got.filter((one) => 'tokens' in one)).toHaveLength(1);
    });

    test('whose names hold any sign are told apart', async () => {
      await tokens('a', [lease('t"', 'x'), lease('t', '"]'), lease('\u001f', 'a\u001fb')]);
      await tokens('a","t', [lease('u')]);
      await on.store.releaseLeases('a');
      await tokens('b', [lease('t"', 'x'), lease('t', '"]'), lease('\u001f', 'a')]);
      expect(await on.store.acquireLeases('b', [lease('u')], T0)).toMatchObject({ heldBy: 'a","t' });
    });

    test('tell of the newest that another operation had and that conflicts, and of no other', async () => {
      expect(await on.granted('a', [lease('c', 'db.t')])).not.toHaveProperty('last');
      await on.store.releaseLeases('a');
      const [first] = (await on.granted('b', [lease('c', 'db.u')], T0 + 10)).tokens;
      const widest = await on.granted('b', [lease('d', 'x')], T0 + 20);
      expect(widest).not.toHaveProperty('last');
      await on.store.releaseLeases('b');
      // Another target and scopes beside it do not count, its own neither; of two the newer.
      expect(await on.granted('a', [lease('c', 'db.t')], T0 + 30)).not.toHaveProperty('last');
      expect(await on.granted('a', [lease('c', 'db.')], T0 + 40)).toMatchObject({
        last: { operation: 'b', target: 'c', scope: 'db.u', token: first },
      });
      expect((await on.granted('a', [lease('c', 'db.u.x'), lease('d', '')], T0 + 50)).last).toEqual({
        operation: 'b',
        target: 'd',
        scope: 'x',
        token: widest.tokens[0],
      });
    });

    test('tell of the last one also where it is held again, and not of one whose operation was removed', async () => {
      await tokens('a', [lease('c')]);
      await on.store.releaseLeases('a');
      const [token] = await tokens('b', [lease('c')]);
      await on.store.releaseLeases('b');
      await tokens('a', [lease('d', 'x')]);
      // Of one scope, too, as often as it is asked: the answer may have been lost with who asked.
      for (let time = 0; time < 2; time += 1)
        expect((await on.granted('a', [lease('c')])).last).toEqual({ operation: 'b', target: 'c', scope: '', token });
      expect((await on.granted('a', [lease('c', 'x')])).last).toEqual({ operation: 'b', target: 'c', scope: '', token });
      expect((await on.granted('a', [lease('c', 'x')])).last).toMatchObject({ operation: 'b' });
      await on.operation('b');
      await on.store.remove('b');
      expect(await on.granted('a', [lease('c', 'x')])).not.toHaveProperty('last');
      // The removal of one takes nothing of another.
      await on.store.remove('nobody');
      await on.store.releaseLeases('a');
      expect((await on.granted('e', [lease('c', '')])).last).toMatchObject({ operation: 'a', scope: 'x' });
    });

    test('a refusal is not written down as given', async () => {
      await tokens('a', [lease('c', 'x')]);
      expect(await on.store.acquireLeases('b', [lease('d'), lease('c')], T0)).toMatchObject({ heldBy: 'a' });
      expect(await on.granted('e', [lease('d')])).not.toHaveProperty('last');
    });

    test('of several in the way of the first that cannot be had the oldest is told', async () => {
      await tokens('z', [lease('c', 'x.1')]);
      await tokens('a', [lease('c', 'x.0'), lease('d')]);
      expect(await on.store.acquireLeases('b', [lease('c', 'x'), lease('d')], T0)).toEqual({ heldBy: 'z', target: 'c', scope: 'x.1' });
      expect(await on.store.acquireLeases('b', [lease('d'), lease('c', 'x')], T0)).toMatchObject({ heldBy: 'a', target: 'd' });
    });

    test('that are quiet go to nobody before their time, and say when; their own operation gets them back', async () => {
      const now = on.now();
      const later = now + 600_000;
      const [token] = await tokens('a', [lease('c', 'x')], now);
      await on.store.releaseLeases('a', later);
      expect(await on.store.acquireLeases('b', [lease('c')], now)).toEqual({ heldBy: 'a', target: 'c', scope: 'x', freeAt: later });
      expect(await on.store.acquireLeases('b', [lease('c')], later - 1)).toMatchObject({ freeAt: later });
      // Releasing once more, or for less long, does not shorten it; for longer it does lengthen it.
      await on.store.releaseLeases('a');
      await on.store.releaseLeases('a', later - 5);
      expect(await on.store.acquireLeases('b', [lease('c')], now)).toMatchObject({ freeAt: later });
      await on.store.releaseLeases('a', later + 5);
      expect(await on.store.acquireLeases('b', [lease('c')], later)).toMatchObject({ freeAt: later + 5 });
      expect(await tokens('a', [lease('c', 'x')], now)).toEqual([token]);
      expect(await on.store.acquireLeases('b', [lease('c')], later + 5)).toEqual({ heldBy: 'a', target: 'c', scope: 'x' });
    });

    test('are given back with a commit that says so, quiet times included, and not with one that fails', async () => {
      const now = on.now();
      await on.operation('a');
      await tokens('a', [lease('c', 'x')], now);
      await tokens('ab', [lease('d')], now);
      const stale = { ...(await on.store.header('a'))!, version: 77 };
      expect(await on.store.commit('a', { header: stale, release: {} })).toBe(false);
      await on.commit('a', {});
      expect(await on.store.acquireLeases('b', [lease('c')], now)).toMatchObject({ heldBy: 'a' });
      await on.commit('a', { release: { quietUntil: now + 600_000 } });
      expect(await on.store.acquireLeases('b', [lease('c')], now)).toMatchObject({ heldBy: 'a', freeAt: now + 600_000 });
      expect(await on.store.acquireLeases('b', [lease('d')], now)).toMatchObject({ heldBy: 'ab' });
      await tokens('a', [lease('c', 'x')], now);
      await on.commit('a', { release: {} });
      expect((await on.granted('b', [lease('c')], now)).last).toMatchObject({ operation: 'a' });
    });

    test('whose quiet time is over are free, and were the last', async () => {
      const now = on.now();
      const [token] = await tokens('a', [lease('c', 'x')], now);
      await on.store.releaseLeases('a', now + 600_000);
      const got = await on.granted('b', [lease('c')], now + 600_000);
      expect(got.last).toEqual({ operation: 'a', target: 'c', scope: 'x', token });
      expect(got.tokens[0]).toBeGreaterThan(token!);
      expect(await on.store.acquireLeases('a', [lease('c', 'x')], now + 700_000)).toMatchObject({ heldBy: 'b' });
    });

    test('released with a time that is over are free at once', async () => {
      await tokens('a', [lease('c')]);
      await on.store.releaseLeases('a', on.now() - 1);
      expect(await on.granted('b', [lease('c')], T0)).toMatchObject({ last: { operation: 'a' } });
    });
  });
}
