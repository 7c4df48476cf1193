/**
 * A service's part in the election of one base. Its peers are read once, when it starts, and kept until it has left: first from the base's
 * own `sys.peers` (through the open handle), else from meta1.
 */

import type { BaseFile, Versions } from './base-file.ts';
import { OioError } from './codes.ts';
import type { OwnService } from './surroundings.ts';
import { electionKey } from './zookeeper.ts';

export type State =
  | 'NONE'
  | 'PEERING'
  | 'CREATING'
  | 'WATCHING'
  | 'LISTING'
  | 'ASKING'
  | 'CHECKING_MASTER'
  | 'CHECKING_SLAVES'
  | 'SYNCING'
  | 'LEAVING'
  | 'LEAVING_FAILING'
  | 'FAILED'
  | 'SLAVE'
  | 'MASTER';

/** How one set of versions stands to another. */
export type Standing = 'OK' | 'OLD' | 'AHEAD' | 'RACE';

const LOG_ENTRIES = 32;
const FAILED_RETRY_MS = 250;
const CHECK_RETRIES = 5;
const CHECK_PAUSE_MS = 20;

export function standing(mine: Versions, theirs: Versions): Standing {
  const keys = new Set([...Object.keys(mine), ...Object.keys(theirs)]);
  let behind = false;
  let ahead = false;
  for (const key of keys) {
    const difference = (mine[key] ?? 0) - (theirs[key] ?? 0);
    if (difference < 0) behind = true;
    if (difference > 0) ahead = true;
  }
  if (behind && ahead) return 'RACE';
  if (behind) return 'OLD';
  return ahead ? 'AHEAD' : 'OK';
}

export class Member {
  readonly base: string;
  state: State = 'NONE';
  peers: string[] | null = null;
  seq: number | null = null;
  masterSeq: number | null = null;
  masterUrl: string | null = null;
  readonly log: string[] = [];
  lastAccess = 0;
  lastStatus = 0;
  readonly #service: OwnService;
  /** Raised whenever what was under way is not wanted any more. */
  #epoch = 0;

  constructor(service: OwnService, base: string) {
    this.#service = service;
    this.base = base;
    this.lastAccess = this.lastStatus = this.#now;
  }

  get epoch(): number {
    return this.#epoch;
  }
  get #now(): number {
    return this.#service.cluster.clock.now();
  }
  get #file(): BaseFile {
    return this.#service.file(this.base);
  }

  /** Waits until it is MASTER, SLAVE or FAILED, or the time is over. Starts it where it is NONE. */
  async elected(deadlineMs: number): Promise<void> {
    this.start();
    const until = this.#now + deadlineMs;
    while (this.state !== 'MASTER' && this.state !== 'SLAVE') {
      if (this.#now >= until) throw new OioError(503, 'TIMEOUT! (waiting for election status)');
      if (this.state === 'NONE') this.start();
      await this.#service.cluster.waitChange(this.base, until - this.#now);
      if (!this.#service.alive) throw new OioError(2, `${this.#service.id}: [errno=111] Connection refused`);
    }
  }

  /**
   * Begins an election unless one is under way. `asked`: the group as whoever asked for it knows it, for a base that knows none itself.
   * Throws 431 where the base is none of this service's.
   */
  start(asked?: readonly string[]): void {
    if (this.state !== 'NONE') return;
    const peers = this.#readPeers(asked);
    this.peers = peers;
    if (this.#service.cluster.settings.style === 'original') {
      this.#to('NONE', 'PEERING');
      this.#to('GETPEERS_DONE', 'CREATING');
    } else this.#to('NONE', 'CREATING');
    const epoch = ++this.#epoch;
    this.#guarded(this.#run(epoch));
  }

  /** Gives its node up, and forgets its peers. */
  leave(): void {
    if (this.state === 'NONE') return;
    this.#epoch += 1;
    this.#to('LEAVE_REQ', 'LEAVING');
    this.#dropNode();
    if (this.#service.cluster.settings.style === 'original') this.#to('LEFT_SELF', 'LEAVING');
    this.#to('LEAVE_OK', 'NONE');
    this.#forget();
  }

  /** The session is over: its node has gone, and what it knew is worth nothing. */
  disconnected(): void {
    if (this.state === 'NONE') return;
    this.#epoch += 1;
    this.#to('DISCONNECTED', 'NONE');
    this.seq = null;
    this.#forget();
  }

  /** The node of somebody else has gone. */
  nodeGone(seq: number): void {
    if (seq !== this.masterSeq || (this.state !== 'SLAVE' && this.state !== 'CHECKING_MASTER' && this.state !== 'SYNCING')) return;
    const epoch = ++this.#epoch;
    this.#to('LEFT_MASTER', 'LISTING');
    this.masterSeq = null;
    this.masterUrl = null;
    this.#guarded(this.#list(epoch));
  }

  /** A slave that has missed a change takes the whole base again. */
  resync(): void {
    if (this.state !== 'SLAVE') return;
    const epoch = ++this.#epoch;
    this.#to('RESYNC_REQ', 'SYNCING');
    this.#guarded(this.#sync(epoch));
  }

  describe(): object {
    const { settings } = this.#service.cluster;
    const head = settings.style === 'head';
    const key = electionKey(this.base);
    const seconds = (since: number): number => Math.floor((this.#now - since) / 1000);
    return {
      local: { id: this.seq, url: this.#service.id, state: this.state },
      master: { id: this.masterSeq, url: this.masterUrl },
      base: {
        name: this.base,
        type: 'meta2',
        ...(head
          ? {
              zk: `/hc/ns/${this.#service.cluster.namespace}/el/meta2/${key.slice(0, 2)}/${key.slice(2, 4)}/${key}`,
              zk_server: '127.0.0.1:16181',
            }
          : { zk: key }),
      },
      '#': {
        refcount: 2,
        pipefrom: 0,
        getvers: 0,
        ...(head ? { seconds_since_last_access: seconds(this.lastAccess), seconds_since_last_status: seconds(this.lastStatus) } : {}),
      },
      peers: this.peers,
      log: [...this.log],
    };
  }

  #readPeers(asked: readonly string[] | undefined): string[] {
    const { cluster, id } = this.#service;
    const listed = cluster.meta1.hosts(this.base);
    const own = this.#file.exists ? this.#file.admin.get('sys.peers') : undefined;
    const peers = own === undefined ? (asked?.includes(id) ? asked : listed) : own.split(',');
    if (!peers.includes(id) && !listed.includes(id)) throw new OioError(431, 'Base not managed');
    return peers.filter((peer) => peer !== id);
  }

  async #run(epoch: number): Promise<void> {
    const { cluster, id } = this.#service;
    await cluster.step();
    await cluster.favoured(this.base, id);
    if (epoch !== this.#epoch) return;
    this.seq = cluster.nodes.create(this.base, id);
    this.#to('CREATE_OK', 'WATCHING');
    for (const peer of this.peers ?? []) cluster.ping(peer, this.base, [id, ...(this.peers ?? [])]);
    await cluster.step();
    if (epoch !== this.#epoch) return;
    this.#to('EXISTS_OK', 'LISTING');
    await this.#list(epoch);
  }

  async #list(epoch: number): Promise<void> {
    const { cluster } = this.#service;
    await cluster.step();
    if (epoch !== this.#epoch) return;
    const first = cluster.nodes.list(this.base)[0];
    if (first === undefined || first.seq === this.seq) {
      this.#to('LIST_OK', 'CHECKING_SLAVES');
      return this.#checkSlaves(epoch);
    }
    this.#to('LIST_OK', 'ASKING');
    await cluster.step();
    if (epoch !== this.#epoch) return;
    // It has gone while it was asked: the list is read again.
    if (cluster.nodes.list(this.base)[0]?.seq !== first.seq) {
      this.#to('LEFT_MASTER', 'LISTING');
      return this.#list(epoch);
    }
    if (!this.peers?.includes(first.id)) {
      this.#to('MASTER_BAD', 'LEAVING_FAILING');
      return this.#fail();
    }
    this.masterSeq = first.seq;
    this.masterUrl = first.id;
    this.#to('MASTER_OK', 'CHECKING_MASTER');
    await this.#checkMaster(epoch);
  }

  async #checkSlaves(epoch: number): Promise<void> {
    const { cluster, id } = this.#service;
    const peers = this.peers ?? [];
    for (let attempt = 0; ; attempt += 1) {
      let errors = 0;
      let answers = 0;
      for (const peer of peers) {
        await cluster.step();
        if (epoch !== this.#epoch) return;
        const theirs = cluster.versionsAt(peer, this.base, [id, ...peers]);
        if (theirs === undefined) {
          errors += 1;
          continue;
        }
        answers += 1;
        const mine = standing(this.#service.versionsOf(this.base), theirs);
        if (mine === 'OLD' || mine === 'RACE') {
          this.#to(mine === 'OLD' ? 'GETVERS_OLD' : 'GETVERS_RACE', 'LEAVING');
          this.#dropNode();
          this.#to('LEAVE_OK', 'NONE');
          this.#forget();
          try {
            this.start();
          } catch (error) {
            // It is none of its own any more: it stays out.
            if (!(error instanceof OioError)) throw error;
          }
          return;
        }
        if (answers + errors < peers.length) this.#to('GETVERS_OK', 'CHECKING_SLAVES');
      }
      if (errors < Math.floor((peers.length + 2) / 2)) break;
      if (attempt >= CHECK_RETRIES) {
        this.#to('GETVERS_KO', 'LEAVING_FAILING');
        return this.#fail();
      }
      await cluster.pause(CHECK_PAUSE_MS);
      if (epoch !== this.#epoch) return;
    }
    this.masterSeq = this.seq;
    this.masterUrl = null;
    this.#to('GETVERS_OK', 'MASTER');
  }

  async #checkMaster(epoch: number): Promise<void> {
    const { cluster } = this.#service;
    for (;;) {
      await cluster.step();
      if (epoch !== this.#epoch) return;
      const master = cluster.memberOf(this.masterUrl!, this.base);
      if (master?.state === 'MASTER' && master.seq === this.masterSeq) break;
      await cluster.waitChange(this.base, CHECK_PAUSE_MS);
    }
    if (epoch !== this.#epoch) return;
    const theirs = cluster.versionsAt(this.masterUrl!, this.base) ?? {};
    const mine = standing(this.#service.versionsOf(this.base), theirs);
    if (mine === 'OK' || mine === 'AHEAD') return this.#to('GETVERS_OK', 'SLAVE');
    this.#to(mine === 'OLD' ? 'GETVERS_OLD' : 'GETVERS_RACE', 'SYNCING');
    await this.#sync(epoch);
  }

  async #sync(epoch: number): Promise<void> {
    const { cluster } = this.#service;
    await cluster.step();
    if (epoch !== this.#epoch) return;
    const taken = await cluster.transfer(this.masterUrl!, this.#service.id, this.base).then(
      () => true,
      (error: unknown) => {
        if (error instanceof OioError) return false;
        throw error;
      },
    );
    if (epoch !== this.#epoch) return;
    this.#to(taken ? 'SYNC_OK' : 'SYNC_KO', 'SLAVE');
  }

  /** What goes wrong on the way, such as a base that cannot be read, ends the election for this service. */
  #guarded(run: Promise<void>): void {
    run.catch((error: unknown) => {
      if (!(error instanceof OioError)) throw error;
      this.#to('GETVERS_KO', 'LEAVING_FAILING');
      this.#fail();
    });
  }

  #fail(): void {
    this.#dropNode();
    this.#to('LEAVE_OK', 'FAILED');
    const epoch = ++this.#epoch;
    void this.#service.cluster.pause(FAILED_RETRY_MS).then(() => {
      if (epoch !== this.#epoch || !this.#service.alive) return;
      this.#to('NONE', 'NONE');
      this.#forget();
    });
  }

  #dropNode(): void {
    const { seq } = this;
    this.seq = null;
    if (seq !== null) this.#service.cluster.nodes.remove(this.base, seq);
  }

  #forget(): void {
    this.masterSeq = null;
    this.masterUrl = null;
    if (this.#service.cluster.settings.style === 'head') this.peers = null;
  }

  #to(event: string, state: State): void {
    this.log.unshift(`${this.#now}:${this.state}:${event}:${state}`);
    this.log.splice(LOG_ENTRIES);
    this.state = state;
    this.lastStatus = this.#now;
    this.#service.cluster.changed(this.base);
  }
}
