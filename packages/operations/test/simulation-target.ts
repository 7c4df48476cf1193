/**
 * The target of the guarded simulation: a service with tables. Each has counters, a route, and a denial of writes. It takes any request
 * from anybody, at once or up to `ACTION_MS` later, whatever became of the sender; answers get lost, or come before the effect. It compares
 * nothing: what keeps people apart is the engine alone. Every effect is logged.
 *
 * A process is never stopped between the check of its lease and the sending of a request: only a target that compares tokens is safe
 * against that.
 */
import type { Json } from '@longshore/core';
import type { Process, Surroundings } from './simulation-process.ts';

/** A request takes effect within this time of its being sent, or never. */
export const ACTION_MS = 8_000;
/** A client waits this long for its answer. */
const PATIENCE_MS = 3_000;

export const TABLES = ['t1', 't2'] as const;

export interface Sender {
  operation: string;
  task: string;
  generation: number;
  /** Of the lease that the operation had when it sent this. */
  token: number;
  undo: boolean;
}

/** One change: a field set to a value, or a counter moved on. Moving on is what must not be done twice. */
export interface Write {
  table: string;
  field: string;
  set?: Json;
  add?: number;
}

export interface Landed extends Sender, Write {
  sentAt: number;
  /** Writes were denied when it was sent. */
  denied: boolean;
  at: number;
}

export class SimulatedTarget {
  readonly log: Landed[] = [];
  readonly #world: Surroundings;
  readonly #fields: Map<string, Json> = new Map();
  /** Requests that were sent and have not come yet, by field. */
  readonly #underway: Map<string, number> = new Map();
  /** How often a request is late here. */
  readonly #late: number;
  /** Told of every effect right before it is made. */
  landing: (landed: Landed) => void = () => undefined;
  /** Told of every request as it is sent. */
  sending: (sender: Sender) => void = () => undefined;

  constructor(world: Surroundings, late: number) {
    this.#world = world;
    this.#late = late;
  }

  get(table: string, field: string): Json {
    return this.#fields.get(`${table}.${field}`) ?? (field.startsWith('count') ? 0 : '');
  }
  /** All that is so of the tables under a scope. */
  stateOf(scope: string): { [field: string]: Json } {
    const state: { [field: string]: Json } = {};
    for (const [name, value] of [...this.#fields].sort(([a], [b]) => (a < b ? -1 : 1)))
      if (name.startsWith(scope) && value !== 0 && value !== '') state[name] = value;
    return state;
  }
  /** A person's own hand. */
  set(table: string, field: string, value: Json): void {
    this.#fields.set(`${table}.${field}`, value);
  }

  read(process: Process, table: string, field: string): Promise<Json> {
    return process.call(`target.read(${table}.${field})`, async () => this.get(table, field));
  }

  async send(process: Process, sender: Sender, write: Write, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#world;
    this.#world.called?.(process, `target.write(${write.table}.${write.field})`, 'before');
    await process.leap(`before target.write(${write.table}.${write.field})`);
    signal.throwIfAborted();
    const sentAt = clock.now();
    this.sending(sender);
    const denied = this.get(write.table, 'denial') !== '';
    const isSo = JSON.stringify(this.get(write.table, write.field)) === JSON.stringify(write.set);
    const late = this.#world.stormy && random.next() < this.#late ? Math.ceil(random.next() * (ACTION_MS - 1)) : 0;
    const name = `${write.table}.${write.field}`;
    this.#underway.set(name, (this.#underway.get(name) ?? 0) + 1);
    const landed = Promise.withResolvers<void>();
    const land = (): void => {
      const at = clock.now();
      const done: Landed = { ...sender, ...write, sentAt, denied, at };
      this.landing(done);
      const before = this.get(write.table, write.field);
      this.set(write.table, write.field, write.set ?? (before as number) + write.add!);
      this.log.push(done);
      this.#world.trace(
        `${write.table}.${write.field} is ${JSON.stringify(this.get(write.table, write.field))} by ${sender.task}#${sender.generation}${late ? `, ${late} ms late` : ''}`,
      );
      this.#underway.set(name, this.#underway.get(name)! - 1);
      landed.resolve();
    };
    if (late === 0) land();
    else void clock.sleep(late).then(land);
    // Of a change that can be seen to have come; where it is so already, or another one comes too, nobody could tell.
    const acceptedAtOnce = late > 0 && !isSo && this.#underway.get(name) === 1 && random.next() < 0.5;
    this.#world.called?.(process, `target.write(${write.table}.${write.field})`, 'after');
    await process.befall(`after target.write(${write.table}.${write.field})`);
    if (acceptedAtOnce) return;
    const patience = new AbortController();
    const tooLong = clock.sleep(PATIENCE_MS, AbortSignal.any([signal, patience.signal])).then(
      () => {
        throw new Error(`no answer within ${PATIENCE_MS} ms`);
      },
      (reason: unknown) => {
        if (!patience.signal.aborted) throw reason;
      },
    );
    try {
      await Promise.race([landed.promise, tooLong]);
    } finally {
      patience.abort();
      await process.awake();
    }
  }
}
