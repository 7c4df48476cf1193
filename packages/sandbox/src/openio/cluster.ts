/** A namespace in one process: meta1, the election nodes, and meta2 services that talk to each other directly. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Clock, Random } from '@longshore/core';
import type { Mutation, Versions } from './base-file.ts';
import { OioError, refusedConnection } from './codes.ts';
import type { Member } from './member.ts';
import { Meta1 } from './meta1.ts';
import type { ServiceTags } from './meta2.ts';
import { Meta2 } from './meta2.ts';
import type { OpenIoSettings } from './settings.ts';
import type { Surroundings } from './surroundings.ts';
import { ElectionNodes } from './zookeeper.ts';

/** SHA-256 of account, a zero byte and the container's name. */
export function containerId(account: string, container: string): string {
  return createHash('sha256').update(`${account}\0${container}`).digest('hex').toUpperCase();
}

/** What a test decides in place of chance. */
export interface Steering {
  /** Services the next container is linked to. */
  nextLink: string[] | undefined;
  /** Who is to be first in the next election of a base. */
  master: Map<string, string>;
  /** Who answers reads that anybody may answer. */
  reader: string | undefined;
  /** Services that requests turn to last. */
  asleep: string[];
  /** So many leaves to come are followed by a new election at once. */
  racedLeaves: number;
  /** What `lb/poll` gives. */
  nextPoll: string[] | undefined;
}

const REPLICAS = 3;

export class Cluster implements Surroundings {
  readonly namespace: string;
  readonly settings: OpenIoSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly meta1: Meta1 = new Meta1();
  readonly nodes: ElectionNodes = new ElectionNodes();
  readonly services: Map<string, Meta2> = new Map();
  readonly steering: Steering = {
    nextLink: undefined,
    master: new Map(),
    reader: undefined,
    asleep: [],
    racedLeaves: 0,
    nextPoll: undefined,
  };
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #lastActivity = new Map<string, number>();

  constructor(options: {
    namespace: string;
    settings: OpenIoSettings;
    clock: Clock;
    random: Random;
    folder: string;
    services: ({ id: string } & Partial<ServiceTags>)[];
  }) {
    this.namespace = options.namespace;
    this.settings = options.settings;
    this.clock = options.clock;
    this.random = options.random;
    for (const { id, location = `srv-${id}.vol1`, score = 67, up = true, slots = 'meta2' } of options.services)
      this.services.set(
        id,
        new Meta2(this, id, join(options.folder, `${options.namespace}-meta2-${id.replace(':', '-')}`), { location, score, up, slots }),
      );
    this.nodes.onGone((base, { seq }) => {
      for (const service of this.services.values()) if (service.alive) service.members.get(base)?.nodeGone(seq);
    });
  }

  /** Throws "connection refused" for a service that is down, or was never there. */
  service(id: string): Meta2 {
    const found = this.services.get(id);
    if (!found?.alive) throw refusedConnection(id);
    return found;
  }

  async step(): Promise<void> {
    if (this.settings.stepMs > 0) await this.clock.sleep(this.settings.stepMs);
    else await new Promise((resolve) => setImmediate(resolve));
  }
  pause(ms: number): Promise<void> {
    return this.clock.sleep(ms);
  }

  /** Something about a base has changed. */
  changed(base: string): void {
    this.#lastActivity.set(base, this.clock.now());
    for (const wake of this.#waiting.get(base) ?? []) wake();
  }

  /** Until something about a base changes, or so long. */
  async waitChange(base: string, ms: number): Promise<void> {
    const waiting = this.#waiting.get(base) ?? new Set();
    this.#waiting.set(base, waiting);
    const timer = new AbortController();
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        waiting.delete(wake);
        timer.abort();
        resolve();
      };
      waiting.add(wake);
      this.clock.sleep(Math.max(0, ms), timer.signal).then(wake, () => undefined);
    });
  }

  isRaced(base: string): boolean {
    if (this.steering.racedLeaves > 0) {
      this.steering.racedLeaves -= 1;
      return true;
    }
    const { leaveRaceMs } = this.settings;
    return leaveRaceMs > 0 && this.clock.now() - (this.#lastActivity.get(base) ?? 0) < leaveRaceMs;
  }

  /** Lets the one that a test favours take the lowest number. */
  async favoured(base: string, id: string): Promise<void> {
    const wanted = this.steering.master.get(base);
    if (wanted === undefined || wanted === id) return;
    const service = this.services.get(wanted);
    if (!service?.alive) return;
    const member = service.member(base);
    try {
      member.start();
    } catch (error) {
      if (error instanceof OioError) return;
      throw error;
    }
    while (service.alive && member.seq === null && member.state !== 'FAILED' && member.state !== 'NONE') await this.waitChange(base, 50);
  }

  memberOf(id: string, base: string): Member | undefined {
    const service = this.services.get(id);
    return service?.alive ? service.members.get(base) : undefined;
  }

  /** Undefined when it cannot be reached. */
  versionsAt(id: string, base: string, group?: readonly string[]): Versions | undefined {
    const service = this.services.get(id);
    try {
      return service?.alive ? service.getVersions(base, group) : undefined;
    } catch (error) {
      if (error instanceof OioError) return undefined;
      throw error;
    }
  }

  /** Tells a peer that the base is in use. */
  ping(id: string, base: string, group: readonly string[]): void {
    const service = this.services.get(id);
    if (!service?.alive) return;
    try {
      service.member(base).start(group);
    } catch (error) {
      if (!(error instanceof OioError)) throw error;
    }
  }

  async replicateTo(id: string, base: string, from: string, before: Versions, mutation: Mutation): Promise<boolean> {
    await this.step();
    const service = this.services.get(id);
    return service?.alive === true && service.replicate(base, from, before, mutation);
  }

  async transfer(from: string, to: string, base: string): Promise<void> {
    await this.service(to).take(base, this.service(from));
  }

  /** Services for a new container: fit ones, on different servers where there are enough. */
  pick(known: readonly string[] = [], avoid: readonly string[] = []): string[] {
    if (known.length === 0 && avoid.length === 0 && this.steering.nextLink) {
      const picked = this.steering.nextLink;
      this.steering.nextLink = undefined;
      return picked;
    }
    if (this.steering.nextPoll) {
      const picked = this.steering.nextPoll;
      this.steering.nextPoll = undefined;
      return picked;
    }
    const fit = [...this.services.values()].filter(
      ({ id, alive, tags }) => alive && tags.up && tags.score > 0 && !known.includes(id) && !avoid.includes(id),
    );
    const wanted = REPLICAS - known.length;
    const shuffled = fit.map((service) => ({ service, at: this.random.next() })).sort((a, b) => a.at - b.at);
    if (shuffled.length < wanted)
      throw new OioError(
        481,
        `found only ${shuffled.length} services matching the criteria: no service polled from [meta2], ${shuffled.length}/${wanted} services polled, ${known.length} known services, ${this.services.size} services in slot, min_dist=1, strict_location_constraint=3.3.2.1`,
      );
    return shuffled.slice(0, wanted).map(({ service }) => service.id);
  }

  close(): void {
    for (const service of this.services.values()) service.kill();
  }
}
