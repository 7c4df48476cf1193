/**
 * An OpenIO namespace on 127.0.0.1: proxies over HTTP, each with its own cache, and behind them meta1, ZooKeeper's election nodes and meta2
 * services with real SQLite files. It was built after recordings of a real cluster, and has its traps: handles that stay open, caches that
 * stay stale, elections that begin again by themselves, answers of 200 that mean nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, Random } from '@longshore/core';
import { seededRandom, systemClock } from '@longshore/core';
import type { StandIn } from '../stand-in.ts';
import { startStandIn } from '../stand-in.ts';
import { Cluster } from './cluster.ts';
import type { ServiceTags } from './meta2.ts';
import { OioProxy } from './proxy.ts';
import type { OpenIoSettings } from './settings.ts';
import { DEFAULTS } from './settings.ts';

export interface OpenIoOptions extends Partial<OpenIoSettings> {
  namespace?: string;
  /** Ids of the meta2 services, or these with their tags. Default: seven. */
  services?: (string | ({ id: string } & Partial<ServiceTags>))[];
  proxies?: number;
  /** Ports of the proxies; 0 or absent: free ones. */
  ports?: number[];
  clock?: Clock;
  random?: Random;
}

export interface OpenIoStandIn extends AsyncDisposable {
  readonly cluster: Cluster;
  /** Each with knobs and a log of its own. */
  readonly proxies: StandIn<OpenIoSettings>[];
  /** Where the volumes are. */
  readonly folder: string;
  close(): Promise<void>;
}

const SERVICES = Array.from({ length: 7 }, (_, at) => ({ id: `127.0.0.1:1602${at}`, location: `srv${at + 1}.vol1` }));

/** Starts it; everything it has written goes when it is closed. */
export async function startOpenIo(options: OpenIoOptions = {}): Promise<OpenIoStandIn> {
  const { namespace = 'OPENIO', proxies: count = 2, ports = [], clock = systemClock, random = seededRandom(1) } = options;
  const folder = mkdtempSync(join(tmpdir(), 'longshore-openio-'));
  const settings: OpenIoSettings = { ...DEFAULTS, ...pick(options) };
  const services = (options.services ?? SERVICES).map((one) => (typeof one === 'string' ? { id: one } : one));
  const cluster = new Cluster({ namespace, settings, clock, random, folder, services });
  const proxies: StandIn<OpenIoSettings>[] = [];
  for (let at = 0; at < count; at += 1) {
    const proxy = new OioProxy(cluster);
    const port = ports[at];
    proxies.push(
      await startStandIn({ ...(port === undefined ? {} : { port }), settings, clock, handle: (exchange) => proxy.handle(exchange) }),
    );
  }
  const close = async (): Promise<void> => {
    for (const proxy of proxies) await proxy.close();
    cluster.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { cluster, proxies, folder, close, [Symbol.asyncDispose]: close };
}

function pick(options: Partial<OpenIoSettings>): Partial<OpenIoSettings> {
  const known = Object.keys(DEFAULTS) as (keyof OpenIoSettings)[];
  return Object.fromEntries(known.filter((key) => options[key] !== undefined).map((key) => [key, options[key]]));
}
