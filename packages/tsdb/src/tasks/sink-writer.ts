/** Sending chunks so that it can be told afterwards, whatever happened, what may have been sent. */

import { zstdCompressSync } from 'node:zlib';
import type { TaskContext } from '@longshore/core';
import type { ChunkEntry, ReadyBatch } from '@longshore/spool';
import type { ChunkComparison, VerifyRequest, VictoriaMetricsClient } from '../client/victoriametrics/index.ts';
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

type Context = Pick<TaskContext<unknown>, 'clock' | 'signal' | 'generation' | 'count'>;

export class SinkWriter {
  readonly sink: VictoriaMetricsClient;
  readonly #context: Context;
  readonly #facts: SinkFacts;
  /** False while the outcome of the last upload is not known. */
  settled = true;

  constructor(context: Context, sink: VictoriaMetricsClient, facts: SinkFacts) {
    this.#context = context;
    this.sink = sink;
    this.#facts = facts;
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
    await batch.sending(
      group.map(({ chunk }) => chunk),
      generation,
      this.#untilMs(),
    );
    await this.#import(body);
    for (const { chunk, points } of group) {
      await batch.acknowledged(chunk, generation);
      count('points', points);
    }
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
      await this.#import(body);
      count('points', points);
      count('bytesSent', body.length);
    }
    await batch.acknowledged(entry.chunk, generation);
  }

  async compare(batch: ReadyBatch, entry: ChunkEntry, missingLines: boolean): Promise<ChunkComparison> {
    return this.sink.verifyChunk(await batch.readLines(entry.chunk), { ...this.#request(entry), missingLines });
  }

  /** Undefined: not all of the chunk can be seen yet. See `VictoriaMetricsClient.lookForChunk`. */
  async look(batch: ReadyBatch, entry: ChunkEntry): Promise<ChunkComparison | undefined> {
    return this.sink.lookForChunk(await batch.readLines(entry.chunk), this.#request(entry));
  }

  #request({ metric, startMs, stopMs }: ChunkEntry): VerifyRequest {
    return { metric, range: { startMs, stopMs }, signal: this.#context.signal, readBack: this.#facts.readBack };
  }

  /**
   * An upload is not aborted when the task is: cut off, its outcome would be unknown for a minute or more, while its own deadline ends it
   * in seconds.
   */
  async #import(body: Uint8Array): Promise<void> {
    const { encoding, queueMs } = this.#facts;
    this.settled = false;
    const result = await this.sink.importLines(body, encoding, { queueMs });
    this.settled = result.result === 'acknowledged' || result.result === 'not-sent';
    if (result.result !== 'acknowledged') throw result.error;
  }
}
