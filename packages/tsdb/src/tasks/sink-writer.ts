/** Sending chunks so that it can be told afterwards, whatever happened, what may have been sent. */

import { zstdCompressSync } from 'node:zlib';
import type { TaskContext } from '@longshore/core';
import type { ChunkEntry, ReadyBatch } from '@longshore/spool';
import type {
  ChunkComparison,
  DigestVerdict,
  MetricDigests,
  VerifyRequest,
  VictoriaMetricsClient,
} from '../client/victoriametrics/index.ts';
import type { SinkNames } from '../plan/renaming.ts';
import { namesOf } from '../plan/renaming.ts';
import type { SinkFacts } from './prove-sink.ts';
import { BODY_BYTES } from './settings.ts';

/** Chunks that go out in one body: consecutive ones, up to `BODY_BYTES` of lines. */
export function* groupChunks(entries: readonly ChunkEntry[], most: number = BODY_BYTES): Generator<ChunkEntry[]> {
  let group: ChunkEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    if (group.length > 0 && bytes + entry.lineBytes > most) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(entry);
    bytes += entry.lineBytes;
  }
  if (group.length > 0) yield group;
}

/** What is asked for in one request for native blocks: bounds its time, its address, and what is kept of series. */
const MOST_TOGETHER: { lineBytes: number; series: number; nameBytes: number } = { lineBytes: 64 << 20, series: 20_000, nameBytes: 2_000 };

/**
 * Chunks by metric, so many metrics together as one request may ask for. All of a group's chunks of a metric follow each other without a gap,
 * so that together they are one range.
 */
export function* groupMetrics(
  entries: readonly ChunkEntry[],
  most: typeof MOST_TOGETHER = MOST_TOGETHER,
): Generator<Map<string, ChunkEntry[]>> {
  let group = new Map<string, ChunkEntry[]>();
  let sum = { lineBytes: 0, series: 0, nameBytes: 0 };
  for (const entry of entries) {
    const chunks = group.get(entry.metric);
    const added = {
      lineBytes: sum.lineBytes + entry.lineBytes,
      series: sum.series + entry.series,
      nameBytes: sum.nameBytes + (chunks === undefined ? Buffer.byteLength(entry.metric) : 0),
    };
    const gap = chunks !== undefined && chunks.at(-1)!.stopMs !== entry.startMs;
    const tooMuch = added.lineBytes > most.lineBytes || added.series > most.series || added.nameBytes > most.nameBytes;
    if (group.size > 0 && (gap || tooMuch)) {
      yield group;
      group = new Map();
      sum = { lineBytes: 0, series: 0, nameBytes: 0 };
      group.set(entry.metric, [entry]);
      sum = { lineBytes: entry.lineBytes, series: entry.series, nameBytes: Buffer.byteLength(entry.metric) };
      continue;
    }
    if (chunks === undefined) group.set(entry.metric, [entry]);
    else chunks.push(entry);
    sum = added;
  }
  if (group.size > 0) yield group;
}

type Context = Pick<TaskContext<unknown>, 'clock' | 'signal' | 'generation' | 'count' | 'plan'>;

export class SinkWriter {
  readonly sink: VictoriaMetricsClient;
  readonly #context: Context;
  readonly #facts: SinkFacts;
  readonly #names: SinkNames;
  /** Until when the last upload may take effect, ms since the epoch; 0 when it is known what came of it. */
  doubtUntilMs = 0;

  constructor(context: Context, sink: VictoriaMetricsClient, facts: SinkFacts) {
    this.#context = context;
    this.sink = sink;
    this.#facts = facts;
    this.#names = namesOf(context.plan);
  }

  /** From now on until then a request may take effect: its own deadline, then the server's queue. */
  #untilMs(): number {
    return this.#context.clock.now() + this.sink.settings.deadlineMs + this.#facts.queueMs;
  }

  /** Sends chunks that were never sent. Compressed as they lie there when the sink reads that, else as plain lines. */
  async send(batch: ReadyBatch, group: ChunkEntry[]): Promise<void> {
    const { generation, count } = this.#context;
    const { encoding } = this.#facts;
    const bodies: Buffer[] = [];
    for (const { chunk } of group) bodies.push(encoding === 'zstd' ? await batch.readChunk(chunk) : await batch.readLines(chunk));
    const body = bodies.length === 1 ? bodies[0]! : Buffer.concat(bodies);
    const chunks = group.map(({ chunk }) => chunk);
    await batch.sending(chunks, generation, this.#untilMs());
    await this.#import(batch, chunks, body);
    await batch.acknowledged(chunks, generation);
    for (const { points } of group) count('points', points);
    count('bytesSent', body.length);
  }

  /** Looks a chunk up and sends only what is not there. Flush before. */
  async fill(batch: ReadyBatch, entry: ChunkEntry): Promise<void> {
    this.#context.count('lookups', 1);
    const { comparison, missingLines = [] } = await this.compare(batch, entry, true);
    this.#context.count('pointsPresent', comparison.points - comparison.missing);
    await this.resend(batch, entry, missingLines, comparison.missing);
  }

  async resend(batch: ReadyBatch, entry: ChunkEntry, lines: Buffer[], points: number): Promise<void> {
    const { generation, count } = this.#context;
    await batch.sending(entry.chunk, generation, this.#untilMs());
    if (lines.length > 0) {
      const plain = Buffer.concat(lines);
      const body = this.#facts.encoding === 'zstd' ? zstdCompressSync(plain) : plain;
      await this.#import(batch, [entry.chunk], body);
      count('points', points);
      count('bytesSent', body.length);
    }
    await batch.acknowledged(entry.chunk, generation);
  }

  async compare(batch: ReadyBatch, entry: ChunkEntry, missingLines: boolean): Promise<ChunkComparison> {
    return this.sink.verifyChunk(await batch.readLines(entry.chunk), { ...this.#request(entry), missingLines });
  }

  /**
   * What can be told of chunks from the sums in the manifest, which costs the least by far. Chunks that are `unclear`, or not named, are to be
   * looked at. `renew` is called between requests.
   */
  async confirm(batch: ReadyBatch, entries: readonly ChunkEntry[], renew: () => Promise<void>): Promise<Map<number, DigestVerdict>> {
    const { signal } = this.#context;
    const { readBack } = this.#facts;
    const found = new Map<number, DigestVerdict>();
    if (readBack === 'json') return found;
    for (const group of groupMetrics(entries)) {
      const metrics: MetricDigests[] = [];
      for (const [metric, chunks] of group) {
        const range = { startMs: chunks[0]!.startMs, stopMs: chunks.at(-1)!.stopMs };
        const series = (await Promise.all(chunks.map(({ chunk }) => batch.digests(chunk)))).flat();
        metrics.push({ metric: this.#names.metric(metric), range, series });
      }
      const verdicts = await this.sink.confirmMetrics(metrics, { signal, readBack });
      for (const [metric, chunks] of group) {
        const verdict = verdicts.get(this.#names.metric(metric));
        if (verdict !== undefined) for (const { chunk } of chunks) found.set(chunk, verdict);
      }
      await renew();
    }
    return found;
  }

  /** Undefined: not all of the chunk can be seen yet. See `VictoriaMetricsClient.lookForChunk`. */
  async look(batch: ReadyBatch, entry: ChunkEntry, settled?: ReadonlySet<string>): Promise<ChunkComparison | undefined> {
    return this.sink.lookForChunk(await batch.readLines(entry.chunk), entry.points, { ...this.#request(entry), settled });
  }

  #request({ metric, startMs, stopMs }: ChunkEntry): VerifyRequest {
    const { signal } = this.#context;
    return { metric: this.#names.metric(metric), range: { startMs, stopMs }, signal, readBack: this.#facts.readBack };
  }

  /**
   * An upload is not aborted when the task is: cut off, its outcome would be unknown for a minute or more, while its own deadline ends it
   * in seconds. When one has ended badly, what it may still do is over sooner than was noted before it began: that is noted, too.
   */
  async #import(batch: ReadyBatch, chunks: number[], body: Uint8Array): Promise<void> {
    const { encoding, queueMs } = this.#facts;
    this.doubtUntilMs = this.#untilMs();
    const result = await this.sink.importLines(body, encoding, { queueMs });
    this.doubtUntilMs = 'settledAtMs' in result ? result.settledAtMs : 0;
    if (result.result === 'acknowledged') return;
    await batch.ended(chunks, this.#context.generation, this.doubtUntilMs);
    throw result.error;
  }
}
