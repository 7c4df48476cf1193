/** The log of an operation, and waiting for its next line. */
import { EVENTS_KEPT } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import type { StoreBench } from './bench.ts';
import { T0 } from './bench.ts';

/** Streams are trimmed by whole nodes; so many more than the cap may be kept. */
const TRIM_SLACK = 200;

export function eventsContract(on: StoreBench): void {
  describe('events', () => {
    const event = (text: string) => ({ at: T0, type: 'note', text, data: { list: [] } });

    test('come in order, after an id, so many at a time', async () => {
      await on.operation('a');
      await on.operation('b');
      await on.store.addEvent('a', event('1'));
      await on.store.addEvent('b', event('of another'));
      await on.commit('a', { events: [event('2'), event('3')] });
      await on.store.addEvent('a', event('4'));
      const all = await on.store.events('a', undefined, 100, 0);
      expect(all.map(({ id: _, ...rest }) => rest)).toEqual(['1', '2', '3', '4'].map(event));
      expect(new Set(all.map(({ id }) => id)).size).toBe(4);
      expect((await on.store.events('a', undefined, 2, 0)).map(({ text }) => text)).toEqual(['1', '2']);
      expect((await on.store.events('a', all[1]!.id, 100, 0)).map(({ text }) => text)).toEqual(['3', '4']);
      expect(await on.store.events('a', all[3]!.id, 100, 0)).toEqual([]);
    });

    test('wake a waiting reader, by whatever way they come', async () => {
      await on.operation('a');
      const ways = [() => on.other.addEvent('a', event('x')), () => on.commit('a', { events: [event('x')] })];
      let after: string | undefined;
      for (const way of [...ways, ...ways]) {
        const reading: Promise<{ id: string; text: string }[]> = on.store.events('a', after, 10, 600_000);
        await way();
        const read = await reading;
        expect(read.map(({ text }) => text)).toEqual(['x']);
        after = read[0]!.id;
      }
    });

    test('a reader is not woken into nothing by events of others', async () => {
      await on.operation('a');
      await on.operation('b');
      const reading = on.store.events('a', undefined, 10, 600_000);
      await on.other.addEvent('b', event('of another'));
      await on.other.addEvent('b', event('of another'));
      await on.other.addEvent('a', event('mine'));
      expect((await reading).map(({ text }) => text)).toEqual(['mine']);
    });

    test('a waiting reader ends when its signal is aborted, before or meanwhile, or its time is over', async () => {
      await on.operation('a');
      expect(await on.store.events('a', undefined, 10, 600_000, AbortSignal.abort())).toEqual([]);
      const abort = new AbortController();
      const reading = on.store.events('a', undefined, 10, 600_000, abort.signal);
      abort.abort();
      expect(await reading).toEqual([]);
      let ended = false;
      const short = on.store.events('a', undefined, 10, 40).then(() => {
        ended = true;
      });
      await until(
        () => ended,
        'the reader gave up',
        () => on.pass(),
      );
      await short;
    });

    test('are capped: the oldest go', async () => {
      await on.operation('a');
      const many = EVENTS_KEPT + TRIM_SLACK + 300;
      for (let from = 0; from < many; from += 500)
        await on.commit('a', { events: Array.from({ length: Math.min(500, many - from) }, (_, at) => event(String(from + at))) });
      const kept = await on.store.events('a', undefined, many, 0);
      expect(kept.length).toBeGreaterThanOrEqual(EVENTS_KEPT);
      expect(kept.length).toBeLessThanOrEqual(EVENTS_KEPT + TRIM_SLACK);
      expect(kept.at(-1)!.text).toBe(String(many - 1));
      expect(kept[0]!.text).toBe(String(many - kept.length));
    });

    test('of an operation that is gone leave nothing behind', async () => {
      await on.operation('a');
      await on.store.remove('a');
      await on.store.addEvent('a', event('late'));
      await on.operation('a');
      expect(await on.store.events('a', undefined, 10, 0)).toEqual([]);
    });
  });
}
