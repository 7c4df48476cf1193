/**
 * Backpressure: while the source is under load, part of the copying's requests are refused by its throttler. What is set lapses by itself, so
 * that nothing of it outlives a worker that dies.
 */
import type { TaskContext } from '@longshore/core';
import { z } from 'zod';
import type { Alias, ThrottlerCheck } from '../client/messages.ts';
import type { VtctldClient } from '../client/vtctld.ts';
import { nextRatio } from '../plan/pressure.ts';
import type { WorkflowRef } from '../workflow-ref.ts';

/** A load that the throttler measures, and how much of it is too much. */
export interface LoadSignal {
  metric: string;
  limit: number;
}
export const LoadSignal: z.ZodType<LoadSignal> = z.strictObject({ metric: z.string(), limit: z.number().positive() });

/** How long a setting holds unless it is renewed. */
const LIFE_MS = 120_000;
const RENEW_MS = 30_000;
const EVERY_MS = 5_000;

type Context = Pick<TaskContext<unknown>, 'clock' | 'event' | 'sample' | 'lease'>;

/** The load by the name of its metric; what the check says as a whole where it has no such metric. */
export function loadOf(check: ThrottlerCheck | undefined, metric: string): number | undefined {
  if (!check) return undefined;
  const found = Object.entries(check.metrics).find(([name]) => name === metric || name.endsWith(`/${metric}`))?.[1];
  if (found) return found.error === '' ? found.value : undefined;
  // One that is off answers with a value, too: zero, without a threshold.
  return metric === 'lag' && check.error === '' && check.threshold > 0 ? check.value : undefined;
}

export class Backpressure {
  readonly #context: Context;
  readonly #client: VtctldClient;
  readonly #ref: WorkflowRef;
  readonly #signal: LoadSignal | null;
  #ratio = 0;
  #setAt = 0;
  #askedAt = 0;

  constructor(context: Context, client: VtctldClient, ref: WorkflowRef, signal: LoadSignal | null) {
    this.#context = context;
    this.#client = client;
    this.#ref = ref;
    this.#signal = signal;
  }

  /** Looks at the load of every source, now and then, and sets what follows from the highest. */
  async regulate(primaries: readonly Alias[]): Promise<void> {
    const { clock, sample, event } = this.#context;
    const signal = this.#signal;
    if (!signal || clock.now() - this.#askedAt < EVERY_MS) return;
    this.#askedAt = clock.now();
    let value: number | undefined;
    for (const primary of primaries) {
      const load = loadOf(await this.#client.load(primary), signal.metric);
      if (load !== undefined) value = Math.max(value ?? 0, load);
    }
    if (value === undefined) return;
    await sample(`load (${signal.metric})`, value);
    const next = nextRatio(this.#ratio, { value, limit: signal.limit });
    const stale = next > 0 && clock.now() - this.#setAt > RENEW_MS;
    if (next === this.#ratio && !stale) return;
    if (next !== this.#ratio)
      await event(
        'gate',
        `the copying is throttled to ${Math.round((1 - next) * 100)} %: ${signal.metric} is ${value}, the limit ${signal.limit}`,
      );
    await this.#set(next);
  }

  /** Takes away what it has set. */
  async release(): Promise<void> {
    if (this.#ratio > 0) await this.#set(0);
  }

  async #set(ratio: number): Promise<void> {
    await this.#context.lease.assertHeld();
    await this.#client.throttleCopy(this.#ref.sourceKeyspace, ratio, this.#context.clock.now() + (ratio > 0 ? LIFE_MS : 1_000));
    this.#ratio = ratio;
    this.#setAt = this.#context.clock.now();
  }
}
