/** Numbers and notes, taken in exactly once. */
import type { Store } from '@longshore/core';
import { NOTES_KEPT } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { outcome, record } from './bench.ts';

export function reportContract(on: StoreBench): void {
  describe('the report', () => {
    test('adds tallies up under any row name', async () => {
      const names = ['m', '__proto__', 'constructor', 'größe😀', 'a\u001fb', 'a\u001f', '\u001f', ' ', 'a:b{c}', '\u0000'];
      const tally = JSON.parse(`{${names.map((row) => `${JSON.stringify(row)}:{"points":2,"missing":-1,"__proto__":4}`).join(',')}}`);
      await on.operation('a');
      await on.commit('a', { tally: [tally, tally] });
      await on.commit('a', { tally: [tally, { m: { points: 9_007_199_254_740_000 } }] });
      const { rows } = await on.store.report('a');
      expect(Object.keys(rows).sort()).toEqual(names.toSorted());
      for (const row of names) {
        const values = Object.entries(rows[row]!).sort();
        expect(values).toEqual([
          ['__proto__', 12],
          ['missing', -3],
          ['points', row === 'm' ? 9_007_199_254_740_006 : 6],
        ]);
      }
      expect(Object.keys(Object.prototype)).toEqual([]);
    });

    test('takes an outcome in once, however many try', async () => {
      await on.operation('a', [record('t')]);
      await on.store.finish('a', 't', outcome(await on.claimed('a', 't'), { tally: { m: { points: 5 } } }));
      const takeIn = async (through: Store): Promise<boolean> => {
        const found = (await through.load('a'))!;
        const ended = found.outcomes.get('t');
        return ended ? through.commit('a', { header: found.header, drop: ['t'], tally: [ended.tally!] }) : false;
      };
      const took = await Promise.all(Array.from({ length: 8 }, (_, at) => takeIn(at % 2 ? on.store : on.other)));
      expect(took.filter(Boolean)).toHaveLength(1);
      expect((await on.store.report('a')).rows).toEqual({ m: { points: 5 } });
    });

    test('keeps so many notes and counts the rest', async () => {
      await on.operation('a');
      const notes = Array.from({ length: NOTES_KEPT - 10 }, (_, at) => ({ level: 'info' as const, row: 'm', text: String(at) }));
      await on.commit('a', { notes });
      await on.commit('a', { notes: notes.slice(0, 30) });
      await on.commit('a', { notes: notes.slice(0, 5) });
      const report = await on.store.report('a');
      expect(report.notes).toHaveLength(NOTES_KEPT);
      expect(report.notes[0]).toEqual({ level: 'info', row: 'm', text: '0' });
      expect(report.notes.at(-1)!.text).toBe('9');
      expect(report.notesDropped).toBe(25);
    });
  });
}
