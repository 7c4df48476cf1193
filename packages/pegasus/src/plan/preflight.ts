/** Everything that stands in the way of a migration, all at once. Pure: same snapshot, same findings. */
import type { ErrorData, Finding } from '@longshore/core';
import { DeniedBySomebodyElse, NoPrimary, PreflightFailed } from '../errors.ts';
import { DENY_KEY, type Proof } from '../model.ts';
import type { MigrateParams } from '../params.ts';
import type { Snapshot, SourceSnapshot, TargetSnapshot } from '../reading/snapshot.ts';
import { zeroForMs } from './drain.ts';

const OLDEST = [2, 4] as const;
/** Default of the shipped original, which its own documentation gives as 10,000. */
export const ORIGINAL_THRESHOLD = 100_000;

/** The best of what the servers offer. */
export function proofOf({ server, hostPorts, offers }: Pick<SourceSnapshot, 'server' | 'hostPorts' | 'offers'>): Proof {
  if (offers.page) return 'page';
  const [major = 0, minor = 0] = versionOf(server) ?? [];
  if (hostPorts || major > 2 || (major === 2 && minor >= 6)) return 'decrees';
  return offers.metrics ? 'metrics' : 'counters';
}

/** `[2, 4, 0]` of `Pegasus Server 2.4.0 (…) Release`; undefined where it says no number. */
export function versionOf(server: string): number[] | undefined {
  const found = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(server);
  return found?.slice(1).map((digits) => Number(digits ?? 0));
}

const error = (what: string, remedy: string): Finding => {
  const { data } = PreflightFailed({ what, remedy });
  return { level: 'error', text: what, error: data };
};
const unreadable = (what: string, cause: ErrorData): Finding => error(`${what}: ${cause.message}`, cause.fix);
const info = (text: string): Finding => ({ level: 'info', text });
const warning = (text: string): Finding => ({ level: 'warning', text });

export function preflight(params: MigrateParams, snapshot: Snapshot): Finding[] {
  return [
    ...ofSource(params, snapshot.source),
    ...ofTarget(params, snapshot),
    ...ofProxy(params, snapshot),
    ...ofProof(params, snapshot.source),
    info(
      `writes are denied when fewer than ${params.threshold} mutations of this table wait, summed over its partitions; the original counted per node, over all tables, and shipped with ${ORIGINAL_THRESHOLD}`,
    ),
  ];
}

function ofSource({ table: name, cluster }: MigrateParams, source: SourceSnapshot): Finding[] {
  const found: Finding[] = [];
  const version = versionOf(source.server);
  const dialect = source.hostPorts ? 'with host_port fields' : 'without host_port fields';
  if (version === undefined) found.push(warning(`the source does not say its version (${source.server}); it is taken for 2.4 or later`));
  else if ((version[0] ?? 0) < OLDEST[0] || ((version[0] ?? 0) === OLDEST[0] && (version[1] ?? 0) < OLDEST[1]))
    found.push(
      error(`the source runs ${source.server}, and duplications of whole tables came with 2.4`, 'Upgrade the source cluster first.'),
    );
  else found.push(info(`the source ${source.name} runs ${source.server}, ${dialect}`));
  const { table } = source;
  if (table === undefined) return [...found, error(`there is no table ${name} at ${source.service}`, 'Check the name and the cluster.')];
  if (table.status !== 'AS_AVAILABLE')
    found.push(error(`the table ${name} is not available (${table.status})`, 'Wait until it is, or see why it is not.'));
  if (source.partitionsWithoutPrimary.length > 0) {
    const { message, data } = NoPrimary({ table: name, partitions: source.partitionsWithoutPrimary });
    found.push({ level: 'error', text: message, error: { ...data, exitCode: 4, retryable: false } });
  }
  found.push(...ofVersions(name, source));
  const denied = table.envs.get(DENY_KEY);
  if (denied !== undefined) {
    const { message, data } = DeniedBySomebodyElse({ table: name, value: denied });
    found.push({ level: 'error', text: message, error: data });
  }
  if (source.duplicationOff !== undefined)
    found.push(
      error(`the source duplicates nothing: ${source.duplicationOff}`, 'Set duplication_enabled of the source servers and restart them.'),
    );
  if (source.name === cluster) found.push(error(`${cluster} is the source itself`, 'Name the cluster the table is to go to.'));
  for (const dup of source.duplications) {
    if (dup.remote !== cluster)
      found.push(
        error(
          `${name} is duplicated to ${dup.remote} too (duplication ${dup.dupid}); after the switch that one would be left behind`,
          'Remove that duplication, or move what depends on it first.',
        ),
      );
    else if (dup.status === 'DS_PAUSE')
      found.push(
        error(`the duplication ${dup.dupid} to ${cluster} is there and paused by somebody`, 'Let it go on (dup start), or remove it.'),
      );
    else if (dup.failMode === 'FAIL_SKIP')
      found.push(
        error(
          `the duplication ${dup.dupid} to ${cluster} skips what it cannot ship (FAIL_SKIP)`,
          'Set its fail mode to FAIL_SLOW, or remove it.',
        ),
      );
    else found.push(info(`the duplication ${dup.dupid} to ${cluster} is there already (${dup.status}) and is taken up`));
  }
  const dead = source.nodes.filter(({ status }) => status !== 'NS_ALIVE').map(({ address }) => address);
  if (dead.length > 0) found.push(warning(`nodes of the source that are dead: ${dead.join(', ')}`));
  return found;
}

function ofVersions(name: string, { versions }: SourceSnapshot): Finding[] {
  if ('error' in versions) return [unreadable(`the data version of ${name} cannot be read`, versions.error)];
  const all = versions.value.flatMap(({ node, versions: held }) => held.map(({ partition, version }) => ({ node, partition, version })));
  const other = all.find(({ version }) => version !== '1');
  if (all.length === 0) return [error(`no node tells the data version of ${name}`, 'Check that the replicas of the table are alive.')];
  if (other?.version === '0')
    return [
      error(
        `${name} has data version 0, the old layout of values, and duplication supports version 1 only: not supported`,
        'Copy the table with the copy_data tool of Pegasus, which rewrites the values.',
      ),
    ];
  if (other !== undefined)
    return [
      error(
        `the replicas of ${name} have several data versions: ${other.node} has ${other.version} for partition ${other.partition}`,
        'Look at that replica first.',
      ),
    ];
  return [info(`data version 1 on all ${all.length} replicas that were asked`)];
}

function ofTarget({ table, cluster, meta }: MigrateParams, { source, target }: Snapshot): Finding[] {
  if ('error' in target) return [unreadable(`the target metas ${meta} cannot be asked`, target.error)];
  const { name, table: there, nodes } = target.value;
  const found: Finding[] = [];
  if (name !== cluster)
    found.push(
      error(`the cluster at ${target.value.service} is called ${name}, not ${cluster}`, 'Give the metas and the name of one cluster.'),
    );
  if (nodes.every(({ status }) => status !== 'NS_ALIVE'))
    found.push(error(`the target ${name} has no replica server that is alive`, 'Start it first.'));
  if (there !== undefined && !follows(target.value, source))
    found.push(
      error(
        `there is a table ${table} at ${name} already, and it does not follow ${source.name}`,
        'Rename or drop it, if it is not needed.',
      ),
    );
  return found;
}

/** The target's table is the one a duplication from here has made. */
function follows({ table, name }: TargetSnapshot, source: SourceSnapshot): boolean {
  const ours = table?.envs.get('duplication.master_cluster') === source.name;
  return ours && source.duplications.some(({ remote }) => remote === name);
}

function ofProxy({ root, afterDrain, table }: MigrateParams, { source, proxy }: Snapshot): Finding[] {
  if (root === undefined || proxy === undefined) {
    if (afterDrain !== undefined) return [];
    return [
      error(
        'no --root was given, so that clients are not switched: say beforehand what happens to the denial of writes when the table is drained',
        'Give --root to have the clients switched, --after-drain keep-denied to switch by hand, or --after-drain lift for a rehearsal.',
      ),
    ];
  }
  if (afterDrain !== undefined) return [error('--after-drain is for migrations without --root', 'Leave one of the two out.')];
  if ('error' in proxy) return [unreadable('the ZooKeeper of the meta proxy cannot be read', proxy.error)];
  const { path, text, hosts } = proxy.value;
  if (text === undefined) return [error(`there is no node ${path} in ${hosts}`, `Check --root, and that the meta proxy serves ${table}.`)];
  const named = proxyCluster(text);
  if (named === undefined)
    return [
      error(`${path} does not say which cluster it points to: ${text.slice(0, 200)}`, 'Check that this is the node of a meta proxy.'),
    ];
  if (named !== source.name)
    return [error(`${path} points to ${named}, not to ${source.name}`, 'Check the source, or whether the table was moved already.')];
  return [info(`the meta proxy at ${hosts}${path} points to ${named}`)];
}

/** `cluster_name` of a znode's text. */
export function proxyCluster(text: string): string | undefined {
  try {
    const read: unknown = JSON.parse(text);
    const name = typeof read === 'object' && read !== null && 'cluster_name' in read ? read.cluster_name : undefined;
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined; // no JSON: no name
  }
}

function ofProof({ acceptCounters, dupSyncMs }: MigrateParams, source: SourceSnapshot): Finding[] {
  const proof = proofOf(source);
  if (proof === 'page')
    return [info('what is shipped is proven by decrees: each primary tells what it has committed and not yet seen confirmed')];
  if (proof === 'decrees') return [info('what is shipped is proven by decrees, as the meta tells them of each partition')];
  const shown = `that it is drained is not proven, only seen: nothing waits by the counters of every node for ${zeroForMs(dupSyncMs) / 1000} s under the denial`;
  if (acceptCounters) return [warning(`the source tells its backlog by counters only, which can show 0 while mutations wait; ${shown}`)];
  return [
    error(
      `the source tells its backlog by counters only, which can show 0 while mutations wait; ${shown}. Say beforehand whether that will do`,
      'Enable /replica/duplication on the source servers (2.4 and later have it), or give --accept-counters.',
    ),
  ];
}
