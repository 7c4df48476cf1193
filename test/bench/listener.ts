/** One follower of event logs, over its own connection: notes which lines came, in which order, and how old each was. */
import type { IncomingMessage } from 'node:http';
import { get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { OperationEvent } from '@longshore/core';

const AGAIN_MS = 50;

export class Listener {
  readonly opened: PromiseWithResolvers<void> = Promise.withResolvers();
  /** From when a line was written to when it was here, in ms; of lines that were written while this listener was connected. */
  readonly delays: number[] = [];
  /** Times it went on behind the last line it had seen. */
  resumed = 0;
  /** Operations followed to their end. */
  finished = 0;
  readonly #address: { host: string; port: string };
  readonly #over: AbortSignal;
  readonly #seen = new Map<string, string[]>();
  readonly #ended = new Set<string>();
  #reply: IncomingMessage | undefined;

  constructor(address: { host: string; port: string }, over: AbortSignal) {
    this.#address = address;
    this.#over = over;
    over.addEventListener('abort', () => this.cut(), { once: true });
  }

  /** Ends the connection from this side, as a closed lid does. */
  cut(): void {
    this.#reply?.destroy();
  }

  /** Follows one operation until it ends or all is over. */
  async follow(id: string): Promise<void> {
    while (!this.#over.aborted) {
      const end = await this.#connect(id);
      if (end) {
        this.finished += 1;
        this.#ended.add(id);
        return;
      }
      if (this.#over.aborted) return;
      this.resumed += 1;
      await wait(AGAIN_MS);
    }
  }

  /** One operation after the other. */
  async followEach(next: () => string | undefined): Promise<void> {
    while (!this.#over.aborted) {
      const id = next();
      if (id === undefined) await wait(AGAIN_MS);
      else if (this.#seen.has(id)) await wait(AGAIN_MS);
      else await this.follow(id);
    }
  }

  /** Resolves to whether the stream said that this is all. */
  #connect(id: string): Promise<boolean> {
    const seen = this.#seen.get(id) ?? [];
    this.#seen.set(id, seen);
    const last = seen.at(-1);
    return new Promise((resolve) => {
      const connectedAt = Date.now();
      const request = get(
        {
          ...this.#address,
          path: `/v1/operations/${id}/events`,
          headers: last === undefined ? {} : { 'last-event-id': last },
          agent: false,
        },
        (reply) => {
          this.#reply = reply;
          this.opened.resolve();
          let rest = '';
          let ended = false;
          reply.setEncoding('utf8').on('data', (chunk: string) => {
            const blocks = (rest + chunk).split('\n\n');
            rest = blocks.pop() ?? '';
            for (const block of blocks) {
              if (block.startsWith('event: end')) ended = true;
              const data = /^data: (.*)$/m.exec(block)?.[1];
              if (data === undefined || ended) continue;
              const event = JSON.parse(data) as OperationEvent;
              seen.push(event.id);
              if (event.at >= connectedAt) this.delays.push(Date.now() - event.at);
            }
          });
          reply.once('close', () => resolve(ended));
          reply.once('error', () => resolve(ended));
        },
      );
      request.once('error', () => resolve(false));
    });
  }

  /** Operations of `lines` of which it has not seen every line once, in order. What it had not followed to its end counts with `open` only. */
  wrong(lines: ReadonlyMap<string, readonly string[]>, open = false): string[] {
    return [...this.#seen].flatMap(([id, seen]) => {
      const all = open || this.#ended.has(id) ? lines.get(id) : undefined;
      return all === undefined || all.join() === seen.join() ? [] : [`${id}: ${seen.length} of ${all.length}`];
    });
  }

  get operations(): Iterable<string> {
    return this.#seen.keys();
  }
}
