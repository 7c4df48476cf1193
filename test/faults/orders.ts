/** Child processes with a stand-in in each, so that neither the nemesis nor the checker slows them, and the faults they are asked for. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Effect } from '@longshore/sandbox';
import type { DatasetOptions } from '../dataset/index.ts';

/** What the child stands in for, given to it as its argument. */
export type StandInRequest =
  | { kind: 'kilda'; options: DatasetOptions }
  /** One series with one point every `stepMs`. */
  | { kind: 'sparse'; metric: string; startMs: number; stopMs: number; stepMs: number }
  | { kind: 'victoria-metrics' };

/** A rule of the stand-in's knobs, as data. `match` is the source of a pattern tried on `METHOD path?query`. */
export interface Order {
  match: string;
  /** Strikes each n-th match; every one when absent. */
  every?: number;
  effect: Exclude<Effect, { kind: 'rewrite' }>;
}

export interface Call {
  call: number;
  order?: Order;
  ask?: 'clear' | 'hits';
}

export interface StandInProcess extends AsyncDisposable {
  readonly url: string;
  add(order: Order): Promise<void>;
  clear(): Promise<void>;
  /** How often each order has struck, in the order of adding. */
  hits(): Promise<number[]>;
}

const main = fileURLToPath(new URL('./stand-in-process.ts', import.meta.url));

export async function startStandIn(request: StandInRequest): Promise<StandInProcess> {
  const child: ChildProcess = fork(main, [JSON.stringify(request)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
  const [ready] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`a stand-in ended with ${code} before it was ready`))),
  ])) as [{ url: string }];
  let calls = 0;
  const ask = async (call: Omit<Call, 'call'>): Promise<unknown> => {
    const number = ++calls;
    child.send({ ...call, call: number } satisfies Call);
    for (;;) {
      const [reply] = (await once(child, 'message')) as [{ call: number; result: unknown }];
      if (reply.call === number) return reply.result;
    }
  };
  return {
    url: ready.url,
    add: async (order) => void (await ask({ order })),
    clear: async () => void (await ask({ ask: 'clear' })),
    hits: async () => (await ask({ ask: 'hits' })) as number[],
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}
