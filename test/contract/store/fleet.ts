/** What the fleet knows of itself: workers, spools, dead letters, and what its store survives. */
import type { DeadLetter } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import type { StoreBench } from './bench.ts';
import { presence, T0 } from './bench.ts';

export function fleetContract(on: StoreBench): void {
  describe('the fleet', () => {
    test('workers are known while they say so', async () => {
      expect(await on.store.workers()).toEqual([]);
      await on.store.announce(presence('w2', on.now()), 600_000);
      await on.store.announce(presence('w1', on.now()), 600_000);
      await on.store.announce({ ...presence('w1', on.now()), busy: 1 }, 600_000);
      await on.store.announce(presence('w3', on.now()), 30);
      expect((await on.other.workers()).map(({ worker, busy }) => [worker, busy]).slice(0, 2)).toEqual([
        ['w1', 1],
        ['w2', 0],
      ]);
      await until(
        async () => (await on.store.workers()).length === 2,
        'the silent worker was forgotten',
        () => on.pass(),
      );
      await on.store.leave('w1');
      await on.store.leave('nobody');
      expect((await on.store.workers()).map(({ worker }) => worker)).toEqual(['w2']);
      await on.store.announce(presence('w3', on.now()), 600_000);
      expect((await on.store.workers()).map(({ worker }) => worker)).toEqual(['w2', 'w3']);
    });

    test('a worker that says so only once is forgotten too', async () => {
      await on.store.announce(presence('w', on.now()), 30);
      await until(
        async () => (await on.store.workers()).length === 0,
        'the silent worker was forgotten',
        () => on.pass(),
      );
    });

    test('spools are kept until dropped', async () => {
      await on.store.putSpool({ name: 'b', path: '/b', host: 'h' });
      await on.store.putSpool({ name: 'a', path: '/a', host: 'h', quotaBytes: 5 });
      await on.store.putSpool({ name: 'b', path: '/c', host: 'h' });
      expect((await on.other.spools()).sort((x, y) => (x.name < y.name ? -1 : 1))).toEqual([
        { name: 'a', path: '/a', host: 'h', quotaBytes: 5 },
        { name: 'b', path: '/c', host: 'h' },
      ]);
      await on.store.dropSpool('b');
      await on.store.dropSpool('b');
      expect((await on.store.spools()).map(({ name }) => name)).toEqual(['a']);
    });

    test('tells what a write that was answered survives', async () => {
      // Which of these it is depends on the server; `store.test.ts` looks closer.
      expect(['always', 'everysec']).toContain(await on.store.durability());
    });
  });

  describe('dead letters', () => {
    const letter = (id: string, at: number): DeadLetter => ({
      id: `op/${id}/1`,
      operation: 'op',
      task: id,
      round: 1,
      queue: 'dumper',
      reason: 'lost 10 times; „x“',
      at,
    });

    test('are listed oldest first, once each, as they were last written', async () => {
      expect(await on.store.deadLetters()).toEqual([]);
      for (const [id, at] of [
        ['b', 3],
        ['c', 1],
        ['a', 2],
      ] as const)
        await on.store.bury(letter(id, T0 + at));
      await on.other.bury({ ...letter('c', T0 + 9), reason: 'again' });
      expect(await on.store.deadLetters()).toEqual([letter('a', T0 + 2), letter('b', T0 + 3), { ...letter('c', T0 + 9), reason: 'again' }]);
    });

    test('one is taken off the list by one caller only', async () => {
      await on.store.bury(letter('a', T0));
      await on.store.bury(letter('b', T0 + 1));
      const got = await Promise.all(Array.from({ length: 6 }, (_, at) => (at % 2 ? on.store : on.other).exhume('op/a/1')));
      expect(got.filter((one) => one !== undefined)).toEqual([letter('a', T0)]);
      expect(await on.store.exhume('nobody')).toBeUndefined();
      expect(await on.store.deadLetters()).toEqual([letter('b', T0 + 1)]);
    });

    test('do not go with their operation', async () => {
      await on.operation('op');
      await on.store.bury(letter('a', T0));
      await on.store.remove('op');
      expect(await on.store.deadLetters()).toHaveLength(1);
    });
  });
}
