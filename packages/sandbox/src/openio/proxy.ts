/**
 * One oio-proxy: routes, its own cache of locations, and what becomes of an error. Only the proxy that changes meta1 drops its entry; the
 * others go on with what they have.
 */
import type { Exchange, Reply } from '../stand-in.ts';
import { adminRoutes } from './admin-routes.ts';
import type { Answer, Ask, AskedProxy, Route } from './asking.ts';
import type { Cluster } from './cluster.ts';
import { containerId } from './cluster.ts';
import { httpStatusOf, noService, OioError } from './codes.ts';
import { containerRoutes } from './container-routes.ts';
import { directoryRoutes } from './directory-routes.ts';
import { serviceRoutes } from './service-routes.ts';

const ROUTES: Readonly<Record<string, Route>> = { ...adminRoutes, ...containerRoutes, ...directoryRoutes, ...serviceRoutes };
/** Routes that name no namespace. */
const BARE = /^\/v3\.0\/(cache|forward)\//;
const CACHE_ENTRIES = 4_194_304;
/** Of conscience and meta0, which every proxy has. */
const HIGH_ENTRIES = 2;
const RETRIES = 3;

export class OioProxy implements AskedProxy {
  readonly cluster: Cluster;
  readonly #located = new Map<string, string[]>();
  #high = HIGH_ENTRIES;
  #reads = 0;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  async handle(exchange: Exchange): Promise<Reply> {
    try {
      const { status, json, headers = {} } = await this.#answer(exchange);
      return {
        status,
        headers: { connection: 'Close', 'content-type': 'application/json', ...headers },
        body: json === undefined ? '' : JSON.stringify(json),
      };
    } catch (error) {
      if (!(error instanceof OioError)) throw error;
      const status = httpStatusOf(error.code);
      return {
        status,
        headers: {
          connection: 'Close',
          'content-type': 'application/json',
          'x-backend-service-id': '',
          ...(status === 503 ? { 'retry-after': '1' } : {}),
        },
        body: JSON.stringify({ status: error.code, message: error.message }),
      };
    }
  }

  async #answer({ method, path, params, headers, body }: Exchange): Promise<Answer> {
    const bare = BARE.test(path);
    const [, , namespace = '', ...rest] = path.split('/');
    const below = bare ? [namespace, ...rest] : rest;
    const route = path.startsWith('/v3.0/') ? ROUTES[`${method} ${below.join('/')}`] : undefined;
    if (!route) throw new OioError(404, 'No handler found');
    if (!bare && decodeURIComponent(namespace) !== this.cluster.namespace) throw new OioError(400, "Invalid parameter 'namespace'");
    return route(this, { params, headers, body });
  }

  /** The container that a request names. */
  cid({ params }: Ask): string {
    const given = params.get('cid');
    if (given !== null) return given.split('.')[0]!.toUpperCase();
    const account = params.get('acct');
    const name = params.get('ref');
    if (account === null || name === null) throw new OioError(400, 'Missing container identification');
    return containerId(account, name);
  }

  /** Located services of a container, by the cache where it has them. */
  locate(cid: string): string[] {
    const known = this.cluster.settings.cache ? this.#located.get(cid) : undefined;
    if (known) return known;
    const hosts = this.cluster.meta1.services(cid, 'meta2').map(({ host }) => host);
    if (hosts.length === 0) throw noService();
    if (this.cluster.settings.cache) this.#located.set(cid, hosts);
    return hosts;
  }

  drop(cid: string): void {
    this.#located.delete(cid);
  }

  /** Runs with the located services; where they know nothing of it, the entry is dropped and they are located anew. */
  async located<T>(cid: string, run: (hosts: string[], base: string) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const cached = this.#located.has(cid);
      try {
        return await run(this.locate(cid), `${cid}.${this.seq(cid)}`);
      } catch (error) {
        if (!(error instanceof OioError) || ![431, 450, 453].includes(error.code) || !cached || attempt >= RETRIES) throw error;
        this.drop(cid);
      }
    }
  }

  seq(cid: string): number {
    return this.cluster.meta1.find(cid)?.rows.find(({ type }) => type === 'meta2')?.seq ?? 1;
  }

  /** Anybody may answer a read: each in turn. */
  readers(hosts: readonly string[]): string[] {
    const { reader } = this.cluster.steering;
    if (reader !== undefined && hosts.includes(reader)) return [reader, ...hosts.filter((host) => host !== reader)];
    const first = this.#reads++ % hosts.length;
    return [...hosts.slice(first), ...hosts.slice(0, first)];
  }

  cacheStatus(): object {
    return {
      csm0: { count: this.#high, max: CACHE_ENTRIES, ttl: 0 },
      meta1: { count: this.#located.size, max: CACHE_ENTRIES, ttl: 0 },
    };
  }

  flush(what: string): void {
    if (what === 'low') this.#located.clear();
    if (what === 'high') this.#high = 0;
  }
}
