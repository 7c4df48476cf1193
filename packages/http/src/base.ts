/** A base address, taken apart: where to connect, what goes in front of every path, what goes into every query. */
import { BadBase } from './errors.ts';

export interface Base {
  /** For people and for connecting: no credentials, no path. */
  origin: string;
  /** What undici connects to; differs from `origin` for a socket path. */
  connectTo: string;
  host: string;
  port: string;
  socketPath?: string;
  /** Without a slash at the end. */
  prefix: string;
  query: string;
  authorization?: string;
}

export type Query = Record<string, string | number | undefined | readonly string[]>;

/** Reads `http:`, `https:` and `unix:/path/to.sock[:/prefix]`. Throws LSH_HTTP_BASE; the text itself, which may hold a password, is never repeated: `given` names it. */
export function parseBase(text: string, given = 'the base address'): Base {
  if (text.startsWith('unix:')) {
    const [socketPath = '', prefix = ''] = text.slice('unix:'.length).split(':');
    if (!socketPath.startsWith('/')) throw BadBase({ given, reason: 'the path of the socket must be absolute' });
    const origin = `unix:${socketPath}`;
    return { origin, connectTo: 'http://localhost', host: origin, port: '', socketPath, prefix: trimSlashes(prefix), query: '' };
  }
  if (!URL.canParse(text)) throw BadBase({ given, reason: 'it is not a URL' });
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw BadBase({ given, reason: `${url.protocol} is not http:, https: or unix:` });
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const base: Base = {
    origin: url.origin,
    connectTo: url.origin,
    host,
    port,
    prefix: trimSlashes(url.pathname),
    query: url.search.slice(1),
  };
  if (url.username !== '' || url.password !== '') base.authorization = basic(url.username, url.password, given);
  return base;
}

/** The request target: prefix, path, the base's query and then the request's, each part percent-encoded (a space is %20, never +). */
export function targetOf(base: Base, path: string, query: Query | undefined): string {
  let target = `${base.prefix}${path.startsWith('/') ? path : `/${path}`}`;
  let joint = target.includes('?') ? '&' : '?';
  const add = (pair: string): void => {
    target += `${joint}${pair}`;
    joint = '&';
  };
  if (base.query !== '') add(base.query);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue;
    const values = typeof value === 'object' ? value : [String(value)];
    for (const one of values) add(`${encodePart(name)}=${encodePart(one)}`);
  }
  return target;
}

/** Percent-encodes everything but letters, digits and `-_.~`. Half surrogate pairs become U+FFFD. */
export function encodePart(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function trimSlashes(path: string): string {
  return path.replace(/\/+$/, '');
}

function basic(username: string, password: string, given: string): string {
  let plain: string;
  try {
    plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    throw BadBase({ given, reason: 'its user name or password is not well percent-encoded' });
  }
  return `Basic ${Buffer.from(plain).toString('base64')}`;
}
