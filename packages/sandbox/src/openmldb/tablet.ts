/** The calls of a tablet. */
import type { Fields, Message } from './json.ts';
import type { ClusterState, TabletState } from './state.ts';
import { keyOf } from './state.ts';

const WHICH: Fields = { tid: { type: 'number' }, pid: { type: 'number' } };

export const TABLET_METHODS: Readonly<Record<string, Fields>> = {
  GetTableStatus: WHICH,
  GetTableFollower: WHICH,
  RecoverSnapshot: { tid: { type: 'number', required: true }, pid: { type: 'number', required: true } },
  LoadTable: {
    table_meta: {
      type: 'message',
      fields: {
        name: { type: 'string' },
        db: { type: 'string' },
        tid: { type: 'number' },
        pid: { type: 'number' },
        mode: { type: 'string' },
        storage_mode: { type: 'string' },
      },
    },
  },
};

export class TabletCalls {
  readonly #state: ClusterState;
  readonly #tablet: TabletState;
  /** Ticks until a load is through. */
  readonly #later: (act: () => void) => void;

  constructor(state: ClusterState, tablet: TabletState, later: (act: () => void) => void) {
    this.#state = state;
    this.#tablet = tablet;
    this.#later = later;
  }

  call(method: string, body: Message): Message {
    const tid = body.tid === undefined ? undefined : Number(body.tid);
    const pid = body.pid === undefined ? undefined : Number(body.pid);
    if (method === 'GetTableStatus') return { all_table_status: this.#statuses(tid, pid), code: 0 };
    if (method === 'GetTableFollower') return this.#followers(tid ?? 0, pid ?? 0);
    if (method === 'RecoverSnapshot') return this.#recoverSnapshot(tid ?? 0, pid ?? 0);
    return this.#load((body.table_meta ?? {}) as Message);
  }

  #statuses(tid: number | undefined, pid: number | undefined): Message[] {
    return [...this.#tablet.loaded].flatMap(([key, { mode, state, offset }]) => {
      const [ownTid, ownPid] = key.split('_').map(Number) as [number, number];
      if ((tid !== undefined && ownTid !== tid) || (pid !== undefined && ownPid !== pid)) return [];
      // The real server sets these whatever they are.
      return [
        { tid: ownTid, pid: ownPid, offset, mode, state, name: this.#state.tables.find((table) => table.tid === ownTid)?.name ?? '' },
      ];
    });
  }

  #followers(tid: number, pid: number): Message {
    const loaded = this.#tablet.loaded.get(keyOf(tid, pid));
    if (!loaded) return { code: 100, msg: 'table is not exist' };
    if (loaded.mode !== 'kTableLeader') return { code: 103, msg: 'table is follower' };
    const partition = this.#state.tables.find((table) => table.tid === tid)?.partitions.find((one) => one.pid === pid);
    const others = (partition?.metas ?? []).filter(
      ({ endpoint, isAlive, isLeader }) => isAlive && !isLeader && endpoint !== this.#tablet.endpoint,
    );
    if (others.length === 0) return { code: 134, msg: 'has no follower' };
    return {
      code: 0,
      msg: 'ok',
      offset: loaded.offset,
      follower_info: others.map(({ endpoint }) => ({ endpoint, offset: this.#state.loaded(endpoint, tid, pid)?.offset ?? 0n })),
    };
  }

  #recoverSnapshot(tid: number, pid: number): Message {
    const loaded = this.#tablet.loaded.get(keyOf(tid, pid));
    if (!loaded) return { code: 100, msg: 'table is not exist' };
    if (loaded.state !== 'kSnapshotPaused' && loaded.state !== 'kTableNormal')
      return { code: 107, msg: 'table status is not kSnapshotPaused' };
    loaded.state = 'kTableNormal';
    return { code: 0, msg: 'ok' };
  }

  #load({ tid: givenTid, pid: givenPid, mode, storage_mode: storage }: Message): Message {
    const tid = Number(givenTid ?? 0);
    const pid = Number(givenPid ?? 0);
    if (tid <= 0) return { code: 129, msg: 'table meta is illegal' };
    const key = keyOf(tid, pid);
    if (this.#tablet.loaded.has(key)) return { code: 101, msg: 'table already exists' };
    const table = this.#state.tables.find((one) => one.tid === tid);
    if (table && storage !== undefined && storage !== table.storageMode) return { code: 138, msg: 'fail to get db root path' };
    const offset = this.#tablet.disk.get(key) ?? 0n;
    // Without a role the one in the file beside the data counts; here as where no file is: the first value of the enum.
    const loaded = {
      mode: mode === 'kTableFollower' ? ('kTableFollower' as const) : ('kTableLeader' as const),
      state: 'kTableLoading',
      offset,
    };
    this.#tablet.loaded.set(key, loaded);
    this.#later(() => {
      loaded.state = 'kTableNormal';
    });
    return { code: 0, msg: 'ok' };
  }
}
