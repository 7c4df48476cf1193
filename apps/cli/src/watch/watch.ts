/** Watches one operation until there is nothing more to watch: its state is asked for again and again, its events are followed. */
import { setTimeout as wait } from 'node:timers/promises';
import type { OperationEvent, OperationHeader } from '@longshore/core';
import { EXIT, LongshoreError } from '@longshore/core';
import type { OperationView } from '@longshore/operations';
import type { Client } from '../client.ts';
import { Ended, exitCodeOf, isOver } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import type { Display } from './display.ts';
import { displayFor } from './display.ts';
import { LEFT, listenForKeys } from './keys.ts';
import type { Picture } from './picture.ts';
import { numbersOf } from './picture.ts';
import { Rates } from './rates.ts';

export interface Watch {
  client: Client;
  id: string;
  terminal: Terminal;
  json: boolean;
  /** This command started the operation: its Ctrl+C acts on it. Otherwise it ends the watching. */
  owned: boolean;
  /** What Ctrl+C does, where that is more than ending the watching. */
  hint?: string;
  /** SIGTERM counts as Ctrl+C. */
  stopOnTerm?: boolean;
  /** Default: as the terminal and `json` have it. */
  display?: Display;
  /** Ends the watching earlier than the operation's end. */
  until?: (header: OperationHeader) => boolean;
}

const LIVE_POLL_MS = 300;
const POLL_MS = 1_000;
/** A fleet that is being started again is waited for so long. */
const SILENCE_MS = 90_000;
/** The last events are waited for so long after the end. */
const LAST_EVENTS_MS = 2_000;
const EVENTS_KEPT = 50;

/** Resolves to the header at the end. Throws `Ended` when somebody left the watching. */
export async function watchOperation(watch: Watch): Promise<{ header: OperationHeader; exitCode: number }> {
  const { client, id, terminal, json, owned, until } = watch;
  const display = watch.display ?? displayFor(terminal, json);
  using keys = listenForKeys(client, id, owned, (line) => display.say(line), watch.stopOnTerm);
  const stop = new AbortController();
  const stopped = AbortSignal.any([stop.signal, keys.left]);
  const events: OperationEvent[] = [];
  const following = follow(client, id, events, display, stopped);
  const titles = new Titles(client, id);
  const rates = new Rates();
  let silentSince: number | undefined;
  let last: Picture | undefined;
  try {
    for (;;) {
      const view = await ask(client, id);
      if (keys.left.aborted) throw new Ended(LEFT[keys.left.reason as keyof typeof LEFT]);
      const now = Date.now();
      if (view instanceof LongshoreError) {
        silentSince ??= now;
        if (now - silentSince > SILENCE_MS) throw view;
        if (last) display.picture({ ...last, now, silentSince });
      } else {
        silentSince = undefined;
        const numbers = numbersOf(view);
        const { header, tasks, guards } = view;
        const speeds = rates.add({
          at: now,
          points: Math.max(numbers.points, numbers.pointsVerified) || numbers.pointsDumped,
          bytes: numbers.bytes,
          share: numbers.share,
        });
        last = { header, tasks, guards, titles: await titles.of(header), events, numbers, speeds, now, hint: watch.hint ?? keys.hint };
        const over = isOver(header) || until?.(header);
        if (over) await Promise.race([following, wait(until?.(header) ? 0 : LAST_EVENTS_MS)]);
        display.picture(last);
        if (over) return { header, exitCode: keys.endedIt && header.state === 'cancelled' ? LEFT.SIGINT : exitCodeOf(header) };
      }
      await wait(terminal.err.live && !json ? LIVE_POLL_MS : POLL_MS, undefined, { signal: keys.left }).catch(() => undefined); // looked at above
    }
  } finally {
    stop.abort();
    display.end();
  }
}

/** The answer, or the error when trying again can help. */
async function ask(client: Client, id: string): Promise<OperationView | LongshoreError> {
  try {
    return await client.operation(id);
  } catch (error) {
    if (error instanceof LongshoreError && (error.data.retryable || error.data.exitCode === EXIT.unreachable)) return error;
    throw error;
  }
}

async function follow(client: Client, id: string, events: OperationEvent[], display: Display, signal: AbortSignal): Promise<void> {
  let after: string | undefined;
  while (!signal.aborted) {
    try {
      const stream = client.events(id, { follow: true, signal, ...(after === undefined ? {} : { after }) });
      for (let next = await stream.next(); ; next = await stream.next()) {
        if (next.done) {
          if (next.value === 'end') return;
          break;
        }
        after = next.value.id;
        events.push(next.value);
        if (events.length > EVENTS_KEPT) events.shift();
        display.event(next.value);
      }
    } catch (error) {
      // The question for the state tells of a fleet that is away; here it is only asked again.
      if (signal.aborted || !(error instanceof LongshoreError)) return;
    }
    await wait(POLL_MS, undefined, { signal }).catch(() => undefined); // the loop looks at the signal
  }
}

/** Titles stand in the plan, which is read again when stages have been added. */
class Titles {
  readonly #client: Client;
  readonly #id: string;
  #titles: string[] = [];
  constructor(client: Client, id: string) {
    this.#client = client;
    this.#id = id;
  }
  async of(header: OperationHeader): Promise<string[]> {
    if (header.stages.length === this.#titles.length) return this.#titles;
    try {
      this.#titles = (await this.#client.plan(this.#id)).stages.map(({ title }) => title);
    } catch (error) {
      if (!(error instanceof LongshoreError)) throw error;
      this.#titles = header.stages.map(({ name }) => name);
    }
    return this.#titles;
  }
}
