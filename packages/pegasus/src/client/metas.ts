/**
 * The meta servers of a cluster. One of them leads; the others answer that they do not, and only the query of a table's configuration says
 * who does. Readings go to the others too when the leader is silent for a second; a change goes to one server alone, to the one that has
 * just shown that it leads, so that it is never made by two.
 */
import type { Clock } from '@longshore/core';
import { ServerConnection } from './connection.ts';
import {
  PASSING,
  PegasusBusy,
  PegasusMalformed,
  PegasusNoLeader,
  PegasusRefused,
  PegasusUnknownOutcome,
  PegasusUnreachable,
} from './errors.ts';
import { clusterInfo, type queryConfig, type Rpc } from './messages.ts';

/** For one whole call, all servers tried. */
const CALL_MS = 10_000;
/** Longest time a change can take effect after it was sent: the call, and what lies in queues on the way. */
export const ACTION_MS = 15_000;
/** A leader that has not answered a reading by then is left for the others. */
const HEDGE_MS = 1_000;
/** Between two walks along the list, while nobody leads. */
const PAUSE_MS = 200;
const FORWARD = 'ERR_FORWARD_TO_OTHERS';

interface WithError {
  err: string;
}

export interface MetaCall {
  what: string;
  /** Error names that are an answer to the caller, and no failure. */
  accept?: readonly string[];
}

export class Metas implements Disposable {
  readonly addresses: readonly string[];
  readonly #servers: Map<string, ServerConnection>;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #leader: string;

  constructor(addresses: readonly string[], deps: { clock: Clock; signal: AbortSignal }) {
    this.addresses = addresses;
    this.#servers = new Map(addresses.map((address) => [address, new ServerConnection(address, deps.clock)]));
    this.#clock = deps.clock;
    this.#signal = deps.signal;
    this.#leader = addresses[0] ?? '';
  }

  /** Who answered last as the leader. */
  get leader(): string {
    return this.#leader;
  }

  /** A reading: asked again of whoever may lead, until the deadline. */
  async read<Q, A extends WithError>(rpc: Rpc<Q, A>, request: Q, call: MetaCall): Promise<A> {
    const until = this.#clock.now() + CALL_MS;
    let last = 'no answer';
    for (;;) {
      const walk = await this.#ask(rpc, request, call.what, until);
      if ('answer' in walk) return this.#judged(walk.answer, call);
      last = walk.last;
      if (this.#clock.now() + PAUSE_MS >= until) throw PegasusNoLeader({ what: call.what, metas: this.addresses.join(', '), last });
      await this.#clock.sleep(PAUSE_MS, this.#signal);
    }
  }

  /** A change: sent once, to the server that leads. Throws `LSH_PEGASUS_UNKNOWN` when its answer does not come. */
  async change<Q, A extends WithError>(rpc: Rpc<Q, A>, request: Q, call: MetaCall): Promise<A> {
    const until = this.#clock.now() + CALL_MS;
    for (;;) {
      await this.read(clusterInfo, {}, { what: call.what }); // whoever answers this leads
      const left = Math.max(1, until - this.#clock.now());
      const answer = await this.#server(this.#leader).call(rpc, request, { what: call.what, timeoutMs: left, signal: this.#signal });
      if (answer.err !== FORWARD) return this.#judged(answer, call); // else it was not done, and somebody else leads by now
      if (this.#clock.now() >= until) throw PegasusNoLeader({ what: call.what, metas: this.addresses.join(', '), last: answer.err });
    }
  }

  #server(address: string): ServerConnection {
    const server = this.#servers.get(address);
    if (server === undefined) throw new TypeError(`${address} is none of the meta servers`);
    return server;
  }

  /** One walk: the leader first, the others when it is silent or does not lead. */
  async #ask<Q, A extends WithError>(rpc: Rpc<Q, A>, request: Q, what: string, until: number): Promise<{ answer: A } | { last: string }> {
    const first = this.#leader;
    const others = this.addresses.filter((address) => address !== first);
    const left = (): number => Math.max(1, until - this.#clock.now());
    const ending = new AbortController();
    const signal = AbortSignal.any([this.#signal, ending.signal]);
    const ask = async (address: string): Promise<{ address: string; answer: A }> => {
      const answer = await this.#server(address).call(rpc, request, { what, timeoutMs: left(), signal });
      if (answer.err !== FORWARD) return { address, answer };
      this.#follow(answer);
      throw PegasusBusy({ what, address, name: FORWARD });
    };
    try {
      const silent = this.#clock.sleep(Math.min(HEDGE_MS, left()), signal).catch(() => undefined);
      const leading = ask(first);
      const early = await Promise.race([leading.catch(() => undefined), silent.then(() => undefined)]);
      const found = early ?? (await Promise.any([leading, ...others.map(ask)]));
      this.#leader = found.address;
      return { answer: found.answer };
    } catch (error) {
      this.#signal.throwIfAborted();
      const failures = error instanceof AggregateError ? (error.errors as Error[]) : [error as Error];
      const broken = failures.find((one) => PegasusMalformed.is(one));
      if (broken) throw broken;
      const strange = failures.find((one) => ![PegasusBusy, PegasusUnreachable, PegasusUnknownOutcome].some((entry) => entry.is(one)));
      if (strange) throw strange;
      return { last: failures.map(({ message }) => message).join('; ') };
    } finally {
      ending.abort();
    }
  }

  /** The query of a configuration says who leads: where a partition's primary would stand. */
  #follow(answer: WithError): void {
    const { partitions } = answer as Partial<Awaited<ReturnType<typeof queryConfig.answer.read>>>;
    const leader = partitions?.[0]?.primary;
    if (leader && this.#servers.has(leader)) this.#leader = leader;
  }

  #judged<A extends WithError>(answer: A, { what, accept = [] }: MetaCall): A {
    const { err } = answer;
    if (err === 'ERR_OK' || accept.includes(err)) return answer;
    if (PASSING.has(err)) throw PegasusBusy({ what, address: this.#leader, name: err });
    const { hint, hintMessage } = answer as { hint?: string; hintMessage?: string };
    throw PegasusRefused({ what, name: err, hint: hint ?? hintMessage ?? '' });
  }

  [Symbol.dispose](): void {
    for (const server of this.#servers.values()) server[Symbol.dispose]();
  }
}
