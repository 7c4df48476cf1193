/** Connections to Redis: one server, a master found through Sentinels, or a cluster. All of them come back by themselves. */

import type { DNSLookupFunction, RedisOptions } from 'ioredis';
import { Cluster, Redis } from 'ioredis';
import type { ClusterAddress, RedisAddress, RedisLogin, SentinelAddress } from './address.ts';
import { parseRedisAddress } from './address.ts';

export interface FleetAddress {
  /** As `address.ts` describes it. */
  url: string;
  /** Separates fleets on one Redis; becomes the hash tag of every key, so that in a cluster all of them lie on one node. */
  fleet: string;
}

export type Connection = Redis | Cluster;

export type ServerOptions = Omit<RedisOptions, 'replyMapping'>;

type Patience = Pick<ServerOptions, 'maxRetriesPerRequest' | 'connectTimeout' | 'socketTimeout'>;

export const CONNECT_TIMEOUT_MS = 10_000;
const MAX_RECONNECT_PAUSE_MS = 2_000;
/**
 * A connection that owes an answer for so long is given up and opened anew: a server that vanished without a word would else be waited
 * for until the system notices, a quarter of an hour later. Above the ten seconds BullMQ blocks for at most.
 */
const SILENCE_MS = 20_000;
/** A command that meets a cluster without a master, or one that has just moved, is sent so often again: half a minute. */
const CLUSTER_TRIES = 100;
const CLUSTER_PAUSE_MS = 300;
/** Of each connection, to hear at once of a new master. */
const SENTINELS_HEARD = 3;

export function reconnectPause(times: number): number {
  return Math.min(MAX_RECONNECT_PAUSE_MS, 50 * 2 ** Math.min(times, 6));
}

/** Throws `LSH_REDIS_ADDRESS`. */
export function connect(url: string, silenceMs: number = SILENCE_MS): Connection {
  const address = parseRedisAddress(url);
  // Commands wait for the connection to come back; BullMQ's blocking calls need that.
  const patience: Patience = { maxRetriesPerRequest: null, connectTimeout: CONNECT_TIMEOUT_MS, socketTimeout: silenceMs };
  const connection = address.mode === 'cluster' ? openCluster(address, patience) : openServer(address, { ...lasting, ...patience });
  // Without a listener ioredis prints every failed try; the state is told by `checkRedis`, `readyz` and the worker's log.
  connection.on('error', () => undefined);
  return connection;
}

const lasting: ServerOptions = {
  retryStrategy: reconnectPause,
  sentinelRetryStrategy: reconnectPause,
  sentinelReconnectStrategy: reconnectPause,
  sentinelMaxConnections: SENTINELS_HEARD,
  failoverDetector: true,
  // A master that became a replica keeps its connections where nobody is told: look for the new one, and send the command there.
  reconnectOnError: (error) => (error.message.includes('READONLY') ? 2 : false),
};

/** One connection to a server, or to the master that the Sentinels name. */
export function openServer(address: Exclude<RedisAddress, ClusterAddress>, options: ServerOptions): Redis {
  if (address.mode === 'sentinel') return new Redis({ ...sentinelOptions(address), ...options });
  const { url } = address;
  return url.startsWith('unix:') ? new Redis(url.slice('unix:'.length), options) : new Redis(url, options);
}

function sentinelOptions(address: SentinelAddress): ServerOptions {
  const { sentinels, master, sentinelUsername, sentinelPassword } = address;
  return {
    sentinels,
    name: master,
    ...loginOptions(address),
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(address.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
  };
}

export function loginOptions({ username, password, tls }: RedisLogin): Pick<ServerOptions, 'username' | 'password' | 'tls'> {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
  };
}

const byName: DNSLookupFunction = (host, done) => done(null, host);

function openCluster(address: ClusterAddress, patience: Patience): Cluster {
  return new Cluster(address.nodes, {
    clusterRetryStrategy: reconnectPause,
    maxRedirections: CLUSTER_TRIES,
    retryDelayOnFailover: CLUSTER_PAUSE_MS,
    retryDelayOnClusterDown: CLUSTER_PAUSE_MS,
    retryDelayOnTryAgain: CLUSTER_PAUSE_MS,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    redisOptions: { ...patience, ...loginOptions(address) },
    // A certificate is made out to a name; the name must not be turned into a number first.
    ...(address.tls ? { dnsLookup: byName } : {}),
  });
}
