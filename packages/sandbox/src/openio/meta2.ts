/** A meta2 service: bases on its volume, its part in their elections, and what a proxy may ask of it. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Mutation, Versions } from './base-file.ts';
import { BaseFile } from './base-file.ts';
import { OioError, refusedConnection } from './codes.ts';
import { Member, standing } from './member.ts';
import type { OwnService, Surroundings } from './surroundings.ts';

export const FROZEN = '4294967295';
export const DISABLED = '4294967294';
export const ENABLED = '0';

export interface ServiceTags {
  location: string;
  score: number;
  up: boolean;
  slots: string;
}

/** What a test may do to one service. */
export interface ServiceFaults {
  /** Every restore into it fails for want of room. */
  diskFull: boolean;
  /** The next restores arrive by half, and are called well done. */
  tornCopies: number;
}

/** How long a change waits for a peer that is about to be a slave. */
const SLAVE_WAIT_MS = 200;

export class Meta2 implements OwnService {
  readonly id: string;
  readonly volume: string;
  readonly cluster: Surroundings;
  readonly tags: ServiceTags;
  readonly faults: ServiceFaults = { diskFull: false, tornCopies: 0 };
  readonly config: Record<string, string> = { 'server.periodic_decache.period': '0', 'server.periodic_decache.max_bases': '1' };
  readonly members: Map<string, Member> = new Map();
  alive = true;
  readonly #files = new Map<string, BaseFile>();
  /** Changes and dumps of one base, one after another. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #busy = new Set<string>();
  #decaching: NodeJS.Timeout | undefined;

  constructor(cluster: Surroundings, id: string, volume: string, tags: ServiceTags) {
    this.cluster = cluster;
    this.id = id;
    this.volume = volume;
    this.tags = tags;
    mkdirSync(join(volume, 'tmp'), { recursive: true });
  }

  file(base: string): BaseFile {
    const known = this.#files.get(base);
    if (known) return known;
    const file = new BaseFile(this.volume, base);
    this.#files.set(base, file);
    return file;
  }

  member(base: string): Member {
    const known = this.members.get(base);
    if (known) return known;
    const member = new Member(this, base);
    this.members.set(base, member);
    return member;
  }

  assertAlive(): void {
    if (!this.alive) throw refusedConnection(this.id);
  }

  /** Its own versions; an empty base is made where there is none. */
  versionsOf(base: string): Versions {
    const file = this.file(base);
    if (!file.exists) file.create(base);
    return file.versions;
  }

  /** Asked by another: makes an empty base where there is none, and takes part in the election from now on. */
  getVersions(base: string, group?: readonly string[]): Versions {
    this.assertAlive();
    const versions = this.versionsOf(base);
    try {
      this.member(base).start(group);
    } catch (error) {
      if (!(error instanceof OioError)) throw error;
    }
    return versions;
  }

  /** As its master sends it. Refused unless it is that one's slave and has all that came before. */
  async replicate(base: string, from: string, before: Versions, mutation: Mutation): Promise<boolean> {
    const member = this.member(base);
    if (!(await this.#becomesSlave(member, from))) return false;
    return this.turn(base, async () => {
      if (!this.alive || member.state !== 'SLAVE' || member.masterUrl !== from) return false;
      const mine = standing(this.file(base).versions, before);
      if (mine !== 'OK') {
        if (mine !== 'AHEAD') member.resync();
        return false;
      }
      this.file(base).applyReplicated(mutation, this.cluster.clock.now());
      return true;
    });
  }

  /** A peer that has only begun its election is waited for a little; one that is taking the whole base is not. */
  async #becomesSlave(member: Member, master: string): Promise<boolean> {
    const until = this.cluster.clock.now() + SLAVE_WAIT_MS;
    for (;;) {
      if (!this.alive) return false;
      if (member.state === 'SLAVE') return member.masterUrl === master;
      if (member.state === 'SYNCING' || member.state === 'MASTER' || member.state === 'FAILED') return false;
      if (member.state === 'NONE') this.#restart(member);
      const left = until - this.cluster.clock.now();
      if (member.state === 'NONE' || left <= 0) return false;
      await this.cluster.waitChange(member.base, left);
    }
  }

  /** One change through the master, on a majority of its peers. `check` looks at `admin` first, in the same turn. */
  async write(base: string, mutation: Mutation, check?: (admin: ReadonlyMap<string, string>) => void): Promise<void> {
    const member = await this.asMaster(base);
    await this.turn(base, async () => {
      const { epoch } = member;
      if (member.state !== 'MASTER') throw new OioError(503, 'the election has changed');
      const file = this.file(base);
      check?.(file.admin);
      const before = file.versions;
      this.#busy.add(base);
      try {
        await file.change(mutation, this.cluster.clock.now(), async () => {
          const peers = member.peers ?? [];
          const answers = await Promise.all(peers.map((peer) => this.cluster.replicateTo(peer, base, this.id, before, mutation)));
          const acks = 1 + answers.filter(Boolean).length;
          if (!this.alive || member.epoch !== epoch || acks < Math.floor((peers.length + 1) / 2) + 1)
            throw new OioError(503, `no quorum: ${acks} of ${peers.length + 1}`);
        });
      } finally {
        this.#busy.delete(base);
      }
      member.lastAccess = this.cluster.clock.now();
    });
  }

  /** Waits for the election; 303 with the master's id when that is another one. */
  async asMaster(base: string): Promise<Member> {
    const member = await this.elected(base);
    if (member.state === 'SLAVE') throw new OioError(303, member.masterUrl ?? '');
    return member;
  }

  async elected(base: string): Promise<Member> {
    this.assertAlive();
    const member = this.member(base);
    member.lastAccess = this.cluster.clock.now();
    try {
      await member.elected(this.cluster.settings.electionTimeoutMs);
    } catch (error) {
      if (error instanceof OioError && error.code === 503)
        throw new OioError(503, `Election failed for ${base}.meta2: (503) ${error.message}`);
      throw error;
    }
    return member;
  }

  async leave(base: string): Promise<void> {
    this.assertAlive();
    const member = this.members.get(base);
    if (!member) return;
    const raced = this.cluster.isRaced(base);
    member.leave();
    await this.cluster.step();
    if (raced) this.#restart(member);
  }

  #restart(member: Member): void {
    try {
      member.start();
    } catch (error) {
      if (!(error instanceof OioError)) throw error;
    }
  }

  removeBase(base: string): boolean {
    this.assertAlive();
    this.members.get(base)?.leave();
    this.members.delete(base);
    return this.file(base).remove();
  }

  /** Takes the base as another has it, refusing what would put a master's data in danger. */
  async restoreFrom(base: string, from: Meta2): Promise<void> {
    this.assertAlive();
    from.assertAlive();
    const member = this.members.get(base);
    if (member?.state === 'MASTER' || member?.state === 'CHECKING_SLAVES')
      throw new OioError(473, 'DB_RESTORE operation is not allowed on the master service');
    if (member?.state === 'SLAVE' && member.masterUrl !== from.id && from.file(base).exists)
      throw new OioError(472, `Refusing DB_RESTORE operation from ${from.id}, only accepted from ${member.masterUrl}`);
    await this.take(base, from);
  }

  /** The copying itself; also how a slave that is behind gets up to date. */
  async take(base: string, from: Meta2): Promise<void> {
    if (!from.file(base).exists) throw new OioError(431, 'sqlite3_open error: (errno=2 No such file or directory) (rc=14) SQLITE_CANTOPEN');
    if (this.faults.diskFull) throw new OioError(500, 'sqlite3_backup error: (errno=28 No space left on device) (rc=13) SQLITE_FULL');
    const dump = join(this.volume, 'tmp', `restore.sqlite3.${this.cluster.random.id(8)}`);
    try {
      await from.turn(base, async () => from.file(base).dumpTo(dump));
      await this.cluster.step();
      this.assertAlive();
      await this.turn(base, async () => {
        const torn = this.faults.tornCopies > 0;
        if (torn) this.faults.tornCopies -= 1;
        this.file(base).restoreFrom(dump, torn);
      });
    } finally {
      rmSync(dump, { force: true });
    }
  }

  turn<T>(base: string, run: () => Promise<T>): Promise<T> {
    const mine = (this.#turns.get(base) ?? Promise.resolve()).then(run, run);
    this.#turns.set(
      base,
      mine.catch(() => undefined),
    );
    return mine;
  }

  setConfig(values: Record<string, string>): Record<string, boolean> {
    this.assertAlive();
    const done: Record<string, boolean> = {};
    for (const [key, value] of Object.entries(values)) {
      done[key] = key in this.config;
      if (done[key]) this.config[key] = value;
    }
    clearInterval(this.#decaching);
    this.#decaching = undefined;
    if (this.config['server.periodic_decache.period'] !== '0')
      this.#decaching = setInterval(() => this.#decache(), this.cluster.settings.decacheTickMs).unref();
    return done;
  }

  /** One base a turn, unless told otherwise; what is in use stays open. */
  #decache(): void {
    let left = Number(this.config['server.periodic_decache.max_bases']);
    for (const [base, file] of this.#files) {
      if (left <= 0) return;
      if (!file.isOpen || this.#busy.has(base)) continue;
      file.close();
      left -= 1;
      this.cluster.changed(base);
    }
  }

  /** The process ends at once; its session with it. */
  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    clearInterval(this.#decaching);
    for (const member of this.members.values()) member.disconnected();
    this.cluster.nodes.drop(this.id);
    this.members.clear();
    for (const file of this.#files.values()) file.close();
    this.config['server.periodic_decache.period'] = '0';
  }

  restart(): void {
    this.alive = true;
  }

  /** ZooKeeper has given its session up, and it comes again under a new one when it is asked next. */
  dropSession(): void {
    for (const member of this.members.values()) member.disconnected();
    this.cluster.nodes.drop(this.id);
  }
}
