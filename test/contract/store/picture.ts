/** What tasks show beside their progress: the last exhibit of each name, and numbers over time. */
import { SAMPLES_KEPT } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { record, T0 } from './bench.ts';

export function pictureContract(on: StoreBench): void {
  describe('a picture', () => {
    test('has the last exhibit of each name, and every number in the order in which it came', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      for (const value of [1, { rows: [], name: 'größe "x"' }])
        expect(await on.store.show('a', 't', generation, 'shards: all', JSON.stringify(value))).toBe(true);
      expect(await on.other.show('a', 't', generation, '__proto__', '"own"')).toBe(true);
      for (const [at, value] of [
        [0, 3],
        [5, -2.5],
        [5, 1e21],
      ] as const)
        expect(await on.store.sample('a', 't', generation, 'backlog of p 1', T0 + at, value)).toBe(true);
      const { exhibits, series } = await on.other.picture('a');
      expect(Object.entries(exhibits).sort()).toEqual([
        ['__proto__', 'own'],
        ['shards: all', { rows: [], name: 'größe "x"' }],
      ]);
      expect(series).toEqual({
        'backlog of p 1': [
          [T0, 3],
          [T0 + 5, -2.5],
          [T0 + 5, 1e21],
        ],
      });
    });

    test('takes nothing from an attempt that is not the last one, and outlives the task', async () => {
      await on.operation('a', [record('t')]);
      const old = await on.claimed('a', 't');
      const generation = await on.claimed('a', 't');
      expect(await on.store.show('a', 't', old, 'e', '1')).toBe(false);
      expect(await on.store.sample('a', 't', old, 's', T0, 1)).toBe(false);
      expect(await on.store.show('no', 't', 1, 'e', '1')).toBe(false);
      expect(await on.store.sample('no', 't', 1, 's', T0, 1)).toBe(false);
      expect(await on.store.picture('a')).toEqual({ exhibits: {}, series: {} });
      expect(await on.store.picture('no')).toEqual({ exhibits: {}, series: {} });
      await on.store.show('a', 't', generation, 'e', '1');
      await on.commit('a', { drop: ['t'] });
      expect((await on.store.picture('a')).exhibits).toEqual({ e: 1 });
      await on.store.remove('a');
      expect(await on.store.picture('a')).toEqual({ exhibits: {}, series: {} });
    });

    test('of a long series keeps the newest whole, and of the older part every second number', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      for (let at = 0; at <= SAMPLES_KEPT; at += 1) await on.store.sample('a', 't', generation, 's', T0 + at, at);
      const kept = (await on.store.picture('a')).series.s!.map(([, value]) => value);
      expect(kept).toEqual([...Array.from({ length: SAMPLES_KEPT / 2 }, (_, at) => 2 * at), SAMPLES_KEPT]);
    });
  });
}
