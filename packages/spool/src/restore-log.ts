/**
 * What was sent of a batch: an append-only log beside its manifest. A chunk is *sending* from before its first byte
 * leaves until the sink has acknowledged it; whoever finds it so must look it up in the sink, after `untilMs`, before
 * sending it again. The last line about a chunk counts, but an acknowledgement only for the sending of its own attempt:
 * a worker woken from the dead does not end a newer one's. A request that has *ended* without one leaves the chunk
 * *sending*, until the time that its end allows.
 */
import { dirname } from 'node:path';
import type { Json } from '@longshore/core';
import { SpoolDamaged } from './errors.ts';
import { step } from './files.ts';
import { LineAppender, scanLines } from './line-log.ts';
import { isCount, isTime } from './manifest.ts';
import type { Spool } from './spool.ts';
import { openIfThere } from './stored-batch.ts';

/** What comparing a chunk with the sink came to, in points. */
export interface ComparedPoints {
  points: number;
  matched: number;
  missing: number;
  extra: number;
  different: number;
  precisionLost: number;
}

export const COMPARED: readonly (keyof ComparedPoints)[] = ['points', 'matched', 'missing', 'extra', 'different', 'precisionLost'];

export type ChunkProgress =
  | { state: 'unsent' }
  /** Outcome unknown. `untilMs`: when the last request for it has ended at the latest, ms since the epoch. */
  | { state: 'sending'; generation: number; untilMs: number; sends: number }
  | { state: 'acknowledged'; generation: number; sends: number }
  | { state: 'verified'; compared: ComparedPoints; sends: number }
  /** The log is damaged, or belongs to another dump of this batch: it may have been sent, at the latest at `sinceMs`. */
  | { state: 'unknown'; sinceMs: number };

type Line = { [key: string]: Json };

export class RestoreLog {
  path: string;
  readonly #spool: Spool;
  /** Ties lines to the dump whose chunk numbers they mean. */
  readonly #dump: string;
  readonly #chunks = new Map<number, ChunkProgress>();
  /** All that is said of chunks without a line of their own. */
  #others: ChunkProgress = { state: 'unsent' };
  /** Until when sendings of attempts before the one in a chunk's state may take effect. */
  readonly #earlierMs = new Map<number, number>();
  #appender: Promise<LineAppender> | undefined;
  /** What makes the states of some chunks unknown. */
  doubt: Error | undefined;

  private constructor(spool: Spool, path: string, dump: string) {
    this.#spool = spool;
    this.path = path;
    this.#dump = dump;
  }

  static async open(spool: Spool, path: string, dump: string): Promise<RestoreLog> {
    const log = new RestoreLog(spool, path, dump);
    const file = await openIfThere(spool, path);
    if (file === undefined) return log;
    try {
      const sinceMs = (await spool.files.facts(path))?.modifiedMs ?? 0;
      for await (const { offset, end, value } of scanLines(file, path)) {
        // A writer begins with a line feed when the file is not empty.
        if (end - offset === 1) continue;
        if (value === undefined) log.#doubtAll(sinceMs, `the line at byte ${offset} is broken`);
        else if (value.dump !== dump) log.#doubtAll(sinceMs, `the line at byte ${offset} is about an earlier dump of the batch`);
        else log.#take(value, offset);
      }
    } finally {
      await file.close();
    }
    return log;
  }

  #doubtAll(sinceMs: number, what: string): void {
    this.doubt ??= SpoolDamaged({ path: this.path, what: `${what}; every chunk it does not name must be looked up` });
    this.#others = { state: 'unknown', sinceMs };
  }

  #take(line: Line, offset: number): void {
    const { k, chunk, chunks, generation, untilMs, compared } = line;
    if (k === 'sending' && Array.isArray(chunks) && chunks.every(isCount) && isCount(generation) && isTime(untilMs)) {
      for (const each of chunks) this.#sending(each, generation, untilMs);
    } else if (k === 'ended' && Array.isArray(chunks) && chunks.every(isCount) && isCount(generation) && isTime(untilMs)) {
      for (const each of chunks) this.#ended(each, generation, untilMs);
    } else if (k === 'acked' && isCount(chunk) && isCount(generation)) {
      this.#acknowledged(chunk, generation);
    } else if (
      k === 'verified' &&
      isCount(chunk) &&
      Array.isArray(compared) &&
      compared.length === COMPARED.length &&
      compared.every(isCount)
    ) {
      this.#verified(chunk, unpack(compared));
    } else {
      throw SpoolDamaged({ path: this.path, what: `the line at byte ${offset} is no line of a restore log` });
    }
  }

  #sends(chunk: number): number {
    const known = this.#chunks.get(chunk);
    return known !== undefined && 'sends' in known ? known.sends : 0;
  }

  #sending(chunk: number, generation: number, untilMs: number): void {
    const known = this.#chunks.get(chunk);
    const until = known?.state === 'sending' ? Math.max(known.untilMs, untilMs) : untilMs;
    if (known?.state !== 'sending') this.#earlierMs.delete(chunk);
    else if (known.generation !== generation) this.#earlierMs.set(chunk, known.untilMs);
    this.#chunks.set(chunk, { state: 'sending', generation, untilMs: until, sends: this.#sends(chunk) + 1 });
  }

  #ended(chunk: number, generation: number, untilMs: number): void {
    const known = this.#chunks.get(chunk);
    if (known?.state !== 'sending' || known.generation !== generation) return;
    const until = Math.min(known.untilMs, Math.max(untilMs, this.#earlierMs.get(chunk) ?? 0));
    this.#chunks.set(chunk, { ...known, untilMs: until });
  }

  #acknowledged(chunk: number, generation: number): void {
    const known = this.#chunks.get(chunk);
    if (known?.state !== 'sending' || known.generation !== generation) return;
    this.#chunks.set(chunk, { state: 'acknowledged', generation, sends: known.sends });
  }

  #verified(chunk: number, compared: ComparedPoints): void {
    this.#chunks.set(chunk, { state: 'verified', compared, sends: this.#sends(chunk) });
  }

  progress(chunk: number): ChunkProgress {
    return this.#chunks.get(chunk) ?? this.#others;
  }

  /** Durable before it resolves: a sending that is not on the disk must not begin. One call for several chunks costs one flush. */
  async sending(chunks: number[], generation: number, untilMs: number): Promise<void> {
    const appender = await this.#append({ k: 'sending', dump: this.#dump, chunks, generation, untilMs });
    await appender.sync();
    for (const chunk of chunks) this.#sending(chunk, generation, untilMs);
  }

  /**
   * The request of this attempt is over, and no acknowledgement came of it; what it may still do it does until `untilMs`. Not flushed: if it is
   * lost, the chunk waits for longer.
   */
  async ended(chunks: number[], generation: number, untilMs: number): Promise<void> {
    await this.#append({ k: 'ended', dump: this.#dump, chunks, generation, untilMs });
    for (const chunk of chunks) this.#ended(chunk, generation, untilMs);
  }

  /** Not flushed: if it is lost, the chunk is looked up once more. */
  async acknowledged(chunks: readonly number[], generation: number): Promise<void> {
    await this.#append(...chunks.map((chunk): Line => ({ k: 'acked', dump: this.#dump, chunk, generation })));
    for (const chunk of chunks) this.#acknowledged(chunk, generation);
  }

  /** Not flushed, as above. */
  async verified(found: ReadonlyMap<number, ComparedPoints>): Promise<void> {
    const line = ([chunk, compared]: [number, ComparedPoints]): Line => ({
      k: 'verified',
      dump: this.#dump,
      chunk,
      compared: COMPARED.map((key) => compared[key]),
    });
    await this.#append(...[...found].map(line));
    for (const [chunk, compared] of found) this.#verified(chunk, compared);
  }

  async #append(...lines: Line[]): Promise<LineAppender> {
    this.#appender ??= this.#open();
    const appender = await this.#appender;
    await appender.append(...lines);
    return appender;
  }

  async #open(): Promise<LineAppender> {
    try {
      const appender = await LineAppender.open(this.#spool.files, this.path);
      if (appender.size > 0) await appender.startLine();
      else await step('flush', dirname(this.path), () => this.#spool.files.syncFolder(dirname(this.path)));
      return appender;
    } catch (error) {
      this.#appender = undefined;
      throw error;
    }
  }

  /** The folder has another name now; what is open stays open. */
  moved(path: string): void {
    this.path = path;
  }

  async close(): Promise<void> {
    const appender = this.#appender;
    this.#appender = undefined;
    await (await appender)?.close();
  }
}

function unpack(values: number[]): ComparedPoints {
  const [points = 0, matched = 0, missing = 0, extra = 0, different = 0, precisionLost = 0] = values;
  return { points, matched, missing, extra, different, precisionLost };
}
