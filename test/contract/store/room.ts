/** What operations share: room in spools, permits, small values. */
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { T0 } from './bench.ts';

export function roomContract(on: StoreBench): void {
  describe('room in a spool', () => {
    const capacity = { bytes: 1_000, inodes: 10 };

    test('is never given away above the capacity, however many ask at once', async () => {
      const asked = await Promise.all(
        Array.from({ length: 30 }, (_, at) =>
          (at % 2 ? on.store : on.other).reserve('s', `h${at}`, { bytes: 90 + at, inodes: 1 }, capacity),
        ),
      );
      const held = await on.store.reservations('s');
      expect(held).toHaveLength(asked.filter(({ ok }) => ok).length);
      expect(held.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(capacity.bytes);
      expect(held.reduce((sum, { inodes }) => sum + inodes, 0)).toBeLessThanOrEqual(capacity.inodes);
      expect(held.length).toBeGreaterThanOrEqual(8);
    });

    test('counts inodes as it counts bytes, replaces what the holder held, and tells of the others', async () => {
      expect(await on.store.reserve('s', 'a', { bytes: 600, inodes: 9 }, capacity)).toEqual({
        ok: true,
        others: { bytes: 0, inodes: 0, holders: 0 },
      });
      expect(await on.store.reserve('s', 'b', { bytes: 1, inodes: 2 }, capacity)).toEqual({
        ok: false,
        others: { bytes: 600, inodes: 9, holders: 1 },
      });
      expect((await on.store.reserve('s', 'a', { bytes: 900, inodes: 2 }, capacity)).ok).toBe(true);
      expect((await on.store.reserve('s', 'a', { bytes: 2_000, inodes: 2 }, capacity)).ok).toBe(false);
      expect(await on.store.reservations('s')).toEqual([{ holder: 'a', bytes: 900, inodes: 2 }]);
      expect((await on.store.reserve('s', 'b', { bytes: 100, inodes: 8 }, capacity)).ok).toBe(true);
      expect((await on.store.reserve('other', 'b', { bytes: 1_000, inodes: 10 }, capacity)).ok).toBe(true);
      await on.store.releaseReservation('s', 'a');
      await on.store.releaseReservation('s', 'nobody');
      expect(await on.store.reservations('s')).toEqual([{ holder: 'b', bytes: 100, inodes: 8 }]);
    });

    test('is counted in whole numbers, also very large ones', async () => {
      const large = { bytes: 8 * 2 ** 40, inodes: 4e9 };
      expect((await on.store.reserve('s', 'a', { bytes: 4 * 2 ** 40 + 0.4, inodes: 1.2 }, large)).ok).toBe(true);
      expect(await on.store.reserve('s', 'b', { bytes: 4 * 2 ** 40 + 1, inodes: 1 }, large)).toEqual({
        ok: false,
        others: { bytes: 4 * 2 ** 40, inodes: 1, holders: 1 },
      });
      expect((await on.store.reserve('s', 'b', { bytes: 4 * 2 ** 40, inodes: 1 }, large)).ok).toBe(true);
    });
  });

  describe('small shared things', () => {
    test('permits: so many at once, renewed by their holder, free after their time or when dropped', async () => {
      const took = await Promise.all(Array.from({ length: 9 }, (_, at) => on.other.takePermit('p', `h${at}`, 3, T0, 1_000)));
      expect(took.filter(Boolean)).toHaveLength(3);
      const holders = took.flatMap((ok, at) => (ok ? [`h${at}`] : []));
      expect(await on.store.takePermit('p', holders[0]!, 3, T0 + 500, 1_000)).toBe(true);
      expect(await on.store.takePermit('p', 'new', 3, T0 + 999, 1_000)).toBe(false);
      expect(await on.store.takePermit('p', 'new', 3, T0 + 1_000, 1_000)).toBe(true);
      expect(await on.store.takePermit('p', 'newer', 3, T0 + 1_000, 1_000)).toBe(true);
      expect(await on.store.takePermit('p', 'newest', 3, T0 + 1_000, 1_000)).toBe(false);
      await on.store.dropPermit('p', 'new');
      await on.store.dropPermit('p', 'nobody');
      expect(await on.store.takePermit('p', 'newest', 3, T0 + 1_000, 1_000)).toBe(true);
      expect(await on.store.takePermit('another', 'newest', 1, T0, 1_000)).toBe(true);
      // A limit that fell takes nothing away from who holds a place.
      expect(await on.store.takePermit('p', 'newest', 1, T0 + 1_001, 1_000)).toBe(true);
      expect(await on.store.takePermit('p', 'late', 1, T0 + 1_001, 1_000)).toBe(false);
    });

    test('facts of an operation are what was given first, whoever asks, until it is forgotten', async () => {
      await on.operation('a');
      const given = await Promise.all(
        Array.from({ length: 9 }, (_, at) =>
          (at % 2 ? on.store : on.other).agree(
            'a',
            new Map([
              ['f', `v${at}`],
              [`own ${at}`, ''],
            ]),
          ),
        ),
      );
      const [stands] = new Set(given.map((found) => found.get('f')));
      expect(new Set(given.map((found) => found.get('f')))).toEqual(new Set([stands]));
      expect(
        await on.other.agree(
          'a',
          new Map([
            ['f', 'late'],
            ['own 3', 'late'],
            ['__proto__', 'x'],
          ]),
        ),
      ).toEqual(
        new Map([
          ['f', stands],
          ['own 3', ''],
          ['__proto__', 'x'],
        ]),
      );
      expect(await on.store.agree('a', new Map())).toEqual(new Map());
      await on.operation('b');
      expect(await on.store.agree('b', new Map([['f', 'other']]))).toEqual(new Map([['f', 'other']]));
      await on.store.remove('a');
      expect(await on.other.agree('a', new Map([['f', 'gone']]))).toEqual(new Map([['f', 'gone']]));
      await on.operation('a');
      expect(await on.store.agree('a', new Map([['f', 'new']]))).toEqual(new Map([['f', 'new']]));
    });

    test('shared values are what was last set', async () => {
      expect(await on.store.getShared('k')).toBeUndefined();
      await on.store.setShared('k', '1');
      await on.other.setShared('k', '');
      expect(await on.store.getShared('k')).toBe('');
      await on.store.setShared('__proto__', 'x');
      expect(await on.other.getShared('__proto__')).toBe('x');
    });
  });
}
