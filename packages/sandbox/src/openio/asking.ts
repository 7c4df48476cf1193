/** What a route sees of a request and of the proxy that got it. */
import type { Exchange } from '../stand-in.ts';
import type { Cluster } from './cluster.ts';
import { OioError } from './codes.ts';

/** A request, read as far as any route needs it. */
export interface Ask {
  params: URLSearchParams;
  headers: Exchange['headers'];
  body: Buffer;
}

export interface Answer {
  status: number;
  json?: unknown;
  headers?: Record<string, string>;
}

export interface AskedProxy {
  readonly cluster: Cluster;
  /** The container that a request names. */
  cid(ask: Ask): string;
  /** Located services of a container, by the cache where it has them. */
  locate(cid: string): string[];
  /** Drops what the cache has of it. */
  drop(cid: string): void;
  /** Runs with the located services; where they know nothing of it, the entry is dropped and they are located anew. */
  located<T>(cid: string, run: (hosts: string[], base: string) => Promise<T>): Promise<T>;
  seq(cid: string): number;
  /** Anybody may answer a read: each in turn. */
  readers(hosts: readonly string[]): string[];
  cacheStatus(): object;
  flush(what: string): void;
}

export type Route = (proxy: AskedProxy, ask: Ask) => Promise<Answer>;

export function jsonBody({ body }: Ask): { [key: string]: unknown } {
  if (body.length === 0) return {};
  try {
    const value = JSON.parse(body.toString()) as unknown;
    return typeof value === 'object' && value !== null ? (value as { [key: string]: unknown }) : {};
  } catch {
    throw new OioError(400, 'Invalid JSON');
  }
}
