/**
 * The ops of a nameserver as lists of tasks. A task of a tablet ends by the next poll, one of the nameserver is instant; either takes a tick here.
 * Nothing is rolled back when one fails.
 */
import type { ClusterState, MetaState, OpState, OpTask, PartitionState, TableState, TabletState } from './state.ts';
import { keyOf } from './state.ts';

/** The partition an op works on. */
export interface Place {
  table: TableState;
  partition: PartitionState;
}

type Result = ReturnType<OpTask['run']>;

/** A new replica counts as alive when it lacks no more entries than these. */
const BINLOG_DELTA = 100_000n;
/** Queues that ops are spread over, unless the call says otherwise. */
const CONCURRENCY = 2;

export class OpMaker {
  readonly #state: ClusterState;
  /** Puts an op behind the one that runs in this queue, or at its end. */
  readonly #enqueue: (op: OpState, asChild: boolean) => void;

  constructor(state: ClusterState, enqueue: (op: OpState, asChild: boolean) => void) {
    this.#state = state;
    this.#enqueue = enqueue;
  }

  /** False where it could not be made: a tablet that would have to do something is away. */
  addReplica(place: Place, to: string): boolean {
    if (!this.#ready(place, to)) return false;
    this.#make('kAddReplicaOP', place, 0, [
      this.#pause(place),
      this.#send(place, to),
      this.#load(place, to),
      this.#follow(place, to),
      this.#resume(place),
      this.#ns(
        'kAddTableInfo',
        () => void place.partition.metas.push({ endpoint: to, isLeader: false, isAlive: false, offset: undefined }),
      ),
      this.#progress(place, to),
      this.#status(place, to, { isLeader: false, isAlive: true }),
    ]);
    return true;
  }

  delReplica(place: Place, from: string): void {
    this.#make('kDelReplicaOP', place, place.partition.pid % 2, [
      this.#unfollow(place),
      this.#ns('kDelTableInfo', () => this.#removeMeta(place, from)),
      this.#drop(place, from),
    ]);
  }

  migrate(place: Place, from: string, to: string): boolean {
    if (!this.#ready(place, to)) return false;
    this.#make('kMigrateOP', place, place.partition.pid % 2, [
      this.#pause(place),
      this.#send(place, to),
      this.#resume(place),
      this.#load(place, to),
      this.#follow(place, to),
      this.#ns(
        'kAddTableInfo',
        () => void place.partition.metas.push({ endpoint: to, isLeader: false, isAlive: false, offset: undefined }),
      ),
      this.#progress(place, to),
      this.#unfollow(place),
      this.#ns('kUpdateTableInfo', () => {
        this.#removeMeta(place, from);
        this.#meta(place, to)!.isAlive = true;
      }),
      this.#drop(place, from),
    ]);
    return true;
  }

  changeLeader(place: Place, candidate: string | undefined, concurrency: number = CONCURRENCY): void {
    const { table, partition } = place;
    let winner: string | undefined;
    let most = 0n;
    this.#make('kChangeLeaderOP', place, partition.pid % concurrency, [
      this.#task('kSelectLeader', () => {
        if (this.#state.autoFailover && this.#state.leader(partition)) return 'fail';
        this.#state.term += 2n;
        // Healthy, living followers are fenced and say how far they are; a candidate is taken whatever it says.
        const answers = partition.metas.flatMap(({ isLeader, isAlive, endpoint }) => {
          const loaded = this.#state.loaded(endpoint, table.tid, partition.pid);
          const tablet = this.#tablet(endpoint);
          return !isLeader && isAlive && tablet?.healthy && tablet.up && loaded ? [{ endpoint, offset: loaded.offset }] : [];
        });
        for (const { endpoint, offset } of answers) {
          if (candidate === undefined && (winner === undefined || offset > most)) winner = endpoint;
          if (endpoint === candidate) winner = endpoint;
          if (offset > most) most = offset;
        }
        return winner === undefined ? 'fail' : 'ok';
      }),
      this.#task('kChangeLeader', () => {
        const loaded = this.#state.loaded(winner!, table.tid, partition.pid);
        if (!this.#tablet(winner!)?.up || !loaded) return 'fail';
        loaded.mode = 'kTableLeader';
        return 'ok';
      }),
      this.#ns('kUpdateLeaderInfo', () => {
        for (const meta of partition.metas) if (meta.isLeader && meta.isAlive) meta.isAlive = false;
        const meta = this.#meta(place, winner!)!;
        meta.isLeader = true;
        meta.isAlive = true;
        partition.terms.push({ term: this.#state.term, offset: most + 1n });
      }),
    ]);
  }

  /** Somebody takes the place of what a tablet led, and its replicas count as dead. Of each partition there is one op at most. */
  offlineEndpoint(endpoint: string, concurrency: number = CONCURRENCY): void {
    for (const place of this.#placesOf(endpoint)) {
      const { metas, pid } = place.partition;
      const leader = this.#state.leader(place.partition);
      const queue = pid % concurrency;
      if (metas.length === 1)
        this.#make('kUpdatePartitionStatusOP', place, queue, [this.#status(place, endpoint, { isLeader: true, isAlive: false })]);
      else if (!leader || leader.endpoint === endpoint) this.changeLeader(place, undefined, concurrency);
      else if (!this.#meta(place, endpoint)!.isLeader)
        this.#make('kOfflineReplicaOP', place, queue, [
          this.#unfollow(place),
          this.#status(place, endpoint, { isLeader: false, isAlive: false }),
        ]);
    }
  }

  /** `restore`: it leads again what it is flagged to have led. */
  recoverEndpoint(endpoint: string, restore: boolean, concurrency: number = CONCURRENCY): void {
    for (const place of this.#placesOf(endpoint)) {
      const meta = this.#meta(place, endpoint)!;
      if (meta.isAlive && place.partition.metas.length > 1) continue;
      const led = this.#state.leader(place.partition)?.endpoint;
      const restores = restore && meta.isLeader && led !== undefined;
      this.recoverTable(place, endpoint, concurrency);
      if (!restores) continue;
      this.changeLeader(place, endpoint, concurrency);
      this.recoverTable(place, led, concurrency);
    }
  }

  #placesOf(endpoint: string): Place[] {
    return this.#state.tables.flatMap((table) =>
      table.partitions.filter(({ metas }) => metas.some((meta) => meta.endpoint === endpoint)).map((partition) => ({ table, partition })),
    );
  }

  recoverTable(place: Place, endpoint: string, concurrency: number = CONCURRENCY): boolean {
    if (!this.#state.tablet(endpoint)?.up) return false;
    this.#make('kRecoverTableOP', place, place.partition.pid % concurrency, [
      this.#task('kRecoverTable', () => this.#recover(place, endpoint)),
    ]);
    return true;
  }

  #recover(place: Place, endpoint: string): Result {
    const { table, partition } = place;
    const meta = this.#meta(place, endpoint);
    const queue = partition.pid % 2;
    if (!meta || meta.isAlive) return 'ok';
    const tablet = this.#tablet(endpoint);
    if (!tablet?.up) return 'fail';
    const key = keyOf(table.tid, partition.pid);
    const loaded = tablet.loaded.get(key);
    if (partition.metas.length === 1) {
      if (loaded)
        this.#make('kUpdatePartitionStatusOP', place, queue, [this.#status(place, endpoint, { isLeader: true, isAlive: true })], true);
      else
        this.#make(
          'kReLoadTableOP',
          place,
          queue,
          [this.#load(place, endpoint, 'kTableLeader'), this.#status(place, endpoint, { isLeader: true, isAlive: true })],
          true,
        );
      return 'ok';
    }
    const leader = this.#state.leader(partition);
    if (!leader || !this.#state.tablet(leader.endpoint)?.healthy) return 'fail';
    if (loaded?.mode === 'kTableLeader') loaded.mode = 'kTableFollower';
    const end = [
      this.#follow(place, endpoint),
      this.#progress(place, endpoint),
      this.#status(place, endpoint, { isLeader: false, isAlive: true }),
    ];
    const offset = loaded?.offset ?? tablet.disk.get(key);
    const leads = this.#state.loaded(leader.endpoint, table.tid, partition.pid);
    // It has gone on in a reign that was over, so what it has is no beginning of what the leader has.
    const reign = partition.terms.at(-1);
    const matches =
      offset !== undefined &&
      leads !== undefined &&
      offset <= leads.offset &&
      (reign === undefined || offset < reign.offset + 1n || meta.isLeader === false);
    if (loaded && matches) this.#make('kReAddReplicaSimplifyOP', place, queue, end, true);
    else if (loaded)
      this.#make(
        'kReAddReplicaWithDropOP',
        place,
        queue,
        [
          this.#pause(place),
          this.#drop(place, endpoint),
          this.#send(place, endpoint),
          this.#load(place, endpoint),
          this.#resume(place),
          ...end,
        ],
        true,
      );
    else if (matches)
      this.#make(
        'kReAddReplicaNoSendOP',
        place,
        queue,
        [this.#pause(place), this.#load(place, endpoint), this.#resume(place), ...end],
        true,
      );
    else
      this.#make(
        'kReAddReplicaOP',
        place,
        queue,
        [this.#pause(place), this.#send(place, endpoint), this.#load(place, endpoint), this.#resume(place), ...end],
        true,
      );
    return 'ok';
  }

  #make(type: string, { table, partition }: Place, queue: number, tasks: OpTask[], asChild = false): void {
    this.#state.opIndex += 1n;
    const { db, name } = table;
    const op: OpState = {
      id: this.#state.opIndex,
      type,
      db,
      name,
      pid: partition.pid,
      status: 'kInited',
      startTime: 0n,
      endTime: 0n,
      tasks,
      at: 0,
      queue,
    };
    this.#enqueue(op, asChild);
  }

  #task(name: string, run: () => Result): OpTask {
    return { name, run };
  }

  #ns(name: string, change: () => void): OpTask {
    return this.#task(name, () => {
      change();
      return 'ok';
    });
  }

  #ready({ partition }: Place, to: string): boolean {
    const leader = this.#state.leader(partition);
    return leader !== undefined && this.#state.tablet(leader.endpoint)?.healthy === true && this.#state.tablet(to)?.healthy === true;
  }

  #tablet(endpoint: string): TabletState | undefined {
    return this.#state.tablet(endpoint);
  }

  #meta({ partition }: Place, endpoint: string): MetaState | undefined {
    return partition.metas.find((meta) => meta.endpoint === endpoint);
  }

  #removeMeta({ partition }: Place, endpoint: string): void {
    partition.metas = partition.metas.filter((meta) => meta.endpoint !== endpoint);
  }

  /** A task of the leader's tablet. */
  #atLeader(name: string, place: Place, change: (state: { state: string; offset: bigint }) => Result): OpTask {
    return this.#task(name, () => {
      const leader = this.#state.leader(place.partition);
      const tablet = leader && this.#tablet(leader.endpoint);
      const loaded = tablet?.loaded.get(keyOf(place.table.tid, place.partition.pid));
      if (!tablet?.up || loaded?.mode !== 'kTableLeader') return 'fail';
      return change(loaded);
    });
  }

  #pause(place: Place): OpTask {
    return this.#atLeader('kPauseSnapshot', place, (loaded) => {
      if (loaded.state !== 'kTableNormal' && loaded.state !== 'kSnapshotPaused') return 'fail';
      loaded.state = 'kSnapshotPaused';
      return 'ok';
    });
  }

  #resume(place: Place): OpTask {
    return this.#atLeader('kRecoverSnapshot', place, (loaded) => {
      loaded.state = 'kTableNormal';
      return 'ok';
    });
  }

  #send(place: Place, to: string): OpTask {
    return this.#atLeader('kSendSnapshot', place, ({ offset }) => {
      const tablet = this.#tablet(to);
      if (!tablet?.up) return 'fail';
      tablet.disk.set(keyOf(place.table.tid, place.partition.pid), offset);
      return 'ok';
    });
  }

  #load({ table, partition }: Place, endpoint: string, mode: 'kTableLeader' | 'kTableFollower' = 'kTableFollower'): OpTask {
    return this.#task('kLoadTable', () => {
      const tablet = this.#tablet(endpoint);
      const key = keyOf(table.tid, partition.pid);
      if (!tablet?.up || tablet.loaded.has(key)) return 'fail';
      tablet.loaded.set(key, { mode, state: 'kTableNormal', offset: tablet.disk.get(key) ?? 0n });
      return 'ok';
    });
  }

  /** The leader's tablet sends its log there from now on; "already exists" counts as done. */
  #follow(place: Place, to: string): OpTask {
    return this.#atLeader('kAddReplica', place, ({ offset }) => {
      const loaded = this.#state.loaded(to, place.table.tid, place.partition.pid);
      if (loaded && !this.#tablet(to)?.slow) loaded.offset = offset;
      return 'ok';
    });
  }

  #unfollow(place: Place): OpTask {
    return this.#atLeader('kDelReplica', place, () => 'ok');
  }

  #progress(place: Place, to: string): OpTask {
    return this.#task('kCheckBinlogSyncProgress', () => {
      const { table, partition } = place;
      const leader = this.#state.leader(partition);
      const leads = leader && this.#state.loaded(leader.endpoint, table.tid, partition.pid);
      const follows = this.#state.loaded(to, table.tid, partition.pid);
      return follows && (!leads || leads.offset <= follows.offset + BINLOG_DELTA) ? 'ok' : 'wait';
    });
  }

  #status(place: Place, endpoint: string, flags: { isLeader: boolean; isAlive: boolean }): OpTask {
    return this.#task('kUpdatePartitionStatus', () => {
      const meta = this.#meta(place, endpoint);
      if (!meta) return 'fail';
      Object.assign(meta, flags);
      meta.offset ??= this.#state.loaded(endpoint, place.table.tid, place.partition.pid)?.offset;
      return 'ok';
    });
  }

  #drop({ table, partition }: Place, endpoint: string): OpTask {
    return this.#task('kDropTable', () => {
      const tablet = this.#tablet(endpoint);
      const key = keyOf(table.tid, partition.pid);
      if (!tablet?.up || !tablet.loaded.delete(key)) return 'fail';
      tablet.disk.delete(key);
      return 'ok';
    });
  }
}
