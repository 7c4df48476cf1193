/** The calls a meta and a replica answer: from the fields of a request to the bytes of an answer. */
import type { PegasusClusterState } from './cluster.ts';
import { DENY, type Duplication, type DupStatus, type Partition, type Table } from './state.ts';
import { address, type Fields, gpid, hostPort, type Inner, i32, i64, Out, T, text } from './wire.ts';

const APP_STATUS: Readonly<Record<Table['status'], number>> = { AS_AVAILABLE: 1, AS_CREATING: 2, AS_DROPPED: 6 };
const DUP_STATUS: readonly DupStatus[] = ['DS_INIT', 'DS_PREPARE', 'DS_APP', 'DS_LOG', 'DS_PAUSE', 'DS_REMOVED'];
const FAIL_MODES = ['FAIL_SLOW', 'FAIL_SKIP', 'FAIL_FAST'] as const;
const DENIALS = ['timeout*all', 'timeout*write', 'timeout*read', 'reconfig*all', 'reconfig*write', 'reconfig*read'];

/** An answer as the inside of its struct, or the text of a command. */
export type Answer = { struct: Out } | { text: string };
type Call = (cluster: PegasusClusterState, fields: Fields, node: string) => Answer;

/** Fields of type struct in the requests, by call. */
export const INNER: Readonly<Record<string, { [id: number]: Inner }>> = {
  RPC_CM_DDD_DIAGNOSE: { 1: 'gpid' },
  RPC_CM_PROPOSE_BALANCER: { 1: 'gpid', 2: { 1: 'address', 2: 'address', 5: 'host-port', 6: 'host-port' } },
  RPC_CM_CREATE_APP: { 2: {} },
  RPC_CM_DROP_APP: { 2: {} },
};

const str = (fields: Fields, id: number): string => (typeof fields.get(id) === 'string' ? (fields.get(id) as string) : '');
const num = (fields: Fields, id: number, absent = 0): number => (typeof fields.get(id) === 'number' ? (fields.get(id) as number) : absent);
const error = (name: string): Out => new Out().bare(1, text(name));
const ok = (): Out => error('ERR_OK');
const answer = (struct: Out): Answer => ({ struct });

/** What a server that does not lead says; of the query of a configuration, with who does. */
export function forward(call: string, leader: string, newer: boolean): Answer {
  if (call !== 'RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX') return answer(error('ERR_FORWARD_TO_OTHERS'));
  const nobody: Partition = { primary: leader, secondaries: [], ballot: 0, committed: 0, lastClient: 0, carry: 0, wroteAt: 0, entries: 0 };
  const out = error('ERR_FORWARD_TO_OTHERS').i32(2, 0).i32(3, 0).bool(4, false);
  return answer(out.list(5, T.struct, [partitionBytes(0, 0, nobody, 0, newer)]));
}

function partitionBytes(app: number, index: number, { primary, secondaries, ballot }: Partition, replicas: number, newer: boolean): Buffer {
  const out = new Out()
    .bare(1, gpid(app, index))
    .i64(2, ballot)
    .i32(3, replicas)
    .bare(4, address(primary))
    .list(5, T.struct, secondaries.map(address))
    .list(6, T.struct, [])
    .i64(7, 0) // the meta does not follow the writes
    .i32(8, 0);
  if (newer) out.bare(9, hostPort(primary)).list(10, T.struct, secondaries.map(hostPort)).list(11, T.struct, []);
  return out.end();
}

function appBytes(table: Table): Buffer {
  return new Out()
    .i32(1, APP_STATUS[table.status])
    .text(2, 'pegasus')
    .text(3, table.name)
    .i32(4, table.id)
    .i32(5, table.partitions.length)
    .map(
      6,
      T.text,
      T.text,
      [...table.envs].map(([key, value]): [Buffer, Buffer] => [text(key), text(value)]),
    )
    .bool(7, true)
    .i32(8, table.replicaCount)
    .i64(9, 0)
    .i64(10, Math.floor(table.createdAt / 1000))
    .i64(11, 0)
    .bool(12, table.duplications.length > 0)
    .end();
}

function entryBytes(table: Table, dup: Duplication, newer: boolean): Buffer {
  const out = new Out().i32(1, dup.id).i32(2, DUP_STATUS.indexOf(dup.status)).text(3, dup.remote).i64(4, dup.createdAt);
  const of = (bytes: (confirmed: number, committed: number) => Buffer): [Buffer, Buffer][] =>
    dup.shippers.map(({ confirmed, told }, index) => [i32(index), bytes(confirmed, told)]);
  if (!newer) return out.map(5, T.i32, T.i64, of(i64)).i32(7, FAIL_MODES.indexOf(dup.failMode)).end();
  return out
    .i32(7, FAIL_MODES.indexOf(dup.failMode))
    .text(8, table.name)
    .i32(9, table.replicaCount)
    .map(
      11,
      T.i32,
      T.struct,
      of((confirmed, committed) => new Out().i64(1, confirmed).i64(2, committed).end()),
    )
    .end();
}

const queryConfig: Call = (cluster, fields) => {
  const table = cluster.table(str(fields, 1));
  if (table === undefined) return answer(error('ERR_OBJECT_NOT_FOUND').i32(2, 0).i32(3, 0).bool(4, false).list(5, T.struct, []));
  const wanted = fields.get(2) as number[] | undefined;
  const partitions = table.partitions
    .map((partition, index) => ({ partition, index }))
    .filter(({ index }) => wanted === undefined || wanted.length === 0 || wanted.includes(index));
  return answer(
    ok()
      .i32(2, table.id)
      .i32(3, table.partitions.length)
      .bool(4, true)
      .list(
        5,
        T.struct,
        partitions.map(({ partition, index }) =>
          partitionBytes(table.id, index, partition, table.replicaCount, cluster.settings.dialect === '2.6'),
        ),
      ),
  );
};

/** By the number of a kind of pattern; 0, or none given, is every name. A pattern that is none fits nothing. */
function matching(pattern: string, how: number): (name: string) => boolean {
  switch (how) {
    case 2:
      return (name) => name === pattern;
    case 3:
      return (name) => name.includes(pattern);
    case 4:
      return (name) => name.startsWith(pattern);
    case 5:
      return (name) => name.endsWith(pattern);
    case 6:
      return expression(pattern);
    default:
      return () => true;
  }
}

function expression(pattern: string): (name: string) => boolean {
  try {
    const read = new RegExp(pattern);
    return (name) => read.test(name);
  } catch {
    return () => false; // whoever asks may send anything
  }
}

const listApps: Call = (cluster, fields) => {
  const status = num(fields, 1);
  const fits = matching(str(fields, 2), num(fields, 3));
  const infos = cluster.tables.filter((table) => (status === 0 || APP_STATUS[table.status] === status) && fits(table.name)).map(appBytes);
  return answer(ok().list(2, T.struct, infos));
};

const listNodes: Call = (cluster, fields) => {
  const wanted = num(fields, 1);
  const nodes = cluster.nodes.map((node) => ({ node, status: cluster.alive(node) ? 1 : 2 })).sort((a, b) => a.status - b.status);
  const infos = nodes
    .filter(({ status }) => wanted === 0 || wanted === status)
    .map(({ node, status }) => {
      const out = new Out().i32(1, status).bare(2, address(node));
      return (cluster.settings.dialect === '2.6' ? out.bare(3, hostPort(node)) : out).end();
    });
  return answer(ok().list(2, T.struct, infos));
};

const clusterInfo: Call = (cluster) => {
  const all: [string, string][] = [
    ['meta_servers', cluster.metas.join(',')],
    ['primary_meta_server', cluster.metas[cluster.leader] ?? ''],
    ['zookeeper_hosts', cluster.settings.zookeeperHosts],
    ['zookeeper_root', `/pegasus/${cluster.settings.name}`],
    ['meta_function_level', 'lively'],
    ['balance_operation_count', 'move_primary=0,copy_primary=0,copy_secondary=0,total=0'],
    ['primary_replica_count_stddev', '0.00'],
    ['total_replica_count_stddev', '0.00'],
    ['cluster_name', cluster.settings.name],
  ];
  return answer(
    ok()
      .list(
        2,
        T.text,
        all.map(([key]) => text(key)),
      )
      .list(
        3,
        T.text,
        all.map(([, value]) => text(value)),
      ),
  );
};

const addDuplication: Call = (cluster, fields) => {
  const [name, remote] = [str(fields, 1), str(fields, 2)];
  const newer = cluster.settings.dialect === '2.6';
  const said = (err: string, hint: string): Answer => answer(error(err).i32(2, 0).i32(3, 0).text(4, hint));
  const given = (err: string, table: Table, dup: Duplication): Answer => {
    const out = error(err).i32(2, table.id).i32(3, dup.id);
    return answer(newer ? out.text(5, name).i32(6, table.replicaCount) : out);
  };
  if (remote === cluster.settings.name) return said('ERR_INVALID_PARAMETERS', 'illegal operation: adding duplication to itself');
  if (!cluster.neighbours.has(remote))
    return said('ERR_INVALID_PARAMETERS', `failed to find cluster[${remote}] address in config [pegasus.clusters]`);
  const table = cluster.table(name);
  if (table === undefined) return said('ERR_APP_NOT_EXIST', `app ${name} was not found`);
  const known = table.duplications.find((dup) => dup.remote === remote);
  const checkpoint = fields.get(3) !== false;
  if (known === undefined) return given('ERR_OK', table, cluster.addDuplication(table, remote, checkpoint));
  if (known.status === 'DS_PREPARE') return given(newer ? 'ERR_DUP_EXIST' : 'ERR_OK', table, known);
  if (newer) return said('ERR_INVALID_PARAMETERS', `start dup[${name}(${known.id})] failed: err = ERR_INVALID_PARAMETERS`);
  return answer(ok().i32(2, 0).i32(3, 0)); // 2.4 and 2.5 say so of what they have not done
};

const NEXT: Readonly<Record<DupStatus, readonly DupStatus[]>> = {
  DS_INIT: ['DS_PREPARE', 'DS_LOG'],
  DS_PREPARE: ['DS_APP'],
  DS_APP: ['DS_LOG'],
  DS_LOG: ['DS_PAUSE'],
  DS_PAUSE: ['DS_LOG'],
  DS_REMOVED: [],
};

const modifyDuplication: Call = (cluster, fields) => {
  const table = cluster.table(str(fields, 1));
  if (table === undefined) return answer(error('ERR_APP_NOT_EXIST').i32(2, 0));
  const dup = table.duplications.find(({ id }) => id === num(fields, 2));
  if (dup === undefined) return answer(error('ERR_OBJECT_NOT_FOUND').i32(2, 0));
  const status = fields.has(3) ? DUP_STATUS[num(fields, 3)] : undefined;
  if (status !== undefined && status !== dup.status) {
    if (status !== 'DS_REMOVED' && !NEXT[dup.status].includes(status)) return answer(error('ERR_INVALID_PARAMETERS').i32(2, 0));
    cluster.setStatus(table, dup, status);
  }
  if (fields.has(4)) dup.failMode = FAIL_MODES[num(fields, 4)] ?? dup.failMode;
  return answer(ok().i32(2, table.id));
};

const queryDuplication: Call = (cluster, fields) => {
  const table = cluster.table(str(fields, 1));
  if (table === undefined) return answer(error('ERR_APP_NOT_EXIST').i32(3, 0).list(4, T.struct, []));
  const entries = table.duplications.map((dup) => entryBytes(table, dup, cluster.settings.dialect === '2.6'));
  return answer(ok().i32(3, table.id).list(4, T.struct, entries));
};

const listDuplication: Call = (cluster, fields) => {
  const how = num(fields, 2);
  const fits = matching(str(fields, 1), how);
  const tables = cluster.tables.filter(({ name, status }) => how !== 0 && status !== 'AS_DROPPED' && fits(name));
  const states = tables.map((table): [Buffer, Buffer] => [
    text(table.name),
    new Out()
      .i32(1, table.id)
      .map(
        2,
        T.i32,
        T.struct,
        table.duplications.map((dup): [Buffer, Buffer] => [i32(dup.id), entryBytes(table, dup, true)]),
      )
      .text(3, table.name)
      .i32(4, table.partitions.length)
      .end(),
  ]);
  return answer(ok().text(2, '').map(3, T.text, T.struct, states));
};

const updateEnv: Call = (cluster, fields) => {
  const table = cluster.table(str(fields, 1));
  const said = (err: string, hint: string): Answer => answer(error(err).text(2, hint));
  if (table === undefined) return said('ERR_APP_NOT_EXIST', 'app cannot be found');
  const keys = (fields.get(3) as string[] | undefined) ?? [];
  const values = (fields.get(4) as string[] | undefined) ?? [];
  switch (num(fields, 2)) {
    case 1: {
      if (keys.length === 0 || keys.length !== values.length) return said('ERR_INVALID_PARAMETERS', 'keys and values do not match');
      const at = keys.indexOf(DENY);
      if (at >= 0 && !DENIALS.includes(values[at] ?? ''))
        return said(
          'ERR_INVALID_PARAMETERS',
          `Invalid deny client args, valid include: ${DENIALS.slice(0, 3).join(', ')}; ${DENIALS.slice(3).join(', ')}`,
        );
      for (const [index, key] of keys.entries()) cluster.setEnv(table, key, values[index]);
      return said('ERR_OK', '');
    }
    case 2: {
      const there = keys.filter((key) => table.envs.has(key));
      for (const key of there) cluster.setEnv(table, key, undefined);
      return said(
        'ERR_OK',
        there.length === 0 ? 'no key needs to be deleted' : `deleted keys:${there.map((key) => `\n    ${key}`).join('')}`,
      );
    }
    case 3: {
      const prefix = str(fields, 5);
      for (const key of [...table.envs.keys()]) if (prefix === '' || key.startsWith(`${prefix}.`)) cluster.setEnv(table, key, undefined);
      return said('ERR_OK', '');
    }
    default:
      return said('ERR_INVALID_PARAMETERS', 'unknown operation');
  }
};

const createApp: Call = (cluster, fields) => {
  const name = str(fields, 1);
  const options = (fields.get(2) as Fields | undefined) ?? new Map();
  const known = cluster.table(name);
  if (known !== undefined && options.get(3) !== true) return answer(error('ERR_APP_EXIST').i32(2, 0));
  const envs = Object.fromEntries((options.get(6) as Map<string, string> | undefined) ?? []);
  const table = known ?? cluster.addTable({ name, partitions: num(options, 1, 4), replicaCount: num(options, 2, 3), envs });
  return answer(ok().i32(2, table.id));
};

const dropApp: Call = (cluster, fields) => {
  const table = cluster.table(str(fields, 1));
  const options = (fields.get(2) as Fields | undefined) ?? new Map();
  if (table === undefined) return answer(error(options.get(1) === true ? 'ERR_OK' : 'ERR_APP_NOT_EXIST'));
  table.status = 'AS_DROPPED';
  table.droppedForS = num(options, 2);
  cluster.history.push(`drop ${table.name}`);
  return answer(ok());
};

const diagnose: Call = (cluster, fields) => {
  const pid = fields.get(1) as { app: number } | undefined;
  const lost = cluster.tables
    .filter(({ id }) => (pid?.app ?? -1) === -1 || pid?.app === id)
    .flatMap((table) =>
      table.partitions.flatMap((partition, index) =>
        cluster.alive(partition.primary)
          ? []
          : [
              new Out()
                .bare(1, partitionBytes(table.id, index, partition, table.replicaCount, false))
                .list(2, T.struct, [])
                .text(3, `the last dropped node ${partition.primary} haven't come back yet`)
                .end(),
            ],
      ),
    );
  return answer(ok().list(2, T.struct, lost));
};

const propose: Call = (cluster, fields) => {
  const pid = fields.get(1) as { app: number; partition: number } | undefined;
  const table = cluster.tables.find(({ id }) => id === pid?.app);
  if (table === undefined || pid === undefined) return answer(error('ERR_OBJECT_NOT_FOUND'));
  const upgraded = (fields.get(2) as Fields[]).find((action) => action.get(3) === 2)?.get(2);
  if (table.partitions[pid.partition]?.secondaries.includes(String(upgraded))) cluster.movePrimary(table, pid.partition);
  return answer(ok());
};

const control: Call = (cluster, fields) => {
  const old = cluster.level;
  const wanted = num(fields, 1);
  if (wanted !== 10_000) cluster.level = wanted;
  return answer(ok().i32(2, old));
};

const VERSIONS = { '2.4': 'Pegasus Server 2.4.0 (longshore-sandbox) Release', '2.6': 'Pegasus Server 2.6.0 (longshore-sandbox) Release' };

const typeOf = (name: string): string => (name.includes('*rdb.') ? 'NUMBER' : name.includes('@') ? 'RATE' : 'VOLATILE_NUMBER');

const command: Call = (cluster, fields, node) => {
  const cmd = str(fields, 1);
  const given = (fields.get(2) as string[] | undefined) ?? [];
  if (cmd === 'server-info') return { text: VERSIONS[cluster.settings.dialect] };
  if (cmd === 'help') return { text: 'help\nserver-info\nserver-stat\n' };
  if (cmd === 'server-stat') return { text: 'ok' };
  const kind = /^perf-counters(?:-by-(substr|prefix|postfix))?$/.exec(cmd);
  if (kind === null || !cluster.settings.counters) return { text: `unknown command '${cmd}'` };
  const fits = (name: string): boolean =>
    given.some((part) =>
      kind[1] === 'substr'
        ? name.includes(part)
        : kind[1] === 'prefix'
          ? name.startsWith(part)
          : kind[1] === 'postfix'
            ? name.endsWith(part)
            : expression(part)(name),
    );
  const now = cluster.now();
  const counters = [...cluster.counters(node)].filter(([name]) => fits(name)).map(([name, value]) => ({ name, type: typeOf(name), value }));
  const stamp = new Date(now).toISOString().slice(0, 19).replace('T', ' ');
  return { text: JSON.stringify({ result: 'OK', timestamp: Math.floor(now / 1000), timestamp_str: stamp, counters }) };
};

export const CALLS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ['RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX', queryConfig],
  ['RPC_CM_LIST_APPS', listApps],
  ['RPC_CM_LIST_NODES', listNodes],
  ['RPC_CM_CLUSTER_INFO', clusterInfo],
  ['RPC_CM_ADD_DUPLICATION', addDuplication],
  ['RPC_CM_MODIFY_DUPLICATION', modifyDuplication],
  ['RPC_CM_QUERY_DUPLICATION', queryDuplication],
  ['RPC_CM_LIST_DUPLICATION', listDuplication],
  ['RPC_CM_UPDATE_APP_ENV', updateEnv],
  ['RPC_CM_CREATE_APP', createApp],
  ['RPC_CM_DROP_APP', dropApp],
  ['RPC_CM_DDD_DIAGNOSE', diagnose],
  ['RPC_CM_PROPOSE_BALANCER', propose],
  ['RPC_CM_CONTROL_META', control],
  ['RPC_CLI_CLI_CALL', command],
]);

/** Calls that only servers after 2.5 have. */
export const NEWER: ReadonlySet<string> = new Set(['RPC_CM_LIST_DUPLICATION']);
