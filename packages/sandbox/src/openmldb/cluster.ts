/**
 * An OpenMLDB cluster in one process: nameservers that elect a leader in a ZooKeeper, tablets, ops that run in the background. Each server listens
 * on a port of its own; their names (`t1:1`) lead there through `map/names`, as with `--use_name`. It speaks the HTTP and JSON of the real servers'
 * edge; what the nameserver does inside was read in its sources, not watched: no real one could be run.
 */
import type { Clock } from '@longshore/core';
import { systemClock } from '@longshore/core';
import type { Knobs } from '../knobs.ts';
import type { RequestLog } from '../request-log.ts';
import type { Exchange, Reply, StandIn } from '../stand-in.ts';
import { startStandIn } from '../stand-in.ts';
import type { Fields, Message } from './json.ts';
import { BadRequest, readMessage, writeMessage } from './json.ts';
import { CHANGES, NAMESERVER_METHODS, NameserverCalls } from './nameserver.ts';
import { OpMaker } from './ops.ts';
import type { OpFaults } from './queues.ts';
import { Queues } from './queues.ts';
import type { OpState, PartitionState, TabletState } from './state.ts';
import { ClusterState } from './state.ts';
import { TABLET_METHODS, TabletCalls } from './tablet.ts';

/** A session with a ZooKeeper, its root path taken off. The test gives one that works as a real one does, or is one. */
export interface ZooKeeperSession {
  create(path: string, data: string, options?: { ephemeral?: true; sequential?: true }): Promise<string>;
  getChildren(path: string): Promise<string[]>;
  get(path: string): Promise<{ data: Uint8Array }>;
  /** Ends the session: its ephemeral nodes go. */
  close(): Promise<void>;
}

export interface OpenmldbOptions {
  /** A new session under the cluster's root path, which exists. */
  session(): ZooKeeperSession;
  nameservers?: string[];
  tickMs?: number;
  /**
   * Where given, the nameserver acts by itself while auto_failover is on: when a tablet has been away so long, and when one starts. A real one
   * waits five minutes, longer than tests have; without it tests take tablets away before it would act.
   */
  heartbeatTimeoutMs?: number;
  clock?: Clock;
}

export interface OpenmldbStandIn extends AsyncDisposable {
  readonly state: ClusterState;
  readonly faults: OpFaults;
  /** Of the nameservers and tablets, by name. */
  readonly servers: ReadonlyMap<string, { port: number; knobs: Knobs<undefined>; log: RequestLog }>;
  /** Changes that were let in, in their order: `ChangeLeader db.t/0`. */
  readonly changes: readonly string[];
  readonly leader: string;
  addTablet(endpoint: string): Promise<TabletState>;
  /** The leader's session ends; another takes over, without the history of ops that went well. */
  switchLeader(): Promise<void>;
  /** The leader's session expires and it is back at once: for a while it has two nodes, or another leads. */
  expireSession(): Promise<void>;
  /** Its process ends, or its node: `kOffline`. */
  stopTablet(endpoint: string): void;
  /** Back with an empty memory, its files as they were. */
  restartTablet(endpoint: string): void;
  /** Its session is back, and its process was there all the time: nobody recovers anything. */
  reconnectTablet(endpoint: string): void;
  /** Resolves at the first op, past or to come, for which it holds. */
  seen(which: (op: OpState) => boolean): Promise<OpState>;
  /** Entries written by clients through the leader of a partition. */
  write(db: string, table: string, pid: number, entries: bigint): void;
  close(): Promise<void>;
}

const TICK_MS = 5;

interface Nameserver {
  name: string;
  session: ZooKeeperSession;
  standIn: StandIn<undefined>;
}

class Cluster implements OpenmldbStandIn {
  readonly state = new ClusterState();
  readonly queues: Queues;
  readonly changes: string[] = [];
  readonly servers = new Map<string, StandIn<undefined>>();
  leader = '';
  readonly #options: OpenmldbOptions;
  readonly #clock: Clock;
  readonly #nameservers: Nameserver[] = [];
  readonly #calls: NameserverCalls;
  readonly #ops: OpMaker;
  /** Tablets that are away, since when, and whose replicas have not been taken over yet. */
  readonly #away = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #watchers = new Set<(op: OpState) => void>();
  #later: (() => void)[] = [];
  #map: ZooKeeperSession | undefined;

  constructor(options: OpenmldbOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.queues = new Queues(this.state, () => BigInt(Math.floor(this.#clock.now() / 1000)));
    this.queues.onChange = (op) => {
      for (const watcher of this.#watchers) watcher(op);
    };
    this.#ops = new OpMaker(this.state, (op, asChild) => this.queues.enqueue(op, asChild));
    this.#calls = new NameserverCalls(this.state, this.#ops, (endpoint) => this.#addressOf(endpoint));
  }

  get faults(): OpFaults {
    return this.queues.faults;
  }

  async start(): Promise<this> {
    this.#map = this.#options.session();
    for (const path of ['/leader', '/nodes', '/map', '/map/names']) await ensure(this.#map, path, '');
    for (const name of this.#options.nameservers ?? ['ns1:6527']) {
      const standIn = await this.#serve(name, 'NameServer', NAMESERVER_METHODS, (method, body) => this.#answer(name, method, body));
      this.#nameservers.push({ name, session: await this.#register(name), standIn });
    }
    await this.#elect();
    void this.#run();
    return this;
  }

  async addTablet(endpoint: string): Promise<TabletState> {
    const tablet: TabletState = { endpoint, up: true, healthy: true, loaded: new Map(), disk: new Map() };
    this.state.tablets.set(endpoint, tablet);
    const calls = new TabletCalls(this.state, tablet, (act) => this.#later.push(act));
    await this.#serve(endpoint, 'TabletServer', TABLET_METHODS, (method, body) => (tablet.up ? calls.call(method, body) : undefined));
    return tablet;
  }

  async switchLeader(): Promise<void> {
    const old = this.#nameservers.find(({ name }) => name === this.leader)!;
    await old.session.close();
    // What the new one can read: queued and failed ops are in ZooKeeper, the rest was in memory.
    this.state.history = this.state.history.filter(({ status }) => status === 'kFailed');
    await this.#elect();
    old.session = await this.#register(old.name);
    if (this.leader === '') await this.#elect();
  }

  async expireSession(): Promise<void> {
    const old = this.#nameservers.find(({ name }) => name === this.leader)!;
    const session = await this.#register(old.name);
    await old.session.close();
    old.session = session;
    this.state.history = this.state.history.filter(({ status }) => status === 'kFailed');
    await this.#elect();
  }

  stopTablet(endpoint: string): void {
    const tablet = this.state.tablet(endpoint)!;
    for (const [key, { offset }] of tablet.loaded) tablet.disk.set(key, offset);
    tablet.up = false;
    tablet.healthy = false;
    this.#away.set(endpoint, this.#clock.now());
  }

  restartTablet(endpoint: string): void {
    this.stopTablet(endpoint);
    const tablet = this.state.tablet(endpoint)!;
    tablet.loaded.clear();
    tablet.up = true;
    tablet.healthy = true;
    this.#away.delete(endpoint);
    if (!this.#actsByItself) return;
    this.#takeOver(endpoint);
    this.#ops.recoverEndpoint(endpoint, false);
  }

  reconnectTablet(endpoint: string): void {
    const tablet = this.state.tablet(endpoint)!;
    tablet.up = true;
    tablet.healthy = true;
    this.#away.delete(endpoint);
  }

  get #actsByItself(): boolean {
    return this.state.autoFailover === true && this.#options.heartbeatTimeoutMs !== undefined;
  }

  /** Its replicas count as dead, but the last living one of a partition; others lead what it led. */
  #takeOver(endpoint: string): void {
    for (const { metas } of this.state.tables.flatMap(({ partitions }) => partitions)) {
      const living = metas.filter(({ isAlive }) => isAlive);
      for (const meta of living) if (meta.endpoint === endpoint && living.length > 1) meta.isAlive = false;
    }
    this.#ops.offlineEndpoint(endpoint);
  }

  /** With auto_failover off what is away is only noted, and forgotten: switching it on later makes up for nothing. */
  #watchTablets(): void {
    const { heartbeatTimeoutMs } = this.#options;
    if (heartbeatTimeoutMs === undefined) return;
    for (const [endpoint, since] of this.#away) {
      if (this.#clock.now() - since < heartbeatTimeoutMs) continue;
      this.#away.delete(endpoint);
      if (this.#actsByItself) this.#takeOver(endpoint);
    }
  }

  seen(which: (op: OpState) => boolean): Promise<OpState> {
    const known = this.state.allOps().find(which);
    if (known) return Promise.resolve(known);
    return new Promise((resolve) => {
      const watcher = (op: OpState): void => {
        if (!which(op)) return;
        this.#watchers.delete(watcher);
        resolve(op);
      };
      this.#watchers.add(watcher);
    });
  }

  write(db: string, name: string, pid: number, entries: bigint): void {
    const table = this.state.table(db, name)!;
    const partition: PartitionState = table.partitions.find((one) => one.pid === pid)!;
    for (const { endpoint, isAlive } of partition.metas) {
      const loaded = this.state.loaded(endpoint, table.tid, pid);
      if (loaded && isAlive && !this.state.tablet(endpoint)?.slow) loaded.offset += entries;
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const { session } of this.#nameservers) await session.close();
    await this.#map?.close();
    for (const standIn of this.servers.values()) await standIn.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#clock.sleep(this.#options.tickMs ?? TICK_MS, this.#stop.signal).catch(() => undefined);
      const due = this.#later;
      this.#later = [];
      for (const act of due) act();
      this.#watchTablets();
      this.queues.tick();
    }
  }

  /** A session that has ended may be seen a moment longer; whoever stands first leads. */
  async #elect(): Promise<void> {
    const [first] = (await this.#map!.getChildren('/leader')).sort();
    this.leader = first === undefined ? '' : Buffer.from((await this.#map!.get(`/leader/${first}`)).data).toString();
  }

  async #register(name: string): Promise<ZooKeeperSession> {
    const session = this.#options.session();
    await session.create('/leader/lock_request', name, { ephemeral: true, sequential: true });
    return session;
  }

  #addressOf(name: string): string | undefined {
    const port = this.servers.get(name)?.port;
    return port === undefined ? undefined : `127.0.0.1:${port}`;
  }

  #answer(name: string, method: string, body: Message): Message {
    if (name !== this.leader) return { code: 300, msg: 'nameserver is not leader' };
    const answer = this.#calls.call(method, body);
    if (answer.code === 0 && CHANGES.has(method))
      this.changes.push(`${method} ${[body.db, body.name].filter(Boolean).join('.')}/${shownPid(body)}`);
    return answer;
  }

  async #serve(
    name: string,
    service: string,
    methods: Readonly<Record<string, Fields>>,
    answer: (method: string, body: Message) => Message | undefined,
  ): Promise<StandIn<undefined>> {
    const standIn = await startStandIn<undefined>({
      settings: undefined,
      clock: this.#clock,
      handle: (exchange) => reply(exchange, service, methods, answer),
    });
    this.servers.set(name, standIn);
    await ensure(this.#map!, `/map/names/${name}`, `127.0.0.1:${standIn.port}`);
    return standIn;
  }
}

function shownPid({ pid }: Message): string {
  return pid === undefined ? '*' : String(pid);
}

function reply(
  { method, path, headers, body }: Exchange,
  service: string,
  methods: Readonly<Record<string, Fields>>,
  answer: (method: string, body: Message) => Message | undefined,
): Reply {
  // brpc's authenticator: without the header the connection is closed, with any value it is let in.
  if (headers.authorization === undefined) return { status: 403, drop: true };
  const [, ownService, name = ''] = path.split('/');
  const fields = methods[name];
  if (method !== 'POST' || ownService?.split('.').at(-1) !== service || !fields)
    return { status: 404, body: `Fail to find method on ${path}` };
  try {
    const message = answer(name, readMessage(body.toString(), fields));
    if (!message) return { status: 503, drop: true };
    return { status: 200, headers: { 'content-type': 'application/json' }, body: writeMessage(message) };
  } catch (error) {
    if (error instanceof BadRequest) return { status: 400, headers: { 'x-bd-error-code': '1003' }, body: error.message };
    throw error;
  }
}

async function ensure(session: ZooKeeperSession, path: string, data: string): Promise<void> {
  const parent = path.slice(0, path.lastIndexOf('/')) || '/';
  const children = await session.getChildren(parent);
  if (!children.includes(path.slice(path.lastIndexOf('/') + 1))) await session.create(path, data);
}

/** Starts its servers on 127.0.0.1; it has no tablets and no tables yet. */
export async function startOpenmldb(options: OpenmldbOptions): Promise<OpenmldbStandIn> {
  return new Cluster(options).start();
}
