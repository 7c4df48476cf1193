/**
 * Where a fleet's Redis is. One string says it everywhere (settings, `REDIS_URL`, a process's children):
 *
 *   redis://user:password@host:6379/0     one server; `rediss://` with TLS
 *   unix:/path/to/redis.sock              one server on this machine
 *   redis+sentinel://h1:26379,h2/name     the master that these Sentinels know as `name`
 *   redis+cluster://h1:6379,h2            a Redis Cluster, found through any of its nodes
 *
 * `rediss+…` is the same with TLS. User and password of the servers stand before the `@`, percent-encoded; those of the Sentinels
 * themselves are the query's `sentinel-username` and `sentinel-password`.
 */
import { BadRedisAddress } from './errors.ts';

export interface RedisEndpoint {
  host: string;
  port: number;
}

export interface RedisLogin {
  username?: string;
  password?: string;
  tls?: boolean;
}

export interface SentinelAddress extends RedisLogin {
  mode: 'sentinel';
  sentinels: RedisEndpoint[];
  /** What the Sentinels call the master. */
  master: string;
  sentinelUsername?: string;
  sentinelPassword?: string;
}

export interface ClusterAddress extends RedisLogin {
  mode: 'cluster';
  nodes: RedisEndpoint[];
}

export type RedisAddress = { mode: 'single'; url: string } | SentinelAddress | ClusterAddress;

export const REDIS_PORT = 6379;
export const SENTINEL_PORT = 26379;

const MANY = /^(rediss?)\+(sentinel|cluster):\/\/(?:([^@]*)@)?([^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/;
const ENDPOINT = /^(?:\[([0-9a-f:.]+)\]|([^\s:/?#@[\],]+))(?::(\d{1,5}))?$/i;

/** `host`, `host:port` or `[ipv6]:port`; undefined when it is none of them. */
export function parseEndpoint(text: string, defaultPort: number): RedisEndpoint | undefined {
  const found = ENDPOINT.exec(text);
  const host = found?.[1] ?? found?.[2];
  const port = Number(found?.[3] ?? defaultPort);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

export function endpointText({ host, port }: RedisEndpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Throws `LSH_REDIS_ADDRESS`. */
export function parseRedisAddress(url: string): RedisAddress {
  const wrong = (problem: string): Error => BadRedisAddress({ address: shownAddress(url), problem });
  if (!/^rediss?\+/.test(url)) {
    if (/^unix:.|^\//.test(url)) return { mode: 'single', url };
    if (!/^rediss?:\/\//.test(url))
      throw wrong('it begins with none of redis://, rediss://, unix:, redis+sentinel:// and redis+cluster://');
    if (!URL.canParse(url)) throw wrong('it is not well-formed; in a password, all but letters and digits is written as %XX');
    return { mode: 'single', url };
  }
  const parts = MANY.exec(url);
  if (!parts) throw wrong('it is not well-formed; in a password, all but letters and digits is written as %XX');
  const [, scheme, mode, login, hosts = '', path = '', query = ''] = parts;
  const defaultPort = mode === 'sentinel' ? SENTINEL_PORT : REDIS_PORT;
  const endpoints = hosts.split(',').map((text) => {
    const endpoint = parseEndpoint(text, defaultPort);
    if (!endpoint) throw wrong(`"${text}" is no host:port`);
    return endpoint;
  });
  const decoded = (text: string | undefined): string | undefined => {
    if (!text) return undefined;
    try {
      return decodeURIComponent(text);
    } catch (error) {
      throw BadRedisAddress(
        { address: shownAddress(url), problem: 'a % in it is not followed by two hexadecimal digits' },
        { cause: error },
      );
    }
  };
  const colon = login?.indexOf(':') ?? -1;
  const known: RedisLogin = optional({
    username: decoded(colon < 0 ? login : login?.slice(0, colon)),
    password: decoded(colon < 0 ? undefined : login?.slice(colon + 1)),
    tls: scheme === 'rediss' ? true : undefined,
  });
  if (mode === 'cluster') {
    if (path !== '' || query !== '') throw wrong('a cluster has neither a database nor options');
    return { mode, nodes: endpoints, ...known };
  }
  const master = decoded(path);
  if (master === undefined)
    throw wrong("the master's name is missing; it stands after the Sentinels, as in redis+sentinel://host:26379/name");
  const options = new URLSearchParams(query);
  for (const key of options.keys())
    if (key !== 'sentinel-username' && key !== 'sentinel-password') throw wrong(`it has no option "${key}"`);
  const theirs = optional({
    sentinelUsername: options.get('sentinel-username') ?? undefined,
    sentinelPassword: options.get('sentinel-password') ?? undefined,
  });
  return { mode: 'sentinel', sentinels: endpoints, master, ...known, ...theirs };
}

/** The string form, with its passwords: for a process's own use and its children's environment, never for people. */
export function formatRedisAddress(address: RedisAddress): string {
  if (address.mode === 'single') return address.url;
  const { username, password, tls } = address;
  const login =
    username === undefined && password === undefined ? '' : `${encode(username)}${password === undefined ? '' : `:${encode(password)}`}@`;
  const scheme = `redis${tls ? 's' : ''}+${address.mode}://${login}`;
  if (address.mode === 'cluster') return scheme + address.nodes.map(endpointText).join(',');
  const query = [
    ...(address.sentinelUsername === undefined ? [] : [`sentinel-username=${encode(address.sentinelUsername)}`]),
    ...(address.sentinelPassword === undefined ? [] : [`sentinel-password=${encode(address.sentinelPassword)}`]),
  ].join('&');
  return `${scheme}${address.sentinels.map(endpointText).join(',')}/${encode(address.master)}${query === '' ? '' : `?${query}`}`;
}

/** The address without what must not be shown. */
export function shownAddress(url: string): string {
  // The query of a Redis address may hold a password too.
  const shown = /^rediss?[+:]/.test(url) ? url.replace(/\?.*$/, '') : url;
  const parsed = URL.parse(shown);
  // One that is not well-formed is cut at its last @: a password may hold any sign.
  return parsed && parsed.username + parsed.password === '' ? shown : shown.replace(/\/\/.*@/, '//');
}

const encode = (text: string | undefined): string => encodeURIComponent(text ?? '');

/** Without the keys that hold nothing. */
function optional<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
