import { describe, expect, test } from 'vitest';
import { ManualClock, seededRandom, systemClock, systemRandom } from '../src/index.ts';

describe('the manual clock', () => {
  test('wakes sleepers in the order of their times, those of one time as they lay down', async () => {
    const clock = new ManualClock(0);
    const woken: string[] = [];
    const sleep = (name: string, ms: number): Promise<void> => clock.sleep(ms).then(() => void woken.push(`${name} ${clock.now()}`));
    const all = [sleep('c', 30), sleep('a', 10), sleep('b', 20), sleep('a2', 10), sleep('now', -5)];
    expect(clock.next).toBe(0);
    clock.advance(0);
    clock.advance(20);
    expect(clock.now()).toBe(20);
    expect(clock.next).toBe(30);
    clock.advance(100);
    await Promise.all(all);
    expect(woken.map((line) => line.split(' ')[0])).toEqual(['now', 'a', 'a2', 'b', 'c']);
    expect(clock.next).toBeUndefined();
    expect(clock.now()).toBe(120);
  });

  test('a sleeper is ended by its signal with its reason, before or meanwhile', async () => {
    const clock = new ManualClock(0);
    const reason = new Error('enough');
    await expect(clock.sleep(10, AbortSignal.abort(reason))).rejects.toBe(reason);
    const abort = new AbortController();
    const sleeping = clock.sleep(10, abort.signal);
    abort.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    expect(clock.next).toBeUndefined();
  });

  test('a signal aborted after the sleep has ended changes nothing', async () => {
    const clock = new ManualClock(0);
    const abort = new AbortController();
    const sleeping = clock.sleep(10, abort.signal);
    clock.advance(10);
    abort.abort(new Error('late'));
    await expect(sleeping).resolves.toBeUndefined();
  });
});

test('the real clock rejects with the reason of the signal', async () => {
  const reason = new Error('enough');
  const abort = new AbortController();
  const sleeping = systemClock.sleep(3_600_000, abort.signal);
  abort.abort(reason);
  await expect(sleeping).rejects.toBe(reason);
  await expect(systemClock.sleep(3_600_000, AbortSignal.abort(reason))).rejects.toBe(reason);
  await systemClock.sleep(0);
});

describe('chance', () => {
  test('by a seed is the same for the same seed, and spread over its range', () => {
    const [one, two, other] = [seededRandom(7), seededRandom(7), seededRandom(8)];
    const draw = (random: { next(): number }): number[] => Array.from({ length: 1_000 }, () => random.next());
    const drawn = draw(one);
    expect(draw(two)).toEqual(drawn);
    expect(draw(other)).not.toEqual(drawn);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawn)).toBeLessThan(1);
    for (let tenth = 0; tenth < 10; tenth += 1)
      expect(drawn.filter((value) => Math.floor(value * 10) === tenth).length).toBeGreaterThan(60);
  });

  test.each([
    ['seeded', seededRandom(1)],
    ['real', systemRandom],
  ])('%s ids are lower-case letters and digits of the length asked for', (_, random) => {
    expect(random.id(0)).toBe('');
    expect(random.id(40)).toMatch(/^[a-z0-9]{40}$/);
    expect(new Set(Array.from({ length: 200 }, () => random.id(8))).size).toBe(200);
    expect(random.next()).toBeLessThan(1);
  });
});
