/**
 * Where the parts of a VictoriaMetrics are.
 *
 * Single node: everything under one base, `http://host:8428[/prefix]`.
 * Cluster: writing under `/insert/<tenant>/prometheus` (vminsert, port 8480), reading under `/select/<tenant>/prometheus`
 * and deleting under `/delete/<tenant>/prometheus` (vmselect, port 8481). Given either of the first two, the other is
 * derived: same host, the default ports swapped, any other port kept (a proxy such as vmauth serves both); `selectUrl`
 * overrules that. `/internal/force_flush` belongs to the storage nodes there, which are named by `storageUrls` or not at all.
 */
import { z } from 'zod';
import { SinkAddressUnusable } from './errors.ts';

export interface SinkSettings {
  /** How bodies are sent. `auto`: as the probe finds. */
  encoding: 'auto' | 'zstd' | 'plain';
  /** How what was written is read back. `auto`: as native blocks where the probe has found them to say what JSON lines say. */
  readBack: 'auto' | 'json';
  /** For one import, one flush, one small query; ms. */
  deadlineMs: number;
  /** For reading back one chunk or counting; ms. */
  readDeadlineMs: number;
  connections: number;
  /** Base for reading when it cannot be derived from the address. */
  selectUrl?: string | undefined;
  /** Cluster only: `http://vmstorage:8482` of every storage node. */
  storageUrls?: string[] | undefined;
  /** How long the server may keep a request waiting before it takes effect; ms. Absent: as the server says, else 60 s. */
  queueMs?: number | undefined;
}

export const SinkSettingsSchema: z.ZodType<SinkSettings> = z.strictObject({
  encoding: z.enum(['auto', 'zstd', 'plain']).default('auto'),
  readBack: z.enum(['auto', 'json']).default('auto'),
  deadlineMs: z.int().min(100).default(20_000),
  readDeadlineMs: z.int().min(100).default(120_000),
  connections: z.int().min(1).max(64).default(4),
  selectUrl: z.string().optional(),
  storageUrls: z.array(z.string()).optional(),
  queueMs: z.int().min(0).optional(),
});

/** A base for `openHttp` (it may hold credentials) and the path below it. */
export interface Endpoint {
  base: string;
  path: string;
}

export interface SinkAddress {
  kind: 'single' | 'cluster';
  tenant?: string;
  insert: Endpoint;
  select: Endpoint;
  /** Below it: `/api/v1/admin/tsdb/delete_series`. */
  remove: Endpoint;
  /** Where `/internal/force_flush` is; empty when nobody said. */
  flush: Endpoint[];
  /** Where `/metrics` and `/flags` are: the single node, or vminsert and the storage nodes. */
  metrics: Endpoint[];
}

const CLUSTER_PATH = /^(.*)\/(insert|select)\/([^/]+)\/prometheus\/?$/;
const INSERT_PORT = '8480';
const SELECT_PORT = '8481';

/** Throws LSH_VM_ADDRESS. The text of an address, which may hold a password, is never repeated. */
export function sinkAddress(sink: string, address: string, settings: Pick<SinkSettings, 'selectUrl' | 'storageUrls'> = {}): SinkAddress {
  const given = split(sink, address, 'its address');
  const select = settings.selectUrl === undefined ? undefined : split(sink, settings.selectUrl, 'selectUrl');
  if (given.role === undefined) {
    const here = { base: given.base, path: '' };
    return { kind: 'single', insert: here, select: select ? below(select) : here, remove: here, flush: [here], metrics: [here] };
  }
  const { tenant } = given;
  const insertBase = given.role === 'insert' ? given.base : withPort(given.base, SELECT_PORT, INSERT_PORT);
  const selectBase = select?.base ?? (given.role === 'select' ? given.base : withPort(given.base, INSERT_PORT, SELECT_PORT));
  if (select?.role !== undefined && select.tenant !== tenant) {
    throw SinkAddressUnusable({ sink, reason: `selectUrl names tenant ${select.tenant}, the address tenant ${tenant}` });
  }
  const flush = (settings.storageUrls ?? []).map((url) => ({ base: split(sink, url, 'a storage URL').base, path: '' }));
  return {
    kind: 'cluster',
    tenant,
    insert: { base: insertBase, path: `/insert/${tenant}/prometheus` },
    select: { base: selectBase, path: `/select/${tenant}/prometheus` },
    remove: { base: selectBase, path: `/delete/${tenant}/prometheus` },
    flush,
    metrics: [{ base: insertBase, path: '' }, ...flush],
  };
}

interface Split {
  base: string;
  role?: 'insert' | 'select';
  tenant: string;
}

function split(sink: string, address: string, what: string): Split {
  if (address.startsWith('unix:')) return { base: address, tenant: '' };
  if (!URL.canParse(address)) throw SinkAddressUnusable({ sink, reason: `${what} is not a URL` });
  const url = new URL(address);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw SinkAddressUnusable({ sink, reason: `${what} is neither http nor https` });
  const cluster = CLUSTER_PATH.exec(url.pathname);
  if (cluster !== null) {
    url.pathname = cluster[1] ?? '';
    return { base: url.href, role: cluster[2] === 'insert' ? 'insert' : 'select', tenant: cluster[3] ?? '' };
  }
  if (/\/(insert|select)\/[^/]+(\/|$)/.test(url.pathname)) {
    throw SinkAddressUnusable({
      sink,
      reason: `the path of ${what} must end in /insert/<tenant>/prometheus or /select/<tenant>/prometheus`,
    });
  }
  return { base: url.href, tenant: '' };
}

function below(part: Split): Endpoint {
  return { base: part.base, path: part.role === undefined ? '' : `/${part.role}/${part.tenant}/prometheus` };
}

function withPort(base: string, from: string, to: string): string {
  const url = new URL(base);
  if (url.port === from) url.port = to;
  return url.href;
}
