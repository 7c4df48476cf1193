/** Taking a task: who gets it, under what number, and what it is told of earlier attempts. */
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { header, outcome, record, T0 } from './bench.ts';

export function claimContract(on: StoreBench): void {
  describe('claim', () => {
    test('gives the task, the header and a generation, and shows the attempt', async () => {
      await on.operation('a', [record('t')]);
      expect(await on.store.claim('a', 't', 1, 'worker with spaces 1', T0 + 7)).toEqual({
        claim: 'yours',
        generation: 1,
        task: record('t'),
        header: header('a', { version: 1 }),
        deaths: 0,
        carried: {},
      });
      expect([...(await on.store.load('a'))!.attempts]).toEqual([
        ['t', { round: 1, generation: 1, worker: 'worker with spaces 1', startedAt: T0 + 7, seenAt: T0 + 7 }],
      ]);
    });

    test('refuses what is unknown, of another round, or not queued', async () => {
      await on.operation('a', [record('t', { round: 2 }), record('later', { state: 'waiting', after: 't' })]);
      expect(await on.store.claim('a', 'nobody', 1, 'w', T0)).toEqual({ claim: 'unwanted' });
      expect(await on.store.claim('a', 't', 1, 'w', T0)).toEqual({ claim: 'unwanted' });
      expect(await on.store.claim('a', 't', 3, 'w', T0)).toEqual({ claim: 'unwanted' });
      expect(await on.store.claim('a', 'later', 1, 'w', T0)).toEqual({ claim: 'unwanted' });
      expect((await on.store.load('a'))!.attempts.size).toBe(0);
      expect(await on.claimed('a', 't', 2)).toBe(1);
    });

    test('says that a round has ended, and takes the next round all the same', async () => {
      await on.operation('a', [record('t')]);
      await on.store.finish('a', 't', outcome(await on.claimed('a', 't'), { result: 'failed' }));
      expect(await on.store.claim('a', 't', 1, 'w', T0)).toEqual({ claim: 'ended' });
      await on.commit('a', { put: [record('t', { round: 2 })] });
      expect(await on.claimed('a', 't', 2)).toBe(2);
    });

    test.each(['pause', 'cancel'] as const)('is unwanted under the order to %s; a round that has ended still says so', async (order) => {
      await on.operation('a', [record('t'), record('ended')]);
      await on.store.finish('a', 'ended', outcome(await on.claimed('a', 'ended')));
      await on.commit('a', {}, { order });
      expect(await on.store.claim('a', 't', 1, 'w', T0)).toEqual({ claim: 'unwanted' });
      expect(await on.store.claim('a', 'ended', 1, 'w', T0)).toEqual({ claim: 'ended' });
      await on.clear('a', 'order');
      expect(await on.claimed('a', 't')).toBe(2);
    });

    test.each(['pause', 'cancel'] as const)('of a task that closes a guard is given under the order to %s', async (order) => {
      await on.operation('a', [record('t'), record('closing', { closes: 'g' })], {});
      await on.commit('a', {}, { order });
      expect(await on.store.claim('a', 'closing', 1, 'w', T0)).toMatchObject({ claim: 'yours', task: record('closing', { closes: 'g' }) });
      expect(await on.store.claim('a', 'closing', 2, 'w', T0)).toEqual({ claim: 'unwanted' });
      expect(await on.store.claim('a', 't', 1, 'w', T0)).toEqual({ claim: 'unwanted' });
    });

    test.each(['pause', 'drain', 'cancel'] as const)('is given while the intent is %s: only an order counts', async (intent) => {
      await on.operation('a', [record('t')]);
      await on.commit('a', {}, { intent });
      expect(await on.claimed('a', 't')).toBe(1);
    });

    test('counts earlier attempts of the round that neither ended nor gave it back', async () => {
      await on.operation('a', [record('t')]);
      const deaths = async (round = 1): Promise<number> => {
        const claim = await on.store.claim('a', 't', round, 'w', T0);
        return claim.claim === 'yours' ? claim.deaths : -1;
      };
      expect([await deaths(), await deaths(), await deaths()]).toEqual([0, 1, 2]);
      const given = await on.claimed('a', 't');
      await on.store.shut('a', 't', given, undefined, {});
      // The fourth gave it back; what was lost before stays lost.
      expect([await deaths(), await deaths()]).toEqual([3, 4]);
      await on.commit('a', { put: [record('t', { round: 2 })] });
      expect([await deaths(2), await deaths(2)]).toEqual([0, 1]);
    });

    test('of two that race one is lost, and the other knows', async () => {
      await on.operation('a', [record('t')]);
      const claims = await Promise.all([on.store.claim('a', 't', 1, 'w1', T0), on.other.claim('a', 't', 1, 'w2', T0)]);
      const deaths = claims.map((claim) => (claim.claim === 'yours' ? [claim.generation, claim.deaths] : [])).sort();
      expect(deaths).toEqual([
        [1, 0],
        [2, 1],
      ]);
    });

    test('gives what the attempts before had counted, as the last of them left it', async () => {
      await on.operation('a', [record('t')]);
      await on.store.shut('a', 't', await on.claimed('a', 't'), { gate: 'sink', reason: 'slow', since: T0 }, { points: 5, größe: 1 });
      const second = await on.store.claim('a', 't', 1, 'w', T0);
      expect(second).toMatchObject({ claim: 'yours', deaths: 0, carried: { points: 5, größe: 1 } });
      // Lost without a word: what was carried stays.
      const third = await on.store.claim('a', 't', 1, 'w', T0);
      expect(third).toMatchObject({ generation: 3, deaths: 1, carried: { points: 5, größe: 1 } });
      await on.store.shut('a', 't', 3, undefined, { retries: 2 });
      expect(await on.store.claim('a', 't', 1, 'w', T0)).toMatchObject({ carried: { retries: 2 } });
    });

    test('generations only grow, over all tasks and over parallel claims of one', async () => {
      await on.operation('a', [record('t'), record('u')]);
      const claims = await Promise.all(
        Array.from({ length: 12 }, (_, at) => (at % 2 ? on.store : on.other).claim('a', at % 3 ? 't' : 'u', 1, `w${at}`, T0)),
      );
      const generations = claims.map((claim) => (claim.claim === 'yours' ? claim.generation : 0));
      expect(generations.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, at) => at + 1));
      const last = Math.max(...generations.filter((_, at) => at % 3 !== 0));
      expect((await on.store.load('a'))!.attempts.get('t')!.generation).toBe(last);
    });
  });
}
