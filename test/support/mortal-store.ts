/** The life of one worker in a test: it can die, or freeze, in the middle of what it does. */
import type { Store } from '@longshore/core';

export interface Life {
  /** What it works with: nothing reaches the store any more once it is dead, or while it is frozen. */
  store: Store;
  /** Rejects when it dies. */
  dead: Promise<never>;
  /** Never resolves. */
  die(): Promise<never>;
  /** Resolves when it goes on. */
  freeze(until: Promise<void>): Promise<void>;
}

export function mortal(store: Store): Life {
  const dead = Promise.withResolvers<never>();
  dead.promise.catch(() => undefined);
  let silent: Promise<void> | undefined;
  const wrapped = new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]): unknown =>
        silent === undefined ? Reflect.apply(method, target, args) : silent.then(() => Reflect.apply(method, target, args));
    },
  });
  return {
    store: wrapped,
    dead: dead.promise,
    die() {
      const ever = new Promise<never>(() => undefined);
      silent = ever;
      dead.reject(new Error('the worker died'));
      return ever;
    },
    async freeze(until) {
      silent = until;
      await until;
    },
  };
}
