/** The dumper's side of a batch folder. */
import { join } from 'node:path';
import type { Json, LongshoreError } from '@longshore/core';
import { ChunkWriter } from './chunk-writer.ts';
import { removeContents } from './discard.ts';
import { errorCode, SpoolDamaged, SpoolMissing, SpoolSuperseded } from './errors.ts';
import { step } from './files.ts';
import { LineAppender } from './line-log.ts';
import {
  type BatchTotals,
  type ChunkEntry,
  type ChunkFacts,
  type ChunkSeries,
  chunkLine,
  cutEntries,
  endLine,
  type ManifestState,
  type Owner,
  ownerLine,
  readManifest,
  totalsOf,
} from './manifest.ts';
import { ChunkStream, Segment } from './segment.ts';
import { batchHome, batchPath, ensureOperationFolder, folderExists, type Spool, statesOf } from './spool.ts';
import { firstUnbacked, readManifestIn, reclaim } from './stored-batch.ts';
import { tombstonesOf } from './tombstones.ts';

export interface DumpRequest {
  operation: string;
  batch: string;
  generation: number;
  /** Kept with the batch: its window, its slice of the metrics. */
  meta: Json;
}

export type DumpOpening =
  | { state: 'dumping'; folder: DumpFolder }
  /** There is nothing left to dump. */
  | { state: 'ready' | 'verified' | 'removed'; totals: BatchTotals };

/** A manifest line becomes durable at the latest when it and its successors vouch for this much; losing it costs a chunk dumped twice, no more. */
const MANIFEST_SYNC_BYTES = 64 << 20;

/**
 * Makes the folder of a batch, or goes on behind the last good entry of a half dump. Errors: `LSH_SPOOL_FULL`;
 * `LSH_SPOOL_SUPERSEDED` when a newer attempt has it; `LSH_SPOOL_DAMAGED` for a finished folder or tombstones that cannot
 * be read. A damaged half dump is no error: it is begun anew, and `folder.redone` names the damage.
 */
export async function openForDump(spool: Spool, request: DumpRequest): Promise<DumpOpening> {
  const { operation, batch } = request;
  await ensureOperationFolder(spool, operation);
  const parent = batchHome(spool, operation);
  const dumping = batchPath(spool, operation, batch, 'dumping');
  const states = await statesOf(spool, operation, batch);
  const finished = states.find((state) => state !== 'dumping');
  const tombstone = await tombstonesOf(spool, operation).find(batch);
  if (tombstone !== undefined) return { state: 'removed', totals: tombstone.totals };
  if (finished !== undefined) {
    const path = batchPath(spool, operation, batch, finished);
    const manifest = await readManifestIn(spool, path, operation, batch);
    if (manifest?.totals !== undefined) {
      if (states.includes('dumping')) await removeContents(spool, dumping, { keepRestoreLog: false });
      return { state: finished, totals: manifest.totals };
    }
    if (finished === 'verified') throw SpoolDamaged({ path: join(path, 'manifest'), what: 'it does not come to its end' });
    // Named ready by an attempt that had been replaced, or its end was lost: what is good of it is gone on with.
    if (states.includes('dumping')) await removeContents(spool, path, { keepRestoreLog: false });
    else await step('rename', path, () => spool.files.rename(path, dumping));
  }
  let redone: LongshoreError | undefined;
  for (;;) {
    await step('make', dumping, () => spool.files.makeFolder(dumping));
    await folderExists(spool, dumping);
    try {
      const folder = await DumpFolder.open(spool, parent, request, redone);
      if (!folder.complete) return { state: 'dumping', folder };
      const totals = await folder.finish();
      return { state: 'ready', totals };
    } catch (error) {
      if (redone !== undefined || !SpoolDamaged.is(error)) throw error;
      redone = error;
      await removeContents(spool, dumping, { keepRestoreLog: true });
    }
  }
}

export class DumpFolder {
  readonly path: string;
  /** What was wrong with an earlier half dump that was begun anew. */
  readonly redone: LongshoreError | undefined;
  /** What of an earlier attempt was not trusted, in words: a torn last line, a chunk whose bytes are not there. */
  readonly disregarded: string | undefined;
  readonly #spool: Spool;
  readonly #parent: string;
  readonly #request: DumpRequest;
  readonly #owner: Owner;
  readonly #log: LineAppender;
  readonly #segment: Segment;
  readonly #state: ManifestState;
  readonly #labels: Map<string, number>;
  #open: ChunkWriter | undefined;
  #unsyncedBytes = 0;
  #broken: unknown;

  private constructor(init: {
    spool: Spool;
    parent: string;
    request: DumpRequest;
    path: string;
    owner: Owner;
    log: LineAppender;
    state: ManifestState;
    redone: LongshoreError | undefined;
    disregarded: string | undefined;
  }) {
    this.#spool = init.spool;
    this.#parent = init.parent;
    this.#request = init.request;
    this.path = init.path;
    this.#owner = init.owner;
    this.#log = init.log;
    this.#state = init.state;
    this.redone = init.redone;
    this.disregarded = init.disregarded;
    this.#labels = new Map(init.state.labels.map((text, index) => [text, index]));
    this.#segment = new Segment(init.spool.files, init.path, init.owner.generation, init.owner.nonce);
  }

  /** Called by `openForDump`. */
  static async open(spool: Spool, parent: string, request: DumpRequest, redone: LongshoreError | undefined): Promise<DumpFolder> {
    const { operation, batch, generation, meta } = request;
    const path = batchPath(spool, operation, batch, 'dumping');
    const manifestPath = join(path, 'manifest');
    const log = await LineAppender.open(spool.files, manifestPath);
    try {
      const owner: Owner = { generation, nonce: spool.random.id(8) };
      let state = await readManifest(log.file, manifestPath, operation, batch);
      let disregarded: string | undefined;
      if (state.totals === undefined) {
        if (state.owner !== undefined && state.owner.generation > generation) {
          throw SpoolSuperseded({ path, generation, what: `attempt ${state.owner.generation} has begun` });
        }
        const notes: string[] = [];
        if (state.brokenAt !== undefined) notes.push(`the manifest is not readable from byte ${state.brokenAt} on`);
        const lacking = await firstUnbacked(spool, path, state.entries);
        const after = lacking === undefined ? state.goodEnd : state.places[lacking.chunk]!.offset;
        if (lacking !== undefined) notes.push(`${lacking.what}; chunks from ${lacking.chunk} on are dumped again`);
        disregarded = notes.length === 0 ? undefined : notes.join('; ');
        await log.takeOver(ownerLine(owner, operation, batch, meta, after));
        if ((await log.undisturbed()) === 'yes') {
          cutEntries(state, after);
          state.owner = owner;
          state.meta = meta;
          state.brokenAt = undefined;
        } else {
          state = await rereadAsOwner(log, request, owner);
        }
        if (state.totals === undefined) await reclaim(spool, path, state.entries);
      }
      return new DumpFolder({ spool, parent, request, path, owner, log, state, redone, disregarded });
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  /** What is in the folder so far; a resumed dump goes on behind these. */
  get entries(): readonly ChunkEntry[] {
    return this.#state.entries;
  }

  /** Whether an earlier attempt has dumped all of it and only the new name is missing. */
  get complete(): boolean {
    return this.#state.totals !== undefined;
  }

  /** What the entries come to. */
  totals(): BatchTotals {
    return totalsOf(this.#state);
  }

  /** One chunk at a time. */
  beginChunk(): ChunkWriter {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#open !== undefined) throw new TypeError('the last chunk was neither committed nor rolled back');
    const stream = new ChunkStream(this.#segment);
    this.#open = new ChunkWriter({
      write: (lines) => stream.write(lines),
      commit: (facts) => this.#commit(stream, facts),
      // An entry that may already count must keep its bytes.
      rollback: () => (this.#broken === undefined ? stream.abandon() : stream.settle()),
      ended: () => {
        this.#open = undefined;
      },
    });
    return this.#open;
  }

  async #commit(stream: ChunkStream, facts: ChunkFacts): Promise<ChunkEntry> {
    const written = await stream.finish();
    if (facts.points > 0 !== written.lineBytes > 0) {
      throw new TypeError(`a chunk of ${facts.points} points cannot have ${written.lineBytes} bytes of lines`);
    }
    const { metric, startMs, stopMs, points, firstMs, lastMs, notes } = facts;
    const chunk = this.#state.entries.length;
    const entry: ChunkEntry = {
      chunk,
      metric,
      startMs,
      stopMs,
      segment: this.#segment.name,
      ...written,
      points,
      series: facts.series.length,
    };
    if (firstMs !== undefined) entry.firstMs = firstMs;
    if (lastMs !== undefined) entry.lastMs = lastMs;
    if (notes !== undefined) entry.notes = notes;

    const newLabels: string[] = [];
    const digests: [number, ChunkSeries][] = [];
    for (const series of facts.series) {
      let index = this.#labels.get(series.labels);
      if (index === undefined) {
        index = this.#labels.size;
        this.#labels.set(series.labels, index);
        newLabels.push(series.labels);
      }
      digests.push([index, series]);
    }
    await this.#enter(entry, newLabels, digests);
    return entry;
  }

  async #enter(entry: ChunkEntry, newLabels: string[], digests: [number, ChunkSeries][]): Promise<void> {
    try {
      const labelsBefore = this.#state.labels.length;
      const offset = await this.#log.append(chunkLine(this.#owner.nonce, entry, newLabels, digests));
      this.#state.places.push({ offset, end: this.#log.size, labelsBefore });
      this.#state.entries.push(entry);
      for (const text of newLabels) this.#state.labels.push(text);
      await this.#assertOwner();
      this.#unsyncedBytes += entry.length;
      if (this.#unsyncedBytes < MANIFEST_SYNC_BYTES) return;
      await this.#log.sync();
      this.#unsyncedBytes = 0;
    } catch (error) {
      // Whether the entry counts is for the next attempt to read; this one adds nothing more.
      this.#broken = error;
      throw error;
    }
  }

  /** After a line was written: that it counts. Reads the manifest again only when somebody else has written to it. */
  async #assertOwner(): Promise<void> {
    const { generation } = this.#request;
    const undisturbed = await this.#log.undisturbed();
    if (undisturbed === 'yes') return;
    if (undisturbed === 'removed') throw SpoolSuperseded({ path: this.path, generation, what: 'the half dump was given up' });
    const now = await rereadAsOwner(this.#log, this.#request, this.#owner);
    if (now.entries.length !== this.#state.entries.length || now.brokenAt !== undefined) {
      throw SpoolSuperseded({ path: this.path, generation, what: 'another attempt has written over its last line' });
    }
  }

  /**
   * Writes the totals and renames the folder to `.ready`, both durably. Only what the manifest vouches for can become
   * ready, and only by its last owner; a crash before the rename is made up for by the next `openForDump`.
   */
  async finish(): Promise<BatchTotals> {
    if (this.#open !== undefined) throw new TypeError('a chunk is still being written');
    const { files } = this.#spool;
    const totals = this.totals();
    try {
      const lacking = await firstUnbacked(this.#spool, this.path, this.#state.entries);
      if (lacking !== undefined) throw SpoolDamaged({ path: this.path, what: lacking.what });
      if (!this.complete) {
        await this.#log.append(endLine(this.#owner.nonce, totals));
        this.#state.totals = totals;
        await this.#assertOwner();
      }
      await this.#log.sync();
      await step('flush', this.path, () => files.syncFolder(this.path));
      await this.#rename();
      await step('flush', this.#parent, () => files.syncFolder(this.#parent));
      return totals;
    } finally {
      await this.close();
    }
  }

  async #rename(): Promise<void> {
    const { operation, batch, generation } = this.#request;
    const ready = batchPath(this.#spool, operation, batch, 'ready');
    if ((await this.#log.undisturbed()) === 'removed')
      throw SpoolSuperseded({ path: this.path, generation, what: 'the half dump was given up' });
    await step('rename', this.path, async () => {
      try {
        await this.#spool.files.rename(this.path, ready);
      } catch (error) {
        // Another attempt has read the same end and was faster.
        if (errorCode(error) === 'ENOENT' && (await statesOf(this.#spool, operation, batch)).some((state) => state !== 'dumping')) return;
        if (errorCode(error) === 'ENOENT') throw SpoolMissing({ path: this.path, what: 'the half dump was taken away' }, { cause: error });
        throw error;
      }
    });
  }

  /** Lets go of the files. What was committed stays. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    try {
      if (open !== undefined) await open.rollback();
    } finally {
      try {
        await this.#segment.close();
      } finally {
        await this.#log.close();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function rereadAsOwner(log: LineAppender, request: DumpRequest, owner: Owner): Promise<ManifestState> {
  const { operation, batch, generation } = request;
  const { size } = await step('look at', log.path, () => log.file.stat());
  const state = await readManifest(log.file, log.path, operation, batch);
  if (state.owner?.nonce !== owner.nonce && state.totals === undefined) {
    throw SpoolSuperseded({ path: log.path, generation, what: `attempt ${state.owner?.generation ?? '?'} has taken over` });
  }
  log.size = size;
  return state;
}
