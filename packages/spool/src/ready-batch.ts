/** The restorer's side of a batch folder. */
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, crc32, zstdCompress, zstdDecompress } from 'node:zlib';
import type { Json, LongshoreError } from '@longshore/core';
import { errorCode, SpoolDamaged, SpoolMissing } from './errors.ts';
import { type SpoolFile, step } from './files.ts';
import { readFully, readLine } from './line-log.ts';
import { type BatchTotals, type ChunkEntry, type ChunkSeries, type ManifestState, parseDigests } from './manifest.ts';
import { type ChunkProgress, type ComparedPoints, RestoreLog } from './restore-log.ts';
import { BLOCK_BYTES } from './segment.ts';
import { batchPath, type Spool, statesOf } from './spool.ts';
import { firstUnbacked, openIfThere, readManifestIn } from './stored-batch.ts';
import { type Tombstone, tombstonesOf } from './tombstones.ts';

const decompress = promisify(zstdDecompress);
const compress = promisify(zstdCompress);
/** As segments are written. */
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** The least that zlib takes. */
const LEAST_PIECE_BYTES = 64;

export type RestoreOpening = { state: 'ready' | 'verified'; batch: ReadyBatch } | { state: 'removed'; tombstone: Tombstone };

/** How the series of a batch are called where it is read, when that is not as they were dumped. */
export interface BatchView {
  /** Whole import lines. */
  lines(lines: Buffer): Buffer;
  /** The `metric` object of a line, as text. */
  labels(labels: string): string;
}

/** Opens a complete batch. Errors: `LSH_SPOOL_DAMAGED` with the file and what is wrong; `LSH_SPOOL_MISSING` when it is nowhere, or still being dumped. */
export async function openForRestore(spool: Spool, operation: string, batch: string, view?: BatchView): Promise<RestoreOpening> {
  const states = await statesOf(spool, operation, batch);
  const tombstone = await tombstonesOf(spool, operation).find(batch);
  if (tombstone !== undefined) return { state: 'removed', tombstone };
  const state = states[0];
  if (state === undefined || state === 'dumping') {
    const what = state === undefined ? 'the batch is not in this spool' : 'the batch is still being dumped';
    throw SpoolMissing({ path: batchPath(spool, operation, batch, 'ready'), what });
  }
  return { state, batch: await ReadyBatch.open(spool, operation, batch, state, view) };
}

/** Why a manifest of a folder that should be complete is not. */
export function incompleteness(manifest: ManifestState | undefined): string | undefined {
  if (manifest === undefined) return 'it is missing';
  if (manifest.totals !== undefined) return undefined;
  if (manifest.brokenAt !== undefined) return `the line at byte ${manifest.brokenAt} does not match its checksum`;
  return 'its last line, with the totals, is missing';
}

export class ReadyBatch {
  readonly operation: string;
  readonly batch: string;
  readonly totals: BatchTotals;
  /** As given to `openForDump`. */
  readonly meta: Json;
  readonly entries: readonly ChunkEntry[];
  #state: 'ready' | 'verified';
  readonly #spool: Spool;
  readonly #manifest: ManifestState;
  readonly #log: RestoreLog;
  readonly #view: BatchView | undefined;
  readonly #files = new Map<string, Promise<SpoolFile>>();

  private constructor(
    spool: Spool,
    state: 'ready' | 'verified',
    manifest: ManifestState,
    totals: BatchTotals,
    log: RestoreLog,
    view: BatchView | undefined,
  ) {
    this.#spool = spool;
    this.#view = view;
    this.#state = state;
    this.#manifest = manifest;
    this.#log = log;
    this.operation = manifest.operation;
    this.batch = manifest.batch;
    this.totals = totals;
    this.meta = manifest.meta;
    this.entries = manifest.entries;
  }

  /** Called by `openForRestore`. */
  static async open(spool: Spool, operation: string, batch: string, state: 'ready' | 'verified', view?: BatchView): Promise<ReadyBatch> {
    const path = batchPath(spool, operation, batch, state);
    const manifest = await readManifestIn(spool, path, operation, batch);
    const lacking = incompleteness(manifest);
    if (manifest?.totals === undefined || manifest.owner === undefined) {
      throw SpoolDamaged({ path: join(path, 'manifest'), what: lacking ?? 'it has no owner' });
    }
    if (state === 'ready') {
      const unbacked = await firstUnbacked(spool, path, manifest.entries);
      if (unbacked !== undefined) throw SpoolDamaged({ path: join(path, manifest.entries[unbacked.chunk]!.segment), what: unbacked.what });
    }
    const log = await RestoreLog.open(spool, join(path, 'restore'), manifest.owner.nonce);
    return new ReadyBatch(spool, state, manifest, manifest.totals, log, view);
  }

  get state(): 'ready' | 'verified' {
    return this.#state;
  }

  get path(): string {
    return batchPath(this.#spool, this.operation, this.batch, this.#state);
  }

  /** Set when the restore log cannot be trusted entirely; the chunks in doubt are `unknown`. For the report. */
  get doubt(): Error | undefined {
    return this.#log.doubt;
  }

  #entry(chunk: number): ChunkEntry {
    const entry = this.entries[chunk];
    if (entry === undefined) throw new RangeError(`batch ${this.batch} has no chunk ${chunk}`);
    return entry;
  }

  /** An open file of this folder; of its earlier name too, since a file stays the same when its folder is renamed. */
  #file(name: string): Promise<SpoolFile> {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const path = join(this.path, name);
    const opening = openIfThere(this.#spool, path).then((file) => {
      if (file === undefined) throw SpoolDamaged({ path, what: 'it is missing' });
      return file;
    });
    this.#files.set(name, opening);
    opening.catch(() => this.#files.delete(name));
    return opening;
  }

  /** The lines of a chunk as zstd frames, checked against the manifest. */
  async readChunk(chunk: number): Promise<Buffer> {
    if (this.#view === undefined || this.#entry(chunk).length === 0) return this.#readFrames(chunk);
    return compress(await this.readLines(chunk), COMPRESSION);
  }

  async #readFrames(chunk: number): Promise<Buffer> {
    const entry = this.#entry(chunk);
    if (entry.length === 0) return Buffer.alloc(0);
    const path = join(this.path, entry.segment);
    const bytes = await readFully(await this.#file(entry.segment), path, entry.offset, entry.length);
    const where = `chunk ${chunk} (bytes ${entry.offset} to ${entry.offset + entry.length})`;
    if (bytes === undefined) throw SpoolDamaged({ path, what: `it ends before the end of ${where}` });
    const found = crc32(bytes);
    if (found !== entry.crc32) {
      throw SpoolDamaged({ path, what: `${where} has the checksum ${found.toString(16)}, the manifest says ${entry.crc32.toString(16)}` });
    }
    return bytes;
  }

  /** The import lines of a chunk. Never decompresses to more bytes than the manifest states. */
  async readLines(chunk: number): Promise<Buffer> {
    const entry = this.#entry(chunk);
    const bytes = await this.#readFrames(chunk);
    if (bytes.length === 0) return bytes;
    const path = join(this.path, entry.segment);
    // In few large pieces: by default they have 16 KB, and a tenth of the time goes into handing them over.
    const options = { maxOutputLength: entry.lineBytes, chunkSize: Math.min(Math.max(entry.lineBytes, LEAST_PIECE_BYTES), BLOCK_BYTES) };
    const lines = await decompress(bytes, options).catch((error: unknown) => {
      throw SpoolDamaged(
        { path, what: `chunk ${chunk} cannot be decompressed to ${entry.lineBytes} bytes (${errorCode(error)})` },
        { cause: error },
      );
    });
    if (lines.length !== entry.lineBytes) {
      throw SpoolDamaged({ path, what: `chunk ${chunk} has ${lines.length} bytes of lines, the manifest says ${entry.lineBytes}` });
    }
    return this.#view?.lines(lines) ?? lines;
  }

  /** Points and timestamp hash of each series of a chunk, read from the manifest. */
  async digests(chunk: number): Promise<ChunkSeries[]> {
    const entry = this.#entry(chunk);
    const place = this.#manifest.places[chunk]!;
    const path = join(this.path, 'manifest');
    const line = await readLine(await this.#file('manifest'), path, place.offset, place.end);
    const series = line === undefined ? undefined : parseDigests(line, this.#manifest.labels, entry);
    if (series === undefined) throw SpoolDamaged({ path, what: `the series of chunk ${chunk}, at byte ${place.offset}, cannot be read` });
    const view = this.#view;
    return view === undefined ? series : series.map((one) => ({ ...one, labels: view.labels(one.labels) }));
  }

  /** Reads every chunk and its digests; every damage, in order. */
  async check(): Promise<LongshoreError[]> {
    const damages: LongshoreError[] = [];
    for (const { chunk } of this.entries) {
      for (const read of [() => this.readLines(chunk), () => this.digests(chunk)]) {
        try {
          await read();
        } catch (error) {
          if (!SpoolDamaged.is(error)) throw error;
          damages.push(error);
        }
      }
    }
    return damages;
  }

  progress(chunk: number): ChunkProgress {
    this.#entry(chunk);
    return this.#log.progress(chunk);
  }

  /** Whether reading back has found less of a chunk than it holds, or it was being sent again after that. */
  lacks(chunk: number): boolean {
    const progress = this.progress(chunk);
    if (progress.state !== 'verified') return progress.state === 'sending';
    const { points, matched, precisionLost } = progress.compared;
    return matched + precisionLost < points;
  }

  /** Notes, durably, that these chunks are about to be sent, and when their requests will have ended at the latest. */
  async sending(chunks: number | number[], generation: number, untilMs: number): Promise<void> {
    const list = typeof chunks === 'number' ? [chunks] : chunks;
    for (const chunk of list) this.#entry(chunk);
    await this.#log.sending(list, generation, untilMs);
  }

  /** Notes that the request for these chunks is over without an acknowledgement, and when its effect, if any, has come at the latest. */
  async ended(chunks: number | number[], generation: number, untilMs: number): Promise<void> {
    const list = typeof chunks === 'number' ? [chunks] : chunks;
    for (const chunk of list) this.#entry(chunk);
    await this.#log.ended(list, generation, untilMs);
  }

  /** Notes a clean acknowledgement of what this attempt sent. Of a chunk another attempt has begun to send since, it is not noted. */
  async acknowledged(chunks: number | number[], generation: number): Promise<void> {
    const list = typeof chunks === 'number' ? [chunks] : chunks;
    for (const chunk of list) this.#entry(chunk);
    await this.#log.acknowledged(list, generation);
  }

  /** Notes that chunks were read back from the sink, and what came of each. */
  async verified(found: ReadonlyMap<number, ComparedPoints>): Promise<void> {
    for (const chunk of found.keys()) this.#entry(chunk);
    await this.#log.verified(found);
  }

  /** What the comparisons noted so far add up to. */
  compared(): ComparedPoints {
    const sum: ComparedPoints = { points: 0, matched: 0, missing: 0, extra: 0, different: 0, precisionLost: 0 };
    for (const { chunk } of this.entries) {
      const progress = this.#log.progress(chunk);
      if (progress.state !== 'verified') continue;
      sum.points += progress.compared.points;
      sum.matched += progress.compared.matched;
      sum.missing += progress.compared.missing;
      sum.extra += progress.compared.extra;
      sum.different += progress.compared.different;
      sum.precisionLost += progress.compared.precisionLost;
    }
    return sum;
  }

  /**
   * Renames the folder to `.verified`. Every chunk with points must have been verified, or at least acknowledged when
   * the sink cannot be read back. Not flushed: a rename that is lost costs one more reading of the sink.
   */
  async markVerified(options: { readBack: boolean } = { readBack: true }): Promise<void> {
    const open = this.entries.find(({ chunk, points }) => {
      const { state } = this.progress(chunk);
      return points > 0 && state !== 'verified' && (options.readBack || state !== 'acknowledged');
    });
    if (open !== undefined)
      throw new TypeError(`chunk ${open.chunk} of batch ${this.batch} is ${this.progress(open.chunk).state}, not verified`);
    if (this.#state === 'verified') return;
    const from = this.path;
    const to = batchPath(this.#spool, this.operation, this.batch, 'verified');
    await step('rename', from, async () => {
      try {
        await this.#spool.files.rename(from, to);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT' || (await this.#spool.files.facts(to)) === undefined) throw error;
      }
    });
    this.#state = 'verified';
    this.#log.moved(join(to, 'restore'));
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const opened of await Promise.allSettled(files)) {
      if (opened.status === 'fulfilled') await step('close', this.path, () => opened.value.close());
    }
    await this.#log.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
