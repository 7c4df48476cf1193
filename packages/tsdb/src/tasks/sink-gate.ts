/**
 * How many restores may write to a sink at once: one more after each that went well, half of it when the sink pushes back.
 * The width is shared by all restorers of the fleet.
 */

import type { Clock, TaskContext } from '@longshore/core';
import { GateClosed } from '@longshore/core';
import type { VictoriaMetricsClient } from '../client/victoriametrics/index.ts';
import { RENEW_MS, SINK_BUSY_MS, SINK_LIMIT, SINK_PERMIT_MS } from './settings.ts';

/** Clocks of two machines may differ by so much. */
const MARGIN_MS = 10_000;

type Store = TaskContext<unknown>['store'];

interface Width {
  width: number;
  /** Nothing is sent before this time, ms. */
  notBefore: number;
}

export class SinkGate {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #sink: string;
  readonly #holder: string;
  readonly #permitMs: number;
  #takenAt = 0;

  /** `queueMs`: how long a request may wait in the server, where that is known. */
  constructor(store: Store, clock: Clock, sink: VictoriaMetricsClient, holder: string, queueMs = 0) {
    this.#store = store;
    this.#clock = clock;
    // By address: one server under two names has one gate.
    this.#sink = sink.identity;
    this.#holder = holder;
    this.#permitMs = Math.max(SINK_PERMIT_MS, sink.settings.deadlineMs + queueMs + RENEW_MS + MARGIN_MS);
  }

  async #read(): Promise<Width> {
    const text = await this.#store.getShared(`sink-gate:${this.#sink}`);
    return text === undefined ? { width: SINK_LIMIT, notBefore: 0 } : (JSON.parse(text) as Width);
  }
  async #write(width: Width): Promise<void> {
    await this.#store.setShared(`sink-gate:${this.#sink}`, JSON.stringify(width));
  }

  /** Throws `GateClosed` while the sink wants to be left alone or as many write to it as may. */
  async enter(): Promise<void> {
    const now = this.#clock.now();
    const { width, notBefore } = await this.#read();
    if (notBefore > now)
      throw new GateClosed(
        'sink',
        `${this.#sink} has pushed back and is left alone for a moment; ${width} may write to it after that`,
        notBefore - now,
      );
    if (!(await this.#take(width))) throw new GateClosed('sink', `${width} restores write to ${this.#sink} already`, SINK_BUSY_MS);
  }

  /** Keeps the place; asks the store only when it has been a while. */
  async renew(): Promise<void> {
    if (this.#clock.now() - this.#takenAt > RENEW_MS) await this.#take(SINK_LIMIT);
  }

  #take(width: number): Promise<boolean> {
    this.#takenAt = this.#clock.now();
    return this.#store.takePermit(`sink:${this.#sink}`, this.#holder, width, this.#takenAt, this.#permitMs);
  }

  /** Gives the place back; not before `untilMs`, up to which what was sent from it may take effect. */
  async leave(untilMs: number): Promise<void> {
    const now = this.#clock.now();
    if (untilMs <= now) await this.#store.dropPermit(`sink:${this.#sink}`, this.#holder);
    else await this.#store.takePermit(`sink:${this.#sink}`, this.#holder, SINK_LIMIT, now, untilMs - now);
  }

  /** Until when uploads of others may still take effect, by holder (`operation/batch`). */
  async others(): Promise<{ holder: string; untilMs: number }[]> {
    const places = await this.#store.permits(`sink:${this.#sink}`, this.#clock.now());
    return places.filter(({ holder }) => holder !== this.#holder);
  }

  async pushedBack(forMs: number): Promise<void> {
    const { width } = await this.#read();
    await this.#write({ width: Math.max(1, Math.floor(width / 2)), notBefore: this.#clock.now() + forMs });
  }

  async wentWell(): Promise<void> {
    const { width, notBefore } = await this.#read();
    if (width < SINK_LIMIT) await this.#write({ width: width + 1, notBefore });
  }
}
