/** The real clock and random source. Everything else takes them as ports. */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock, Random } from './ports.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    try {
      await wait(ms, undefined, signal ? { signal } : {});
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    }
  },
};

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

export const systemRandom: Random = {
  next: () => Math.random(),
  id: (length) => Array.from(randomBytes(length), (byte) => LETTERS[byte % LETTERS.length]).join(''),
};
