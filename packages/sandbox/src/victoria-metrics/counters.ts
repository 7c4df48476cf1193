/** The counters of `/metrics`, which on the real server are a second behind. */
import type { Clock } from '@longshore/core';

export class LaggingCounters {
  readonly #clock: Clock;
  /** Names listed with 0 before anything has happened. */
  readonly #known: string[];
  #shown = new Map<string, number>();
  #coming: { at: number; name: string; by: number }[] = [];

  constructor(clock: Clock, known: string[]) {
    this.#clock = clock;
    this.#known = known;
  }

  add(name: string, by: number): void {
    if (by > 0) this.#coming.push({ at: this.#clock.now(), name, by });
  }

  /** As of `lagMs` ago, in the exposition format, names in order. */
  print(lagMs: number): string {
    const horizon = this.#clock.now() - lagMs;
    this.#coming = this.#coming.filter(({ at, name, by }) => {
      if (at > horizon) return true;
      this.#shown.set(name, (this.#shown.get(name) ?? 0) + by);
      return false;
    });
    const names = new Set([...this.#known, ...this.#shown.keys()]);
    return [...names]
      .sort()
      .map((name) => `${name} ${this.#shown.get(name) ?? 0}\n`)
      .join('');
  }
}
