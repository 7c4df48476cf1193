/**
 * Which bases go where. Pure: same snapshot, same plan; as few moves as bring every service to its target. A move replaces one replica of a
 * container, so that a majority with data always stays.
 */
import type { Constraint, Spread } from './locations.ts';
import { broken, isWorse, spreadOf } from './locations.ts';
import { targetsOf } from './targets.ts';

export interface PlannedService {
  id: string;
  location: string;
  score: number;
  up: boolean;
}

export interface PlannedContainer {
  cid: string;
  /** In meta1. */
  hosts: string[];
  /** Bytes of its base, where it is known; small ones are moved first. */
  bytes?: number;
}

export type Move = {
  cid: string;
  from: string;
  to: string;
};

export type ServiceBar = {
  service: string;
  before: number;
  target: number;
  after: number;
};

export interface MovesPlan {
  moves: Move[];
  bars: ServiceBar[];
  /** Bases that would have to go, and cannot. */
  stuck: { service: string; bases: number }[];
}

export interface MovesRequest {
  services: readonly PlannedService[];
  containers: readonly PlannedContainer[];
  constraint: Constraint;
  /** A surplus up to so many percent of the target, at least of one base, is left alone; 0: none is. */
  tolerancePercent: number;
  /** Services that are to be emptied, down to so many percent of what they have. */
  drain?: { ids: readonly string[]; keepPercent: number };
  /** No more moves than so many; absent: all. */
  maxMoves?: number;
  /** Only these may lose bases; absent: any. */
  sources?: readonly string[];
}

/** A service that is down neither loses nor gets any: what it has is a matter for a repair. */
export function planMoves(request: MovesRequest): MovesPlan {
  return new Planner(request).run();
}

/** The containers of one service, smallest first, with how far each destination has looked. */
interface Shelf {
  cids: string[];
  looked: Map<string, number>;
}

class Planner {
  readonly #request: MovesRequest;
  readonly #services: Map<string, PlannedService>;
  readonly #hosts: Map<string, Set<string>>;
  readonly #counts: Map<string, number>;
  readonly #shelves: Map<string, Shelf>;
  readonly #before: Map<string, Spread> = new Map();
  readonly #moved: Set<string> = new Set();
  /** Services none of whose bases can go anywhere. */
  readonly #exhausted: Set<string> = new Set();

  constructor(request: MovesRequest) {
    this.#request = request;
    this.#services = new Map(request.services.map((service) => [service.id, service]));
    this.#hosts = new Map(request.containers.map(({ cid, hosts }) => [cid, new Set(hosts)]));
    this.#counts = new Map(request.services.map(({ id }) => [id, 0]));
    const sorted = [...request.containers].sort((a, b) => (a.bytes ?? 0) - (b.bytes ?? 0) || (a.cid < b.cid ? -1 : 1));
    this.#shelves = new Map(request.services.map(({ id }) => [id, { cids: [], looked: new Map() }]));
    for (const { cid, hosts } of sorted)
      for (const host of hosts) {
        this.#shelves.get(host)?.cids.push(cid);
        if (this.#counts.has(host)) this.#counts.set(host, this.#counts.get(host)! + 1);
      }
  }

  run(): MovesPlan {
    const before = new Map(this.#counts);
    const targets = this.#targets();
    const surplus = new Map<string, number>();
    const deficit = new Map<string, number>();
    for (const { id, up } of this.#request.services) {
      const over = this.#counts.get(id)! - targets.get(id)!;
      if (over > 0 && up && this.#mayLose(id) && over > this.#tolerance(id, targets.get(id)!)) surplus.set(id, over);
      if (over < 0) deficit.set(id, -over);
    }
    const moves = this.#match(surplus, deficit, targets);
    return {
      moves,
      bars: this.#request.services.map(({ id }) => ({
        service: id,
        before: before.get(id)!,
        target: targets.get(id)!,
        after: this.#counts.get(id)!,
      })),
      stuck: [...surplus].filter(([id, bases]) => bases > 0 && this.#exhausted.has(id)).map(([service, bases]) => ({ service, bases })),
    };
  }

  #isDrained(id: string): boolean {
    return this.#request.drain?.ids.includes(id) ?? false;
  }
  #mayLose(id: string): boolean {
    return this.#request.sources?.includes(id) ?? true;
  }
  #tolerance(id: string, target: number): number {
    if (this.#isDrained(id) || target === 0 || this.#request.tolerancePercent === 0) return 0;
    return Math.max(1, Math.floor((target * this.#request.tolerancePercent) / 100));
  }

  /** What a service keeps that is down, or drained in part, is not shared among the others. */
  #targets(): Map<string, number> {
    const { services, containers, drain } = this.#request;
    const kept = new Map<string, number>();
    for (const { id, up } of services) {
      const count = this.#counts.get(id)!;
      if (!up) kept.set(id, count);
      else if (drain?.ids.includes(id)) kept.set(id, Math.floor((count * drain.keepPercent) / 100));
    }
    const total = [...this.#counts].reduce((sum, [id, count]) => sum + (kept.has(id) ? count - kept.get(id)! : count), 0);
    const weighed = services.map(({ id, up, score }) => ({ id, weight: up && score > 0 && !kept.has(id) ? score : 0 }));
    const targets = targetsOf(weighed, total, containers.length);
    for (const [id, count] of kept) targets.set(id, count);
    return targets;
  }

  #match(surplus: Map<string, number>, deficit: Map<string, number>, targets: ReadonlyMap<string, number>): Move[] {
    const moves: Move[] = [];
    while (moves.length < (this.#request.maxMoves ?? Number.POSITIVE_INFINITY)) {
      const from = largest(surplus, (id) => !this.#exhausted.has(id));
      if (from === undefined) return moves;
      const move = this.#next(from, deficit, targets);
      if (!move) {
        this.#exhausted.add(from);
        continue;
      }
      moves.push(move);
      this.#apply(move);
      surplus.set(from, surplus.get(from)! - 1);
      if (deficit.has(move.to)) deficit.set(move.to, deficit.get(move.to)! - 1);
    }
    return moves;
  }

  /** The service that lacks the most and can take one of them. One that must be emptied may also fill others a little beyond their target. */
  #next(from: string, deficit: ReadonlyMap<string, number>, targets: ReadonlyMap<string, number>): Move | undefined {
    const lacking = [...deficit].filter(([, lacks]) => lacks > 0).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    for (const [to] of lacking) {
      const cid = this.#take(from, to);
      if (cid !== undefined) return { cid, from, to };
    }
    // A target of 0 by rounding is no reason: the surplus would only go round.
    if (!this.#isDrained(from) && this.#services.get(from)!.score > 0) return undefined;
    const others = this.#request.services
      .filter(({ id, up, score }) => id !== from && up && score > 0 && !this.#isDrained(id))
      .map(({ id }) => ({ id, over: this.#counts.get(id)! - targets.get(id)! }))
      .sort((a, b) => a.over - b.over || (a.id < b.id ? -1 : 1));
    for (const { id } of others) {
      const cid = this.#take(from, id);
      if (cid !== undefined) return { cid, from, to: id };
    }
    return undefined;
  }

  /** The first container on `from` that `to` can take; one that is moved already comes last. */
  #take(from: string, to: string): string | undefined {
    const shelf = this.#shelves.get(from)!;
    const start = shelf.looked.get(to) ?? 0;
    for (let at = start; at < shelf.cids.length; at += 1) {
      const cid = shelf.cids[at]!;
      if (this.#moved.has(cid) || !this.#fits(cid, from, to)) continue;
      shelf.looked.set(to, at + 1);
      return cid;
    }
    shelf.looked.set(to, shelf.cids.length);
    return shelf.cids.find((cid) => this.#moved.has(cid) && this.#fits(cid, from, to));
  }

  #fits(cid: string, from: string, to: string): boolean {
    const hosts = this.#hosts.get(cid)!;
    if (!hosts.has(from) || hosts.has(to)) return false;
    const after = [...hosts].map((host) => (host === from ? to : host));
    const locations = after.map((host) => this.#services.get(host)?.location ?? '');
    if (broken(locations, this.#request.constraint).length > 0) return false;
    return !isWorse(spreadOf(locations), this.#spreadBefore(cid));
  }

  #spreadBefore(cid: string): Spread {
    const known = this.#before.get(cid);
    if (known) return known;
    const made = spreadOf([...this.#hosts.get(cid)!].map((host) => this.#services.get(host)?.location ?? ''));
    this.#before.set(cid, made);
    return made;
  }

  #apply({ cid, from, to }: Move): void {
    const hosts = this.#hosts.get(cid)!;
    this.#spreadBefore(cid);
    hosts.delete(from);
    hosts.add(to);
    this.#moved.add(cid);
    this.#counts.set(from, this.#counts.get(from)! - 1);
    this.#counts.set(to, this.#counts.get(to)! + 1);
  }
}

function largest(amounts: ReadonlyMap<string, number>, may: (id: string) => boolean): string | undefined {
  let best: string | undefined;
  for (const [id, amount] of amounts)
    if (amount > 0 && may(id) && (best === undefined || amount > amounts.get(best)! || (amount === amounts.get(best) && id < best)))
      best = id;
  return best;
}
