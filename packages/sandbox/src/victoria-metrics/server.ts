/** A VictoriaMetrics stand-in: a single node, or a cluster's two front ends on one port. */
import { type Clock, systemClock } from '@longshore/core';
import { type Exchange, type Reply, type StandIn, startStandIn } from '../stand-in.ts';
import { LaggingCounters } from './counters.ts';
import { Imports } from './imports.ts';
import { BadRequest, parameters, Reads } from './reads.ts';
import { VERSION_FACTS, type VersionFacts, type VictoriaMetricsSettings, type VictoriaMetricsVersion } from './settings.ts';
import { SeriesStore } from './store.ts';

export interface VictoriaMetricsOptions extends Partial<VictoriaMetricsSettings> {
  /** 0 or absent: a free port. */
  port?: number;
  version?: VictoriaMetricsVersion;
  clock?: Clock;
}

export interface VictoriaMetricsStandIn extends StandIn<VictoriaMetricsSettings> {
  readonly version: VictoriaMetricsVersion;
  /** Data of the single node, or of a tenant of the cluster. */
  store(tenant?: string): SeriesStore;
}

/** The server's own default is a month; a stand-in that drops the test's data unasked would help nobody. */
const HUNDRED_YEARS_MS = 100 * 365 * 86_400_000;

const KNOWN_COUNTERS = [
  'vm_rows_ignored_total{reason="big_timestamp"}',
  'vm_rows_ignored_total{reason="small_timestamp"}',
  'vm_rows_inserted_total{type="prometheus"}',
  'vm_rows_inserted_total{type="vmimport"}',
  'vm_rows_invalid_total{type="prometheus"}',
  'vm_rows_invalid_total{type="vmimport"}',
];
const DROP_COUNTERS = ['too_long_label_name', 'too_long_label_value', 'too_many_labels'].map(
  (reason) => `vm_rows_ignored_total{reason="${reason}"}`,
);

const TENANT_PATH = /^\/(insert|select|delete)\/([^/]+)\/prometheus(\/.*)$/;
const TEXT = { 'content-type': 'text/plain; charset=utf-8' };

class Node {
  readonly #settings: VictoriaMetricsSettings;
  readonly #facts: VersionFacts;
  readonly #clock: Clock;
  readonly #counters: LaggingCounters;
  readonly #tenants = new Map<string, { store: SeriesStore; reads: Reads; imports: Imports }>();

  constructor(settings: VictoriaMetricsSettings, facts: VersionFacts, clock: Clock) {
    this.#settings = settings;
    this.#facts = facts;
    this.#clock = clock;
    this.#counters = new LaggingCounters(clock, facts.oversizedLabels === 'drop' ? [...KNOWN_COUNTERS, ...DROP_COUNTERS] : KNOWN_COUNTERS);
  }

  tenant(name: string): { store: SeriesStore; reads: Reads; imports: Imports } {
    let tenant = this.#tenants.get(name);
    if (!tenant) {
      const store = new SeriesStore(this.#clock, this.#settings);
      tenant = {
        store,
        reads: new Reads(store, this.#facts, this.#clock),
        imports: new Imports(store, this.#facts, this.#settings, this.#counters, this.#clock),
      };
      this.#tenants.set(name, tenant);
    }
    return tenant;
  }

  async handle(exchange: Exchange): Promise<Reply> {
    try {
      return (await this.#route(exchange)) ?? this.#plainError(exchange, `unsupported path requested: ${JSON.stringify(exchange.path)}`);
    } catch (error) {
      if (error instanceof BadRequest) return this.#plainError(exchange, error.message);
      throw error;
    }
  }

  #plainError(exchange: Exchange, message: string): Reply {
    const uri = exchange.query === '' ? exchange.path : `${exchange.path}?${exchange.query}`;
    const caller = this.#facts.errorsNameCaller ? `remoteAddr: "${exchange.remote}"; requestURI: ${uri}; ` : '';
    return { status: 400, headers: TEXT, body: `${caller}${message}\n` };
  }

  async #route(exchange: Exchange): Promise<Reply | undefined> {
    switch (exchange.path) {
      case '/health':
      case '/ready':
        return { status: 200, headers: TEXT, body: 'OK' };
      case '/-/healthy':
        return { status: 200, headers: TEXT, body: 'VictoriaMetrics is Healthy.\n' };
      case '/flags':
        return { status: 200, headers: TEXT, body: this.#flags() };
      case '/metrics':
        return { status: 200, headers: TEXT, body: this.#metrics() };
      case '/internal/force_flush':
        for (const { store } of this.#tenants.values()) store.flush();
        return { status: 200, body: '' };
      case '/internal/resetRollupResultCache':
        return { status: 200, body: '' };
    }
    if (!this.#settings.cluster) return this.#api(exchange, exchange.path.replace(/^\/prometheus(?=\/)/, ''), '0', undefined);
    const [, side, tenant = '', path = ''] = TENANT_PATH.exec(exchange.path) ?? [];
    return side === undefined ? undefined : this.#api(exchange, path, tenant, side);
  }

  /** `side` is which of the cluster's front ends was addressed; each knows its own paths only. */
  async #api(exchange: Exchange, path: string, name: string, side: string | undefined): Promise<Reply | undefined> {
    const { reads, imports } = this.tenant(name);
    if (side === undefined || side === 'insert') {
      if (path === '/api/v1/import') return imports.take(exchange, 'vmimport');
      if (path === '/api/v1/import/prometheus') return imports.take(exchange, 'prometheus');
    }
    const params = parameters(exchange);
    if ((side === undefined || side === 'delete') && path === '/api/v1/admin/tsdb/delete_series') return reads.deleteSeries(params);
    if (side !== undefined && side !== 'select') return undefined;
    switch (path) {
      case '/api/v1/export':
        return reads.export(params);
      case '/api/v1/export/native':
        return this.#settings.nativeExport === 'absent' ? undefined : reads.exportNative(params, this.#settings.nativeExport);
      case '/api/v1/query':
        return reads.query(params);
      case '/api/v1/series':
        return reads.series(params);
      case '/api/v1/series/count':
        return reads.seriesCount();
      case '/api/v1/labels':
        return reads.labels(params);
      case '/api/v1/status/buildinfo': {
        const version = this.#facts.buildVersion;
        return {
          status: 200,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ status: 'success', data: { version } }),
        };
      }
    }
    const label = /^\/api\/v1\/label\/([^/]+)\/values$/.exec(path)?.[1];
    return label === undefined ? undefined : reads.labelValues(params, decodeURIComponent(label));
  }

  #metrics(): string {
    const { countersLagMs, queueMs } = this.#settings;
    return `flag{name="insert.maxQueueDuration", value="${queueMs}ms", is_set="true"} 1\n${this.#counters.print(countersLagMs)}`;
  }

  #flags(): string {
    const days = Math.round(this.#settings.retentionMs / 86_400_000);
    const dedup = this.#settings.dedupMs > 0 ? `-dedup.minScrapeInterval="${this.#settings.dedupMs}ms"\n` : '';
    return `${dedup}-httpListenAddr="127.0.0.1"\n-retentionPeriod="${days}d"\n`;
  }
}

/** Starts the stand-in on 127.0.0.1. It forgets everything when it is closed. */
export async function startVictoriaMetrics(options: VictoriaMetricsOptions = {}): Promise<VictoriaMetricsStandIn> {
  const { port, version = '1.147', clock = systemClock, ...given } = options;
  const settings: VictoriaMetricsSettings = {
    retentionMs: HUNDRED_YEARS_MS,
    futureRetentionMs: 2 * 86_400_000,
    visibleAfterMs: 3000,
    countersLagMs: 1000,
    dedupMs: 0,
    cluster: false,
    nativeExport: 'true',
    queueMs: 60_000,
    maxLineBytes: version === '1.79' ? Number.POSITIVE_INFINITY : 10_485_760,
    ...given,
  };
  const node = new Node(settings, VERSION_FACTS[version], clock);
  const running = await startStandIn({
    ...(port === undefined ? {} : { port }),
    settings,
    clock,
    ...(version === '1.79' ? { gzipFrom: 0 } : { gzipFrom: 2048 }),
    handle: (exchange) => node.handle(exchange),
  });
  return Object.assign(running, { version, store: (tenant = '0') => node.tenant(tenant).store });
}
