/** What a Redis says of itself before anything is entrusted to it: a server on which accepted work could be lost is refused. */

import { setTimeout as wait } from 'node:timers/promises';
import type { Log } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import type { Redis } from 'ioredis';
import type { ClusterAddress, RedisAddress, RedisEndpoint } from './address.ts';
import { endpointText, parseRedisAddress, shownAddress } from './address.ts';
import type { ServerOptions } from './connection.ts';
import { CONNECT_TIMEOUT_MS, loginOptions, openServer } from './connection.ts';
import { ClusterNodeUnnamed, RedisDenied, RedisReadOnly, RedisTooOld, RedisUnreachable, RedisUnsafe, RedisWrongMode } from './errors.ts';

/** What a crash of the server may cost: nothing, about the last second, more than that, or nobody can tell. */
export type RedisDurability = 'always' | 'everysec' | 'no' | 'unknown';

export interface RedisReport {
  version: string;
  mode: RedisAddress['mode'];
  /** Of several masters the worst. */
  durability: RedisDurability;
  /** Settings that the server does not let us see. */
  unchecked: string[];
}

const OLDEST = [6, 2] as const;
const COMMAND_TIMEOUT_MS = 10_000;
const PATIENCE_MS = 30_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

const once: ServerOptions = {
  lazyConnect: true,
  maxRetriesPerRequest: 0,
  connectTimeout: CONNECT_TIMEOUT_MS,
  commandTimeout: COMMAND_TIMEOUT_MS,
  sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
};

/** One quick try; throws as `inspectRedis`. Resolves to the server's version; what could not be checked is said to the log. */
export async function checkRedis(url: string, log?: Log): Promise<string> {
  const { version, unchecked } = await inspectRedis(url);
  if (unchecked.length > 0)
    log?.warn(
      { address: shownAddress(url), unchecked },
      'this Redis does not show its settings; see to it yourself that it keeps an append-only file and evicts nothing',
    );
  return version;
}

/**
 * `checkRedis`, again and again with growing pauses while nobody answers, for at most `patienceMs` (half a minute). Every failed try is
 * logged. What waiting cannot mend is thrown at once.
 */
export async function awaitRedis(url: string, log: Log, patienceMs: number = PATIENCE_MS): Promise<string> {
  const until = performance.now() + patienceMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      return await checkRedis(url, log);
    } catch (error) {
      const leftMs = until - performance.now();
      if (!RedisUnreachable.is(error) || leftMs <= 0) throw error;
      const nextTryMs = Math.round(Math.min(pauseMs, leftMs));
      log.warn({ message: error.message, nextTryMs, givesUpInMs: Math.round(leftMs) }, 'waiting for Redis');
      await wait(nextTryMs);
    }
  }
}

/** What a crash of the server may cost. Throws as `inspectRedis`. */
export async function redisDurability(url: string): Promise<RedisDurability> {
  return (await inspectRedis(url)).durability;
}

/**
 * Looks once at the server, at the master the Sentinels name, or at every master of the cluster. Throws `LSH_REDIS_UNREACHABLE`,
 * `LSH_REDIS_DENIED`, `LSH_REDIS_MODE`, `LSH_REDIS_VERSION`, `LSH_REDIS_REPLICA` or `LSH_REDIS_UNSAFE`.
 */
export async function inspectRedis(url: string): Promise<RedisReport> {
  const address = parseRedisAddress(url);
  if (address.mode === 'cluster') return inspectCluster(url, address);
  return visit(shownAddress(url), openServer(address, once), async (redis) => {
    const found = await inspectServer(redis, shownAddress(url), address.mode);
    return { ...found, mode: address.mode };
  });
}

async function inspectCluster(url: string, address: ClusterAddress): Promise<RedisReport> {
  const shown = shownAddress(url);
  const masters = await clusterMasters(shown, address);
  const reports = await Promise.all(
    masters.map((master) =>
      visit(endpointText(master), node(address, master), (redis) => inspectServer(redis, endpointText(master), 'cluster')),
    ),
  );
  const worst = (['no', 'unknown', 'everysec', 'always'] as const).find((each) => reports.some(({ durability }) => durability === each));
  return {
    version: reports[0]!.version,
    mode: 'cluster',
    durability: worst ?? 'unknown',
    unchecked: [...new Set(reports.flatMap(({ unchecked }) => unchecked))],
  };
}

/** From the first of the configured nodes that answers. */
async function clusterMasters(shown: string, address: ClusterAddress): Promise<RedisEndpoint[]> {
  let failed: LongshoreError | undefined;
  for (const seed of address.nodes) {
    try {
      return await visit(endpointText(seed), node(address, seed), async (redis) => {
        const info = parseInfo(await redis.info());
        refuseOtherMode(info, endpointText(seed), commandLine(redis), 'cluster');
        const state = /cluster_state:(\w+)/.exec(String(await redis.cluster('INFO')))?.[1];
        if (state !== 'ok') throw RedisUnreachable({ address: shown, cause: `the cluster's state is "${state}"` });
        // Each entry: first slot, last slot, [host of the master, port, id, …], replicas…
        const slots = await redis.cluster('SLOTS');
        const masters = new Map<string, RedisEndpoint>();
        for (const [, , master] of slots) {
          if (!master?.[0])
            throw ClusterNodeUnnamed({ address: shown, cli: commandLine(redis), host: redis.stream.remoteAddress ?? seed.host });
          masters.set(`${master[0]}:${master[1]}`, { host: master[0], port: master[1] });
        }
        return [...masters.values()];
      });
    } catch (error) {
      if (!RedisUnreachable.is(error)) throw error;
      failed = error;
    }
  }
  throw failed!;
}

function node(address: ClusterAddress, { host, port }: RedisEndpoint): Redis {
  const url = `redis${address.tls ? 's' : ''}://${endpointText({ host, port })}`;
  return openServer({ mode: 'single', url }, { ...once, ...loginOptions(address) });
}

/** Connects, asks, and goes; anything but an entry of the catalogue becomes one. */
async function visit<T>(address: string, redis: Redis, ask: (redis: Redis) => Promise<T>): Promise<T> {
  let lastError = '';
  const note = (error: Error): void => {
    lastError = error.message;
  };
  redis.on('error', note);
  redis.on('sentinelError', note);
  try {
    await redis.connect();
    return await ask(redis);
  } catch (error) {
    if (error instanceof LongshoreError) throw error;
    const { message } = error as Error;
    const told = /Connection is closed|sentinels are unreachable/.test(message) && lastError !== '' ? lastError : message;
    const denied = /NOAUTH|WRONGPASS|NOPERM|invalid (username-)?password/i.exec(`${message}\n${lastError}`);
    if (denied) throw RedisDenied({ address, cause: denied.input.split('\n').find((line) => line.includes(denied[0])) ?? told });
    throw RedisUnreachable({ address, cause: told }, { cause: error });
  } finally {
    redis.disconnect();
  }
}

async function inspectServer(redis: Redis, address: string, mode: RedisAddress['mode']): Promise<Omit<RedisReport, 'mode'>> {
  const info = parseInfo(await redis.info());
  const cli = commandLine(redis);
  refuseOtherMode(info, address, cli, mode);
  const version = info.get('redis_version') ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) throw RedisTooOld({ address, version });
  if (info.get('role') === 'slave') throw RedisReadOnly({ address, master: `${info.get('master_host')}:${info.get('master_port')}`, cli });

  const unchecked: string[] = [];
  const aof = { '0': 'no', '1': 'yes' }[info.get('aof_enabled') ?? ''];
  const settings: [name: string, wanted: string, inInfo: string | undefined][] = [
    ['maxmemory-policy', 'noeviction', info.get('maxmemory_policy')],
    ['appendonly', 'yes', aof],
  ];
  for (const [setting, wanted, inInfo] of settings) {
    const configured = await settingOf(redis, setting);
    const value = configured ?? inInfo;
    if (value === undefined) unchecked.push(setting);
    else if (value !== wanted) throw RedisUnsafe({ address, setting, value, wanted, ...(configured === undefined ? {} : { cli }) });
  }
  const fsync = await settingOf(redis, 'appendfsync');
  if (fsync === undefined) unchecked.push('appendfsync');
  const durability = fsync === 'always' || fsync === 'everysec' || fsync === 'no' ? fsync : 'unknown';
  return { version, durability, unchecked };
}

/** A Sentinel, a node of a cluster and a server alone answer alike, until the first write. */
function refuseOtherMode(info: ReadonlyMap<string, string>, address: string, cli: string, mode: RedisAddress['mode']): void {
  const here = cli.includes(' -s ') ? address : address.replace(/^.*\/\//, '').replace(/\/.*$/, '');
  if (info.get('redis_mode') === 'sentinel') {
    const master = /name=([^,]+)/.exec(info.get('master0') ?? '')?.[1] ?? '<master-name>';
    throw RedisWrongMode({ address, is: 'a Sentinel, which holds no data', use: `redis+sentinel://${here}/${master}` });
  }
  const clustered = info.get('cluster_enabled');
  if (mode === 'cluster' && clustered === '0')
    throw RedisWrongMode({ address, is: 'a server alone, not a node of a cluster (cluster-enabled no)', use: `redis://${here}` });
  if (mode !== 'cluster' && clustered === '1')
    throw RedisWrongMode({ address, is: 'a node of a cluster (cluster-enabled yes)', use: `redis+cluster://${here}` });
}

/** Undefined where CONFIG is forbidden, as on managed servers. */
async function settingOf(redis: Redis, name: string): Promise<string | undefined> {
  try {
    return ((await redis.config('GET', name)) as string[])[1];
  } catch (error) {
    if (/unknown (sub)?command|NOPERM|disabled|not allowed/i.test((error as Error).message)) return undefined;
    throw error;
  }
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon < 1 || line.startsWith('#') ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const];
    }),
  );
}

/** How a person would reach the same server; the password is asked for. */
function commandLine(redis: Redis): string {
  const { path, username, password, tls } = redis.options;
  // Where the socket leads: behind Sentinels that is the master they named.
  const where = path ? `-s ${path}` : `-h ${redis.stream.remoteAddress} -p ${redis.stream.remotePort}`;
  const who = username ? ` --user ${username}` : '';
  return `redis-cli ${where}${tls ? ' --tls' : ''}${who}${password ? ' --askpass' : ''}`;
}
