/**
 * Clients that keep adding to a counter while it is moved: each add under a request id of its own, sent where the routing pointer says,
 * tried again elsewhere only when it was plainly refused. What was acknowledged must be in the counter at the end.
 */
import { type Clock, systemClock } from '@longshore/core';

export interface TrafficOptions {
  /** Base URL to begin at. */
  service: string;
  counter: string;
  /** Adds on their way at a time. Default 2. */
  clients?: number;
  /** Rest of a client after each answer, ms. Default 2. */
  restMs?: number;
  clock?: Clock;
}

export interface Traffic {
  /** Adds that were acknowledged. */
  readonly acknowledged: number;
  /** Adds of which nobody knows whether they went in. */
  readonly unknown: number;
  /** Answers that said no, by code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Where the clients are now. */
  readonly service: string;
  /** Resolves when so many adds have been acknowledged. */
  reached(acknowledged: number): Promise<void>;
  /** Ends the clients, waiting for what is on its way. */
  stop(): Promise<void>;
}

class Adding implements Traffic {
  acknowledged = 0;
  unknown = 0;
  readonly refused: Record<string, number> = {};
  service: string;
  readonly #counter: string;
  readonly #restMs: number;
  readonly #clock: Clock;
  #stopping = false;
  #running: Promise<void>[] = [];
  #next = 0;
  #waiting: { count: number; resolve: () => void }[] = [];

  constructor({ service, counter, clients = 2, restMs = 2, clock = systemClock }: TrafficOptions) {
    this.service = service;
    this.#counter = counter;
    this.#restMs = restMs;
    this.#clock = clock;
    this.#running = Array.from({ length: clients }, () => this.#client());
  }

  reached(count: number): Promise<void> {
    if (this.acknowledged >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  async #client(): Promise<void> {
    while (!this.#stopping) {
      this.#next += 1;
      await this.#add(`client-${this.#next}`);
      await this.#clock.sleep(this.#restMs);
    }
  }

  /** Until it is in, or nobody knows. */
  async #add(request: string): Promise<void> {
    while (!this.#stopping) {
      const from = this.service;
      let status: number;
      let body: { error?: { code: string; route?: string } };
      try {
        const reply = await fetch(`${from}/counters/${this.#counter}/add`, { method: 'POST', body: JSON.stringify({ units: 1, request }) });
        status = reply.status;
        body = (await reply.json()) as typeof body;
      } catch (error) {
        if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
        this.unknown += 1;
        return;
      }
      if (status === 200) {
        this.acknowledged += 1;
        this.#waiting = this.#waiting.filter(({ count, resolve }) => {
          if (this.acknowledged < count) return true;
          resolve();
          return false;
        });
        return;
      }
      const code = body.error?.code ?? String(status);
      this.refused[code] = (this.refused[code] ?? 0) + 1;
      if (code === 'moved' && body.error?.route !== undefined) this.service = body.error.route;
      await this.#clock.sleep(this.#restMs);
    }
  }
}

export function keepAdding(options: TrafficOptions): Traffic {
  return new Adding(options);
}
