/**
 * One TCP connection to one server: many calls in flight, matched to their answers by number. A call that was written and gets no answer
 * has an unknown outcome; one that was never written has none. The connection is made again by the next call.
 */
import { connect, type Socket } from 'node:net';
import type { Clock } from '@longshore/core';
import { errorMessage } from './address.ts';
import { PASSING, PegasusBusy, PegasusMalformed, PegasusRpcError, PegasusUnknownOutcome, PegasusUnreachable } from './errors.ts';
import { decodeReply, encodeRequest, envelope, FrameCutter, type Reply } from './frame.ts';
import type { Rpc } from './messages.ts';
import { Malformed } from './thrift.ts';

/** For the TCP connection to be made. */
const DIAL_MS = 3_000;
const MOST_SEQ = 0x7fffffff;

interface Waiting {
  what: string;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

interface Link {
  socket: Socket;
  waiting: Map<number, Waiting>;
}

export interface CallOptions {
  /** For people: "list the nodes". */
  what: string;
  timeoutMs: number;
  signal: AbortSignal;
}

export class ServerConnection implements Disposable {
  readonly address: string;
  #link: Promise<Link> | undefined;
  #seq = 0;
  #closed = false;

  readonly #clock: Clock;

  constructor(address: string, clock: Clock) {
    this.address = address;
    this.#clock = clock;
  }

  /** Calls back after so long, unless it is told not to any more. */
  #after(ms: number, act: () => void): () => void {
    const ended = new AbortController();
    this.#clock.sleep(ms, ended.signal).then(act, () => undefined);
    return () => ended.abort();
  }

  /** Throws an error of this package's; `signal` ends the waiting, not the call. */
  async call<Q, A>(rpc: Rpc<Q, A>, request: Q, { what, timeoutMs, signal }: CallOptions): Promise<A> {
    signal.throwIfAborted();
    const until = this.#clock.now() + timeoutMs;
    const link = await this.#connected(what, Math.min(DIAL_MS, timeoutMs));
    this.#seq = this.#seq >= MOST_SEQ ? 1 : this.#seq + 1;
    const seq = this.#seq;
    const left = Math.max(1, Math.round(until - this.#clock.now()));
    const reply = await this.#exchange(link, seq, encodeRequest(rpc, envelope(seq, left), request), { what, timeoutMs: left, signal });
    if (reply.error !== 'ERR_OK') {
      const refusal = PASSING.has(reply.error) ? PegasusBusy : PegasusRpcError;
      throw refusal({ what, address: this.address, name: reply.error });
    }
    try {
      if (reply.name !== `${rpc.name}_ACK`) throw new Malformed(`it answers ${reply.name}`);
      return reply.answer(rpc.answer);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw PegasusMalformed({ what, address: this.address, reason: error.message }, { cause: error });
    }
  }

  #exchange(link: Link, seq: number, frame: Buffer, { what, timeoutMs, signal }: CallOptions): Promise<Reply> {
    return new Promise<Reply>((resolve, reject) => {
      const end = (act: () => void): void => {
        stop();
        signal.removeEventListener('abort', abort);
        link.waiting.delete(seq); // a late answer finds nobody
        act();
      };
      const abort = (): void => end(() => reject(signal.reason));
      const stop = this.#after(timeoutMs, () =>
        end(() => reject(PegasusUnknownOutcome({ what, address: this.address, reason: `none within ${timeoutMs} ms` }))),
      );
      signal.addEventListener('abort', abort, { once: true });
      link.waiting.set(seq, { what, resolve: (reply) => end(() => resolve(reply)), reject: (error) => end(() => reject(error)) });
      link.socket.write(frame);
    });
  }

  #connected(what: string, timeoutMs: number): Promise<Link> {
    if (this.#closed) throw PegasusUnreachable({ what, address: this.address, reason: 'the client was closed' });
    if (this.#link === undefined) {
      const link = this.#dial(timeoutMs);
      this.#link = link;
      link.catch(() => this.#forget(link));
    }
    return this.#link.catch((error: unknown) => {
      throw PegasusUnreachable({ what, address: this.address, reason: errorMessage(error) }, { cause: error });
    });
  }

  #forget(link: Promise<Link>): void {
    if (this.#link === link) this.#link = undefined;
  }

  #dial(timeoutMs: number): Promise<Link> {
    const at = this.address.lastIndexOf(':');
    const dialled = new Promise<Link>((resolve, reject) => {
      const socket = connect({ host: this.address.slice(0, at), port: Number(this.address.slice(at + 1)), noDelay: true });
      const link: Link = { socket, waiting: new Map() };
      const stop = this.#after(timeoutMs, () => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)));
      const cutter = new FrameCutter();
      let failure: Error | undefined;
      socket.on('connect', () => {
        stop();
        resolve(link);
      });
      socket.on('error', (error) => {
        failure = error;
      });
      socket.on('close', () => {
        stop();
        this.#forget(dialled);
        reject(failure ?? new Error('the server closed the connection'));
        const reason = failure === undefined ? 'the connection was closed' : errorMessage(failure);
        for (const { what, reject: fail } of [...link.waiting.values()])
          fail(
            failure instanceof Malformed
              ? PegasusMalformed({ what, address: this.address, reason })
              : PegasusUnknownOutcome({ what, address: this.address, reason }),
          );
      });
      socket.on('data', (bytes: Buffer) => {
        try {
          for (const frame of cutter.push(bytes)) this.#take(link, frame);
        } catch (error) {
          socket.destroy(error as Error); // the stream cannot be followed any more
        }
      });
    });
    return dialled;
  }

  #take(link: Link, frame: Buffer): void {
    const reply = decodeReply(frame);
    link.waiting.get(reply.seq)?.resolve(reply);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    void this.#link?.then(
      ({ socket }) => socket.destroy(),
      () => undefined,
    );
  }
}
