/** ZooKeeper as promises: every call has a deadline, a session that is lost is replaced, an unknown outcome is said to be one. */
import type { LongshoreError } from '@longshore/core';
import type { Client, Stat } from 'node-zookeeper-client';
import zookeeper from 'node-zookeeper-client';
import {
  ZooKeeperBadVersion,
  ZooKeeperDenied,
  ZooKeeperNodeExists,
  ZooKeeperNoNode,
  ZooKeeperRefused,
  ZooKeeperUnknownOutcome,
  ZooKeeperUnreachable,
} from './errors.ts';
import { type Ensemble, formatHosts, parseHosts } from './hosts.ts';
import { type Call, type Callback, statOf, type ZNode, type ZNodeStat } from './node.ts';
import { LinkLost, Session } from './session.ts';
import { type NodeListener, watchNode } from './watch.ts';

export interface ZooKeeperOptions {
  /** Longest time of one call, the wait for a connection included. Default 10 s. */
  callTimeoutMs?: number;
  /** What is asked of the ensemble; it may give less or more. Default 10 s. */
  sessionTimeoutMs?: number;
  /** `digest` authentication. */
  auth?: { user: string; password: string };
  /** Ends every call, and the connection. */
  signal?: AbortSignal;
}

export interface CreateOptions {
  /** It goes away with this session. */
  ephemeral?: true;
  /** The ensemble adds a number to its name. */
  sequential?: true;
}

/** A connection that is made at the first call. All paths are under the chroot of the address. */
export interface ZooKeeper extends AsyncDisposable {
  /** `host:port,host:port/root`, for people. */
  readonly hosts: string;
  /** Throws `LSH_ZOOKEEPER_NO_NODE` where there is none. */
  get(path: string): Promise<ZNode>;
  /** Names, in order. Throws `LSH_ZOOKEEPER_NO_NODE` where there is none. */
  getChildren(path: string): Promise<string[]>;
  /** `undefined` where there is none. */
  exists(path: string): Promise<ZNodeStat | undefined>;
  /** Gives the path it was made under. Throws `LSH_ZOOKEEPER_NODE_EXISTS`. */
  create(path: string, data: Buffer | string, options?: CreateOptions): Promise<string>;
  /** Gives the new version. Throws `LSH_ZOOKEEPER_VERSION` unless the node has this one. */
  set(path: string, data: Buffer | string, version: number): Promise<number>;
  /** Throws `LSH_ZOOKEEPER_VERSION` unless the node has this version, `LSH_ZOOKEEPER_NO_NODE` where there is none. */
  remove(path: string, version: number): Promise<void>;
  /**
   * Tells what the node is now, and whenever that has changed, `undefined` while there is none: through cut links and lost sessions.
   * States in between may be left out, the last one never. Gives what ends it.
   */
  watch(path: string, listener: NodeListener): () => void;
  close(): Promise<void>;
}

const CALL_TIMEOUT_MS = 10_000;
const SESSION_TIMEOUT_MS = 10_000;

function refusal(error: Error, { what, path, version = -1 }: Call): LongshoreError {
  const name = error instanceof zookeeper.Exception ? error.name : error.message;
  switch (name) {
    case 'NO_NODE':
      return ZooKeeperNoNode({ what, path });
    case 'NODE_EXISTS':
      return ZooKeeperNodeExists({ what, path });
    case 'BAD_VERSION':
      return ZooKeeperBadVersion({ what, path, version });
    case 'NO_AUTH':
    case 'AUTH_FAILED':
    case 'INVALID_ACL':
      return ZooKeeperDenied({ what, reason: name });
    default:
      return ZooKeeperRefused({ what, name });
  }
}

const cut = (error: Error): boolean =>
  error instanceof zookeeper.Exception && ['CONNECTION_LOSS', 'SESSION_EXPIRED', 'OPERATION_TIMEOUT'].includes(error.name);

export class Connection implements ZooKeeper {
  readonly hosts: string;
  readonly #ensemble: Ensemble;
  readonly #options: ZooKeeperOptions;
  readonly #callTimeoutMs: number;
  readonly #closing = new AbortController();
  readonly #watches = new Set<() => void>();
  #session: Session | undefined;

  constructor(ensemble: Ensemble, options: ZooKeeperOptions) {
    this.#ensemble = ensemble;
    this.#options = options;
    this.#callTimeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS;
    this.hosts = formatHosts(ensemble);
    if (options.signal?.aborted) this.#closing.abort();
    options.signal?.addEventListener('abort', () => void this.close(), { once: true, signal: this.#closing.signal });
  }

  /** The live session; another one when the last is lost. */
  session(): Session {
    if (this.#session === undefined || this.#session.state === 'lost') {
      void this.#session?.end();
      this.#session = new Session(this.#ensemble, {
        sessionTimeoutMs: this.#options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
        auth: this.#options.auth,
      });
    }
    return this.#session;
  }

  async #connected(call: Call, until: number): Promise<Session> {
    for (;;) {
      const session = this.#closing.signal.aborted ? undefined : this.session();
      const there = await session?.waitUntil((state) => state !== 'connecting', until - performance.now(), this.#closing.signal);
      if (session === undefined || !there) {
        const state = this.#closing.signal.aborted ? 'closed' : 'connecting';
        throw ZooKeeperUnreachable({ what: call.what, hosts: this.hosts, waitedMs: this.#callTimeoutMs, state });
      }
      if (session.state === 'not allowed') throw ZooKeeperDenied({ what: call.what, reason: 'authentication failed' });
      if (session.state === 'connected') return session;
    }
  }

  /** Sends it on a live link, and waits for its answer, the end of the link or the deadline. */
  #send<T>(session: Session, until: number, send: (client: Client, done: Callback<T>) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const end = (act: () => void): void => {
        clearTimeout(timer);
        stop();
        this.#closing.signal.removeEventListener('abort', aborted);
        act();
      };
      const aborted = (): void => end(() => reject(new LinkLost('the connection was closed')));
      const timer = setTimeout(
        () => {
          end(() => reject(new LinkLost(`no answer within ${this.#callTimeoutMs} ms`)));
          void session.end(); // connected and yet silent: the client would never notice
        },
        Math.max(0, until - performance.now()),
      );
      const stop = session.onChange(() => {
        if (session.state === 'lost') end(() => reject(new LinkLost('the session ended')));
      });
      this.#closing.signal.addEventListener('abort', aborted, { once: true });
      send(session.client, (error, value) => end(() => (error ? reject(error) : resolve(value))));
    });
  }

  async call<T>(call: Call, send: (client: Client, done: Callback<T>) => void): Promise<T> {
    const until = performance.now() + this.#callTimeoutMs;
    for (;;) {
      const session = await this.#connected(call, until);
      try {
        return await this.#send(session, until, send);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        if (!(error instanceof LinkLost) && !cut(error)) throw refusal(error, call);
        if (call.changes) throw ZooKeeperUnknownOutcome({ what: call.what, hosts: this.hosts, reason: error.message }, { cause: error });
        // A reading is asked again on the next link, as long as there is time.
      }
    }
  }

  get(path: string): Promise<ZNode> {
    return this.call<ZNode>({ what: `get ${path}`, path, changes: false }, (client, done) =>
      client.getData(path, (error, data, stat) =>
        error ? done(error, undefined as never) : done(null, { data: data ?? Buffer.alloc(0), ...statOf(stat) }),
      ),
    );
  }

  async getChildren(path: string): Promise<string[]> {
    const names = await this.call<string[]>({ what: `list ${path}`, path, changes: false }, (client, done) =>
      client.getChildren(path, done),
    );
    return names.sort();
  }

  async exists(path: string): Promise<ZNodeStat | undefined> {
    const stat = await this.call<Stat | undefined>({ what: `look for ${path}`, path, changes: false }, (client, done) =>
      client.exists(path, done),
    );
    return stat ? statOf(stat) : undefined;
  }

  create(path: string, data: Buffer | string, { ephemeral, sequential }: CreateOptions = {}): Promise<string> {
    const { PERSISTENT, EPHEMERAL, PERSISTENT_SEQUENTIAL, EPHEMERAL_SEQUENTIAL } = zookeeper.CreateMode;
    const mode = ephemeral ? (sequential ? EPHEMERAL_SEQUENTIAL : EPHEMERAL) : sequential ? PERSISTENT_SEQUENTIAL : PERSISTENT;
    const whose = this.#options.auth === undefined ? new zookeeper.Id('world', 'anyone') : new zookeeper.Id('auth', '');
    const acls = [new zookeeper.ACL(zookeeper.Permission.ALL, whose)];
    return this.call<string>({ what: `create ${path}`, path, changes: true }, (client, done) =>
      client.create(path, Buffer.from(data), acls, mode, done),
    );
  }

  async set(path: string, data: Buffer | string, version: number): Promise<number> {
    const stat = await this.call<Stat>({ what: `set ${path}`, path, changes: true, version }, (client, done) =>
      client.setData(path, Buffer.from(data), version, done),
    );
    return stat.version;
  }

  async remove(path: string, version: number): Promise<void> {
    await this.call<undefined>({ what: `remove ${path}`, path, changes: true, version }, (client, done) =>
      client.remove(path, version, (error) => done(error, undefined)),
    );
  }

  watch(path: string, listener: NodeListener): () => void {
    const stop = watchNode(this, path, listener, this.#closing.signal);
    this.#watches.add(stop);
    return () => {
      this.#watches.delete(stop);
      stop();
    };
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted && this.#session === undefined) return;
    this.#closing.abort();
    for (const stop of this.#watches) stop();
    const session = this.#session;
    this.#session = undefined;
    await session?.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** `hosts`: `zk1:2181,zk2:2181/root`. Throws `LSH_ZOOKEEPER_ADDRESS` at once; nothing is sent before the first call. */
export function connectZooKeeper(hosts: string, options: ZooKeeperOptions = {}): ZooKeeper {
  return new Connection(parseHosts(hosts), options);
}
