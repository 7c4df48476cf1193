/** The `redis` part of `longshore.yaml`: one server, a master found through Sentinels, or a cluster; passwords by reference. */
import { errorData } from '@longshore/core';
import type { RedisEndpoint, RedisLogin } from '@longshore/fleet';
import { formatRedisAddress, parseEndpoint, parseRedisAddress, REDIS_PORT, SENTINEL_PORT } from '@longshore/fleet';
import { z } from 'zod';

/** At most one of `url`, `sentinels` and `cluster`; without any, and without `REDIS_URL`, there is no Redis to go to. */
export interface RedisSettings {
  /** Any form `REDIS_URL` may have. */
  url?: string | undefined;
  /** `host:port` each; the port is 26379 unless given. */
  sentinels?: string[] | undefined;
  /** What the Sentinels call the master. */
  master?: string | undefined;
  /** `host:port` of some nodes; the others are learnt from them. The port is 6379 unless given. */
  cluster?: string[] | undefined;
  username?: string | undefined;
  /** A reference, as all secrets are. */
  password?: string | undefined;
  /** Of the Sentinels themselves. */
  sentinelUsername?: string | undefined;
  sentinelPassword?: string | undefined;
  /** With `sentinels` and `cluster`; in a `url` the scheme says it. */
  tls?: boolean | undefined;
}

const endpoints = (defaultPort: number): z.ZodType<string[] | undefined> =>
  z
    .array(z.string().refine((text) => parseEndpoint(text, defaultPort) !== undefined, 'a server is given as host:port'))
    .min(1)
    .optional();

/** `secret` is the schema of a reference. */
export function redisSchema(secret: z.ZodType<string>): z.ZodType<RedisSettings> {
  return z
    .strictObject({
      url: z.string().optional().describe('Any form REDIS_URL may have: redis://, rediss://, unix:, redis+sentinel://, redis+cluster://'),
      sentinels: endpoints(SENTINEL_PORT).describe('host:port of the Sentinels; the port is 26379 unless given'),
      master: z.string().min(1).optional().describe('What the Sentinels call the master'),
      cluster: endpoints(REDIS_PORT).describe('host:port of some nodes of a Redis Cluster; the port is 6379 unless given'),
      username: z.string().min(1).optional().describe('User of the servers'),
      password: secret.optional().describe('Password of the servers, by reference'),
      sentinelUsername: z.string().min(1).optional().describe('User of the Sentinels themselves'),
      sentinelPassword: secret.optional().describe('Password of the Sentinels themselves, by reference'),
      tls: z.boolean().optional().describe('With sentinels and cluster; in a url the scheme says it'),
    })
    .superRefine((settings, context) => {
      for (const [key, message] of contradictions(settings)) context.addIssue({ code: 'custom', path: [key], message });
    });
}

function* contradictions(settings: RedisSettings): Generator<[keyof RedisSettings, string]> {
  const { url, sentinels, cluster } = settings;
  const ways = (['url', 'sentinels', 'cluster'] as const).filter((way) => settings[way] !== undefined);
  if (ways.length > 1) yield [ways[1]!, `${ways.join(' and ')} exclude each other`];
  if (sentinels && !settings.master) yield ['sentinels', 'the name of the master is missing: `master`'];
  for (const key of ['master', 'sentinelUsername', 'sentinelPassword'] as const)
    if (settings[key] !== undefined && !sentinels) yield [key, 'it belongs to `sentinels`'];
  if (settings.tls !== undefined && !sentinels && !cluster)
    yield ['tls', 'it belongs to `sentinels` or `cluster`; in a url write rediss://'];
  for (const key of ['username', 'password'] as const)
    if (settings[key] !== undefined && (ways.length === 0 || url?.startsWith('unix:')))
      yield [key, 'it belongs to `sentinels`, `cluster` or a `url` that is no socket'];
  if (url !== undefined) {
    try {
      parseRedisAddress(url);
    } catch (error) {
      yield ['url', errorData(error).message];
    }
  }
}

/** One address that holds everything, its passwords too. `readSecret` resolves a reference. */
export function redisAddressOf(settings: RedisSettings, readSecret: (reference: string) => string): string | undefined {
  const { url, sentinels, master, cluster, username, sentinelUsername } = settings;
  const password = settings.password === undefined ? undefined : readSecret(settings.password);
  const login: RedisLogin = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(settings.tls ? { tls: true } : {}),
  };
  const servers = (texts: readonly string[], port: number): RedisEndpoint[] => texts.map((text) => parseEndpoint(text, port)!);
  if (cluster) return formatRedisAddress({ mode: 'cluster', nodes: servers(cluster, REDIS_PORT), ...login });
  if (sentinels) {
    const sentinelPassword = settings.sentinelPassword === undefined ? undefined : readSecret(settings.sentinelPassword);
    return formatRedisAddress({
      mode: 'sentinel',
      sentinels: servers(sentinels, SENTINEL_PORT),
      master: master!,
      ...login,
      ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
      ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    });
  }
  if (url === undefined || (username === undefined && password === undefined)) return url;
  const address = parseRedisAddress(url);
  if (address.mode !== 'single') return formatRedisAddress({ ...address, ...login });
  const parsed = new URL(url);
  if (username !== undefined) parsed.username = encodeURIComponent(username);
  if (password !== undefined) parsed.password = encodeURIComponent(password);
  return parsed.href;
}
