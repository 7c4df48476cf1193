/** The write-ahead record of what is changed outside. */
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { entry, record, T0 } from './bench.ts';

export function journalContract(on: StoreBench): void {
  describe('the journal', () => {
    test('keeps an intent as it was first written, also against a later attempt', async () => {
      await on.operation('a', [record('t')]);
      const first = await on.claimed('a', 't');
      const intent = entry('t', 'k', { generation: first });
      expect(await on.store.writeJournal('a', 't', first, intent)).toEqual(intent);
      const second = await on.claimed('a', 't');
      const again = entry('t', 'k', { before: 'what we set ourselves', generation: second, at: T0 + 9 });
      expect(await on.store.writeJournal('a', 't', second, again)).toEqual(intent);
      expect(await on.other.journal('a')).toEqual([intent]);
    });

    test.each(['done', 'undone'] as const)('ends an entry as %s; an intent written after that changes nothing', async (state) => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      await on.store.writeJournal('a', 't', generation, entry('t', 'k'));
      const ended = entry('t', 'k', { state, endedAt: T0 + 5 });
      expect(await on.store.writeJournal('a', 't', generation, ended)).toEqual(ended);
      expect(await on.store.writeJournal('a', 't', generation, entry('t', 'k', { at: T0 + 9 }))).toEqual(ended);
      expect(await on.store.journal('a')).toEqual([ended]);
    });

    test('an intent that is made again replaces what was ended', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      await on.store.writeJournal('a', 't', generation, entry('t', 'k', { state: 'done', endedAt: T0 + 5 }));
      const again = entry('t', 'k', { generation, at: T0 + 9 });
      expect(await on.store.writeJournal('a', 't', generation, again, true)).toEqual(again);
      expect(await on.other.journal('a')).toEqual([again]);
    });

    test('an ending replaces what is there, or stands alone', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      await on.store.writeJournal('a', 't', generation, entry('t', 'k', { state: 'done' }));
      await on.store.writeJournal('a', 't', generation, entry('t', 'k', { state: 'undone', endedAt: T0 + 1 }));
      expect(await on.store.journal('a')).toEqual([entry('t', 'k', { state: 'undone', endedAt: T0 + 1 })]);
    });

    test('is written by the last generation only; the first of two that race wins nothing by being late', async () => {
      await on.operation('a', [record('t')]);
      const old = await on.claimed('a', 't');
      const now = await on.claimed('a', 't');
      expect(await on.store.writeJournal('a', 't', old, entry('t', 'k'))).toBeUndefined();
      const written = await Promise.all([
        on.store.writeJournal('a', 't', old, entry('t', 'k', { what: 'zombie', state: 'done' })),
        on.other.writeJournal('a', 't', now, entry('t', 'k')),
        on.store.writeJournal('a', 't', old, entry('t', 'k', { what: 'zombie' })),
      ]);
      expect(written).toEqual([undefined, entry('t', 'k'), undefined]);
      expect(await on.store.journal('a')).toEqual([entry('t', 'k')]);
      await on.commit('a', { drop: ['t'] });
      expect(await on.store.writeJournal('a', 't', now, entry('t', 'k', { state: 'done' }))).toBeUndefined();
      // What a task wrote outlives its live record.
      expect(await on.store.journal('a')).toEqual([entry('t', 'k')]);
    });

    test('takes the entries of the undone task from its undo', async () => {
      await on.operation('a', [record('undo', { undoes: 't' })]);
      const generation = await on.claimed('a', 'undo');
      const undone = entry('t', 'k', { state: 'undone', generation });
      expect(await on.store.writeJournal('a', 'undo', generation, undone)).toEqual(undone);
      expect(await on.store.writeJournal('a', 't', generation, undone)).toBeUndefined();
      expect(await on.store.journal('a')).toEqual([undone]);
    });

    test('is read oldest first, those of one moment as they were first written', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      const names = ['z', 'größe', 'a', '__proto__', 'm', ...Array.from({ length: 300 }, (_, at) => `k${(at * 7) % 300}`)];
      for (const key of names) await on.store.writeJournal('a', 't', generation, entry('t', key));
      await on.store.writeJournal('a', 't', generation, entry('t', 'first', { at: T0 - 1 }));
      await on.store.writeJournal('a', 't', generation, entry('t', 'größe', { state: 'done', endedAt: T0 + 1 }));
      const read = await on.store.journal('a');
      expect(read.map(({ key }) => key)).toEqual(['first', ...names]);
      expect(read[2]).toEqual(entry('t', 'größe', { state: 'done', endedAt: T0 + 1 }));
    });

    test('goes on under an order: what was begun is written down', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      await on.commit('a', {}, { order: 'cancel' });
      expect(await on.store.writeJournal('a', 't', generation, entry('t', 'k'))).toEqual(entry('t', 'k'));
    });
  });
}
