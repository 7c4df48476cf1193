/** The client of one VictoriaMetrics, bundled for tasks. */
import type { Clock, Log, Random, Target, TargetSystem } from '@longshore/core';
import type { HttpClient } from '@longshore/http';
import { openHttp } from '@longshore/http';
import type { TimeRange } from '../../model.ts';
import type { Endpoint, SinkAddress, SinkSettings } from './address.ts';
import { SinkSettingsSchema, sinkAddress } from './address.ts';
import type { ChunkComparison } from './compare.ts';
import { compareChunk } from './compare.ts';
import { countPoints, hasDoubled, largestNear } from './count.ts';
import type { SinkCounters, SinkFlags } from './counters.ts';
import { readCounters, readFlags } from './counters.ts';
import { SinkAddressUnusable } from './errors.ts';
import type { ExportRequest } from './export.ts';
import { exportRange } from './export.ts';
import { forceFlush } from './flush.ts';
import type { BodyEncoding, ImportResult } from './import.ts';
import { importLines } from './import.ts';
import { SeriesKeys } from './labels.ts';
import { metricNames } from './names.ts';
import { ConfirmBuffers } from './native/confirm.ts';
import type { DigestOptions, DigestVerdict, MetricDigests } from './native/digests.ts';
import type { Confirmation } from './native/export.ts';
import { confirmChunk, confirmDigests } from './native/export.ts';
import { NativeNames } from './native/names.ts';
import type { ProbeRequest, ProbeResult, ReadBack } from './probe.ts';
import { DEFAULT_QUEUE_MS, probeSink } from './probe.ts';
import { deleteSeries } from './remove.ts';
import type { Matchers } from './selector.ts';
import type { Wire } from './wire.ts';

export interface VerifyRequest {
  metric: string;
  /** The frame the chunk was asked for; what the sink holds in it and the chunk does not is extra. */
  range: TimeRange;
  signal?: AbortSignal;
  missingLines?: boolean;
  /** As the probe found; absent: `json`. With native blocks JSON lines decide all the same wherever native blocks do not plainly confirm the chunk. */
  readBack?: ReadBack | undefined;
  /** As `confirmMetrics` has found: series that need not be looked at again. Points of the comparison are then those of the others. */
  settled?: ReadonlySet<string> | undefined;
}

/** Native replies that could not be had or read, one after the other, after which a client asks for no more of them. */
const NATIVE_FAILURES = 3;

export interface VictoriaMetricsDeps {
  clock: Clock;
  random: Random;
  log: Log;
}

export class VictoriaMetricsClient implements AsyncDisposable {
  readonly sink: string;
  readonly address: SinkAddress;
  readonly settings: SinkSettings;
  readonly #connections = new Map<string, HttpClient>();
  readonly #keys: SeriesKeys;
  readonly #wire: Wire;
  readonly #random: Random;
  readonly #names = new NativeNames();
  /** Not in use by any comparison. */
  readonly #buffers: ConfirmBuffers[] = [];
  #nativeFailures = 0;

  /** Opens no connection. Throws LSH_VM_ADDRESS. */
  constructor(target: Target, { clock, random, log }: VictoriaMetricsDeps) {
    this.sink = target.name;
    const settings = SinkSettingsSchema.safeParse(target.settings);
    if (!settings.success) {
      const reason = settings.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
      throw SinkAddressUnusable({ sink: this.sink, reason });
    }
    this.settings = settings.data;
    this.address = sinkAddress(this.sink, target.address, this.settings);
    this.#keys = new SeriesKeys(this.sink);
    this.#random = random;
    const { authorization } = target.secrets;
    const http = (endpoint: Endpoint): HttpClient => {
      const open = this.#connections.get(endpoint.base);
      if (open !== undefined) return open;
      const client = openHttp({
        base: endpoint.base,
        connections: this.settings.connections,
        clock,
        ...(authorization === undefined ? {} : { headers: { authorization } }),
      });
      this.#connections.set(endpoint.base, client);
      return client;
    };
    this.#wire = { sink: this.sink, address: this.address, settings: this.settings, clock, log, http };
  }

  /** What names this sink, whatever it is called: its address for writing. */
  get identity(): string {
    return `${this.address.insert.base}${this.address.insert.path}`;
  }

  /** See `importLines`. `queueMs`: as the probe found it. */
  importLines(body: Uint8Array, encoding: BodyEncoding, options: { queueMs?: number; signal?: AbortSignal } = {}): Promise<ImportResult> {
    const queueMs = this.settings.queueMs ?? options.queueMs ?? DEFAULT_QUEUE_MS;
    return importLines(this.#wire, body, encoding, queueMs, options.signal);
  }

  /** Buffers of whole export lines; see `exportRange`. */
  exportRange(request: ExportRequest): AsyncGenerator<Buffer, void, undefined> {
    return exportRange(this.#wire, request);
  }

  /**
   * Compares the (uncompressed) import lines of a chunk with the sink. Flush before. When values turn out to be cut by a
   * neighbour that is not in the chunk, the largest value of the month is asked for and the chunk is compared once more.
   * With a native `readBack` the sink is first asked for its native blocks, which cost it far less; only when they do not hold
   * exactly the chunk are JSON lines read. Not where lines of missing points are wanted: there some are expected to be missing.
   */
  async verifyChunk(lines: Buffer, request: VerifyRequest): Promise<ChunkComparison> {
    const { metric, range, signal, missingLines = false, readBack = 'json' } = request;
    if (readBack !== 'json' && !missingLines) {
      const found = await this.#confirm(lines, request);
      if (found.confirmed !== undefined) return found.confirmed;
    }
    const compare = (largest: number): Promise<ChunkComparison> => {
      const exported = this.exportRange({ metric, range, signal });
      return compareChunk(lines, exported, { sink: this.sink, keys: this.#keys, missingLines, largestNear: largest });
    };
    const first = await compare(0);
    if (first.unexplained.points === 0) return first;
    const largest = await largestNear(this.#wire, metric, range, signal);
    return largest === 0 ? first : compare(largest);
  }

  /**
   * As `verifyChunk`, for rows that may not be seen yet. Undefined: they are not, by native blocks that hold nothing wrong; look again, and
   * when that has gone on for too long, `verifyChunk` with `missingLines` says what is not there. `points`: of the whole chunk, settled series
   * included.
   */
  async lookForChunk(lines: Buffer, points: number, request: VerifyRequest): Promise<ChunkComparison | undefined> {
    if (request.readBack === undefined || request.readBack === 'json') return this.verifyChunk(lines, request);
    const found = await this.#confirm(lines, request);
    if (found.confirmed === undefined)
      return found.kind === 'incomplete' ? undefined : this.verifyChunk(lines, { ...request, readBack: 'json' });
    const { comparison } = found.confirmed;
    const settled = points - comparison.points;
    return { ...found.confirmed, comparison: { ...comparison, points, matched: comparison.matched + settled } };
  }

  /**
   * What the sink holds of whole metrics, by sums that were made of them earlier: one request, and nothing that was sent is read again.
   * Flush before. `unclear` where that cannot tell, as it cannot without native blocks: `lookForChunk` does.
   */
  async confirmMetrics(
    metrics: readonly MetricDigests[],
    { signal, readBack = 'json' }: Pick<VerifyRequest, 'signal' | 'readBack'>,
  ): Promise<ReadonlyMap<string, DigestVerdict>> {
    const unclear = new Map(metrics.map(({ metric }) => [metric, { verdict: 'unclear' as const, settled: new Set<string>() }]));
    if (readBack === 'json' || this.#nativeFailures >= NATIVE_FAILURES) return unclear;
    const { verdicts, reason } = await this.#native(readBack, (options) => confirmDigests(this.#wire, metrics, options, signal));
    if (verdicts !== undefined) return verdicts;
    this.#nativeFailures++;
    this.#wire.log.warn({ sink: this.sink, reason }, 'native blocks could not be read back; chunks are looked at one by one');
    return unclear;
  }

  async #native<T>(readBack: ReadBack, work: (options: DigestOptions) => Promise<T>): Promise<T> {
    const buffers = this.#buffers.pop() ?? new ConfirmBuffers();
    const layout = readBack === 'native-bare' ? 'bare' : 'full';
    const done = await work({ layout, keys: this.#keys, names: this.#names, buffers });
    this.#buffers.push(buffers);
    return done;
  }

  async #confirm(lines: Buffer, { metric, range, signal, settled, readBack = 'json' }: VerifyRequest): Promise<Confirmation> {
    if (this.#nativeFailures >= NATIVE_FAILURES) return { confirmed: undefined, reason: 'it has failed too often', kind: 'failed' };
    const outcome = await this.#native(readBack, (options) =>
      confirmChunk(this.#wire, lines, { metric, range, signal }, { ...options, settled }),
    );
    if (outcome.confirmed !== undefined || outcome.kind !== 'failed') this.#nativeFailures = 0;
    else this.#nativeFailures++;
    if (outcome.confirmed !== undefined) return outcome;
    const { reason, kind } = outcome;
    const about = { sink: this.sink, metric, ...range, reason };
    if (kind === 'failed') this.#wire.log.warn(about, 'native blocks could not be read back; JSON lines are read instead');
    else this.#wire.log.debug(about, 'native blocks do not confirm a chunk');
    return outcome;
  }

  /** Metrics with a point on a day of the range; see `metricNames`. */
  metrics(range: TimeRange, signal?: AbortSignal): Promise<string[]> {
    return metricNames(this.#wire, range, signal);
  }

  /** Points the sink holds of a metric in a range. */
  countPoints(metric: string, range: TimeRange, signal?: AbortSignal): Promise<number> {
    return countPoints(this.#wire, metric, range, signal);
  }

  /** Whether a series of a metric has two points of one time; see `hasDoubled`. */
  hasDoubled(metric: string, range: TimeRange, signal?: AbortSignal): Promise<boolean | undefined> {
    return hasDoubled(this.#wire, metric, range, signal);
  }

  /** False when the sink cannot be flushed by us: rows show up seconds later by themselves. See `forceFlush`. */
  flush(signal?: AbortSignal): Promise<boolean> {
    return forceFlush(this.#wire, signal);
  }

  counters(signal?: AbortSignal): Promise<SinkCounters> {
    return readCounters(this.#wire, signal);
  }

  flags(signal?: AbortSignal): Promise<SinkFlags> {
    return readFlags(this.#wire, signal);
  }

  /** Writes, reads back and deletes; see `probeSink`. */
  probe(request: ProbeRequest): Promise<ProbeResult> {
    return probeSink(this.#wire, this.#random, request);
  }

  /** Deletes whole series; throws LSH_VM_READ when the sink does not allow it. */
  async deleteSeries(metric: string, matchers: Matchers = {}, signal?: AbortSignal): Promise<void> {
    const refused = await deleteSeries(this.#wire, metric, matchers, signal);
    if (refused !== undefined) throw refused;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.all(open.map((client) => client[Symbol.asyncDispose]()));
  }
}

export const victoriaMetrics: TargetSystem<VictoriaMetricsClient> = {
  system: 'victoriametrics',
  connect: (target, deps) => new VictoriaMetricsClient(target, deps),
};
