/** Kills members of a fleet, or stops them for a while, and starts them again. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '@longshore/core';
import type { Fleet, RoleName } from '../../support/fleet.ts';
import { observed } from './observed.ts';

/** A member is started so often before its not coming up is an error. */
const STARTS = 5;
/** Some are stopped for longer than the lock of their jobs lasts. */
export const LOCK_MS = 2_000;

type Child = Fleet['members'] extends Map<string, { child: infer C }> ? C : never;

/** Kills members of the fleet and starts them again; schedulers too, all of them at once if it comes to that. */
export class Killer {
  count = 0;
  readonly #fleet: Fleet;
  readonly #random: Random;
  readonly #say: (line: string) => void;
  readonly #away: Set<string> = new Set();
  readonly #returning: Promise<void>[] = [];

  constructor(fleet: Fleet, random: Random, say: (line: string) => void) {
    this.#fleet = fleet;
    this.#random = random;
    this.#say = say;
  }

  async one(): Promise<void> {
    const there = [...this.#fleet.members.values()].filter(({ name }) => !this.#away.has(name));
    const member = there[Math.floor(this.#random.next() * there.length)];
    if (!member) return;
    const { name, role, child } = member;
    this.#away.add(name);
    this.count += 1;
    const stopped = this.#random.next() < 0.2;
    const awayMs = stopped ? LOCK_MS + this.#random.next() * 3_000 : this.#random.next() * 1_500;
    this.#say(`${name} is ${stopped ? 'stopped' : 'killed'} for ${Math.round(awayMs)} ms`);
    this.#returning.push(observed(() => (stopped ? this.#stop(name, child, awayMs) : this.#kill(name, role, child, awayMs))));
  }

  async #stop(name: string, child: Child, awayMs: number): Promise<void> {
    child.kill('SIGSTOP');
    await pause(awayMs);
    child.kill('SIGCONT');
    this.#away.delete(name);
  }

  async #kill(name: string, role: RoleName, child: Child, awayMs: number): Promise<void> {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    await pause(awayMs);
    await this.#revive(name, role);
    this.#away.delete(name);
  }

  /** As whoever runs it would: a process that gave up waiting for Redis (exit 5) is started again. */
  async #revive(name: string, role: RoleName): Promise<void> {
    for (let left = STARTS; ; left -= 1) {
      try {
        await this.#fleet.start(name, role);
        return;
      } catch (error) {
        if (left === 0) throw error;
        this.#say(`${name} did not come up: ${(error as Error).message}`);
      }
    }
  }

  async settled(): Promise<void> {
    await Promise.all(this.#returning);
  }
}
