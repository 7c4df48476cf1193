/** The real clock and random source. Everything else takes them as ports. */
import { randomBytes } from 'node:crypto';
import type { Clock, Random } from './ports.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  // By hand: the promise of `node:timers` makes two errors with their stacks for each sleep that is cut short.
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const cutShort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      if (signal?.aborted) return void reject(signal.reason);
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', cutShort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', cutShort, { once: true });
    }),
};

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

export const systemRandom: Random = {
  next: () => Math.random(),
  id: (length) => Array.from(randomBytes(length), (byte) => LETTERS[byte % LETTERS.length]).join(''),
};
