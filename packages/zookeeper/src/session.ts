/**
 * One session with the ensemble, over one client of node-zookeeper-client, which has traps:
 *
 * - After an expiry it is dead for good, so a session is thrown away and another one made.
 * - It learns of an expiry only when the link is back. We take a session for lost once we have been cut off for as long as it may live.
 * - It sends pings and never misses the answers: a link that has gone silent is found out by the deadline of a call.
 * - It waits for ever for the first answer of a server that takes connections and says nothing: such a link is dropped, and the next tried.
 * - What is asked of it while it is cut off is kept and sent later, after we have given up: so nothing is, before it is connected.
 * - A call that waits while the session ends may never come back: `lost` ends the waiting.
 * - What it cannot read it throws where nobody can catch it, the greeting of a server among it when it was closed while connecting: that
 *   would end the whole process.
 */
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'node-zookeeper-client';
import zookeeper from 'node-zookeeper-client';
import { type Ensemble, formatHosts } from './hosts.ts';

export interface SessionOptions {
  sessionTimeoutMs: number;
  auth: { user: string; password: string } | undefined;
}

/** Between two walks along the list of servers; the client waits a random part of it. */
const SPIN_DELAY_MS = 200;
/** A server that has taken a connection says so within this, ms. */
const GREETING_MS = 2_000;
/** The closing of a session is waited for so long; what stays open then the server ends by itself. */
const CLOSE_WAIT_MS = 1_000;

export type LinkState = 'connecting' | 'connected' | 'lost' | 'not allowed';

/** A link that is cut in the middle of a call, and a session that is over: thrown inside this package only. */
export class LinkLost extends Error {}

export class Session {
  readonly client: Client;
  #state: LinkState = 'connecting';
  #listeners = new Set<() => void>();
  #expiry: NodeJS.Timeout | undefined;
  /** Looks for a greeting that does not come, while connecting. */
  #greeting: NodeJS.Timeout | undefined;
  readonly #lifeMs: number;
  /** It was ended before it was connected: a greeting that comes now is for nobody. */
  #unread = false;

  constructor(ensemble: Ensemble, { sessionTimeoutMs, auth }: SessionOptions) {
    this.#lifeMs = sessionTimeoutMs;
    this.client = zookeeper.createClient(formatHosts(ensemble), { sessionTimeout: sessionTimeoutMs, spinDelay: SPIN_DELAY_MS, retries: 0 });
    if (auth !== undefined) this.client.addAuthInfo('digest', Buffer.from(`${auth.user}:${auth.password}`));
    this.#catchUnreadable();
    this.client.on('connected', () => this.#become('connected'));
    this.client.on('disconnected', () => this.#become('connecting'));
    this.client.on('expired', () => this.#become('lost'));
    this.client.on('authenticationFailed', () => this.#become('not allowed'));
    this.client.connect();
    this.#watchGreeting();
  }

  /** Drops a link that is up for a whole look and has not become a session. */
  #watchGreeting(): void {
    let last: Socket | undefined;
    const everyMs = Math.min(GREETING_MS, this.#lifeMs / 2);
    this.#greeting = setInterval(() => {
      const socket = this.#socket();
      if (socket !== undefined && socket === last && !socket.connecting) socket.destroy();
      last = socket?.connecting ? undefined : socket;
    }, everyMs).unref();
  }

  /** Bytes that cannot be read end the link, not the process; those for a session that is over are not looked at. */
  #catchUnreadable(): void {
    const inner = this.#inner();
    const read = inner.onSocketData.bind(inner);
    inner.onSocketData = (bytes) => {
      if (this.#unread) {
        inner.socket?.destroy();
        return;
      }
      try {
        read(bytes);
      } catch {
        inner.socket?.destroy();
      }
    };
  }

  /** The client has no public way to its link, and without it a silent one would stay for ever. */
  #inner(): { socket?: Socket; onSocketData(bytes: Buffer): void } {
    return (this.client as unknown as { connectionManager: { socket?: Socket; onSocketData(bytes: Buffer): void } }).connectionManager;
  }

  #socket(): Socket | undefined {
    return this.#inner().socket;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Called at every change of state. Gives what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #become(state: LinkState): void {
    if (this.#state === 'lost' || this.#state === 'not allowed' || this.#state === state) return;
    this.#state = state;
    clearTimeout(this.#expiry);
    clearInterval(this.#greeting);
    // Until it was connected once there is no session that could expire, and the client goes on trying all servers.
    if (state === 'connecting') {
      this.#expiry = setTimeout(() => this.#become('lost'), this.#lifeMs).unref();
      this.#watchGreeting();
    }
    for (const listener of [...this.#listeners]) listener();
  }

  /** Resolves as soon as `holds` does, at the deadline, or on the signal; true in the first case. */
  waitUntil(holds: (state: LinkState) => boolean, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (holds(this.#state)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        clearTimeout(timer);
        stop();
        signal.removeEventListener('abort', abort);
        resolve(result);
      };
      const abort = (): void => end(false);
      const timer = setTimeout(() => end(false), Math.max(0, timeoutMs));
      const stop = this.onChange(() => {
        if (holds(this.#state)) end(true);
      });
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
    });
  }

  /** Ends it in order where the link is up, and in any case. What is under way in it is lost. */
  async end(): Promise<void> {
    const wasConnected = this.#state === 'connected';
    this.#unread = !wasConnected;
    this.#become('lost');
    clearTimeout(this.#expiry);
    clearInterval(this.#greeting);
    while (this.#socket() === undefined) await pause(SPIN_DELAY_MS / 10); // the client cannot be closed before its first attempt
    const closed = new Promise<void>((resolve) => this.client.once('disconnected', resolve));
    this.client.close();
    if (wasConnected) await Promise.race([closed, pause(CLOSE_WAIT_MS, undefined, { ref: false })]);
    this.#socket()?.destroy();
  }
}
