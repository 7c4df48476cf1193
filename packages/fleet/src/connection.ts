/** Connections to Redis: one place that knows addresses, and refuses a server on which accepted work could be lost. */

import type { RedisOptions } from 'ioredis';
import { Redis } from 'ioredis';
import { RedisTooOld, RedisUnreachable, RedisUnsafe } from './errors.ts';

type Options = Omit<RedisOptions, 'replyMapping'>;

export interface FleetAddress {
  /** `redis://…`, `rediss://…`, or `unix:/path/to/redis.sock`. */
  url: string;
  /** Separates fleets on one Redis; becomes the hash tag of every key. */
  fleet: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_RECONNECT_PAUSE_MS = 2_000;

/** The address without what must not be shown. */
export function shownAddress(url: string): string {
  const parsed = URL.parse(url);
  // One that is not well-formed is cut at its last @: a password may hold any sign.
  return parsed && parsed.username + parsed.password === '' ? url : url.replace(/\/\/.*@/, '//');
}

function open(url: string, options: Options): Redis {
  return url.startsWith('unix:') ? new Redis(url.slice('unix:'.length), options) : new Redis(url, options);
}

export function connect(url: string): Redis {
  const options: Options = {
    // BullMQ's blocking calls need it; commands wait for the connection to come back.
    maxRetriesPerRequest: null,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (times) => Math.min(MAX_RECONNECT_PAUSE_MS, 50 * 2 ** Math.min(times, 6)),
  };
  const redis = open(url, options);
  // Without a listener ioredis prints every failed try; the state is told by `checkRedis`, `readyz` and the worker's log.
  redis.on('error', () => undefined);
  return redis;
}

/** One quick try; throws `LSH_REDIS_UNREACHABLE`, `LSH_REDIS_VERSION` or `LSH_REDIS_UNSAFE`. Resolves to the server's version. */
export async function checkRedis(url: string): Promise<string> {
  const address = shownAddress(url);
  const options: Options = {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: () => null,
  };
  const redis = open(url, options);
  let lastError = '';
  redis.on('error', (error: Error) => {
    lastError = error.message;
  });
  try {
    await redis.connect();
    const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? '0';
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < 6 || (major === 6 && minor < 2)) throw RedisTooOld({ address, version });
    await checkSettings(redis, address);
    return version;
  } catch (error) {
    if (RedisTooOld.is(error) || RedisUnsafe.is(error)) throw error;
    throw RedisUnreachable({ address, cause: lastError || (error as Error).message }, { cause: error });
  } finally {
    redis.disconnect();
  }
}

async function checkSettings(redis: Redis, address: string): Promise<void> {
  const setting = async (name: string): Promise<string | undefined> => {
    try {
      return ((await redis.config('GET', name)) as string[])[1];
    } catch (error) {
      // Managed servers forbid CONFIG: then it is theirs to answer for.
      if (/unknown command|NOPERM|disabled/i.test((error as Error).message)) return undefined;
      throw error;
    }
  };
  const policy = await setting('maxmemory-policy');
  if (policy !== undefined && policy !== 'noeviction')
    throw RedisUnsafe({ address, setting: 'maxmemory-policy', value: policy, wanted: 'noeviction' });
  const appendOnly = await setting('appendonly');
  if (appendOnly !== undefined && appendOnly !== 'yes')
    throw RedisUnsafe({ address, setting: 'appendonly', value: appendOnly, wanted: 'yes' });
}
