/**
 * Sends the rows of a folder of the kilda tools to an `/api/put`, as `kilda-otsdb-restore` does: file after file, batch after batch,
 * each noted when it was acknowledged.
 *
 * Changes: points in the sink, and the offsets in the folder. Twice is harmless for OpenTSDB, which keeps one value for one time; the
 * batch whose answer never came, or was not noted, is sent again. VictoriaMetrics keeps both: such points are counted as `maybeDoubled`.
 * That a batch may have been sent stands in the folder, so that a later operation knows of it, too.
 */
import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { pauseBefore } from '@longshore/http';
import { z } from 'zod';
import type { KildaFolder } from '../client/kilda/index.ts';
import {
  FolderTrouble,
  fileLines,
  kildaFolder,
  lineEndsAt,
  lineText,
  PutBusy,
  PutRefused,
  putBody,
  putObject,
  rowIn,
} from '../client/kilda/index.ts';
import type { OpenTsdbSink, PutResult } from '../client/opentsdb/index.ts';
import { openTsdbSink } from '../client/opentsdb/index.ts';
import { mayHaveLanded } from './put-writer.ts';

export interface KildaRestoreFolderParams {
  folder: string;
  sink: string;
  requestBytes: number;
}

type Context = TaskContext<KildaRestoreFolderParams>;

const TRIES = { attempts: 10, firstPauseMs: 500, maxPauseMs: 30_000 };
/** Lines of progress are told no more often than this while a file is under way. */
const TELL_MS = 250;
const MAX_NOTES = 20;
const LEAST_BYTES = 512;

export const kildaRestoreFolder: TaskDefinition<KildaRestoreFolderParams> = defineTask({
  name: 'tsdb.kilda-restore-folder',
  role: 'restorer',
  params: z.strictObject({ folder: z.string(), sink: z.string(), requestBytes: z.int().min(1) }),
  retry: { attempts: 1, firstPauseMs: 1_000, maxPauseMs: 1_000 },
  undo: { none: 'OpenTSDB has no way to take single points back that is open by default' },

  async run(context) {
    await using folder = context.target(context.params.folder, kildaFolder);
    await using sink = context.target(context.params.sink, openTsdbSink);
    const batch = new Batch(context, folder, sink);
    // Whoever was lost, or gave up, may have sent a batch that it could not note.
    const doubts = await folder.inDoubt();
    const others = doubts.filter((one) => one !== sink.identity);
    if (others.length < doubts.length) batch.inDoubt = batch.mayHaveLanded = true;
    await folder.setInDoubt([...others, sink.identity]);
    try {
      for (const file of await folder.files()) {
        context.signal.throwIfAborted();
        await batch.addFile(file);
      }
      await batch.finish();
      batch.inDoubt = false;
    } finally {
      if (!batch.inDoubt) await folder.setInDoubt(others);
    }
    return undefined;
  },
});

/** Where the rows of one file stand. */
interface FileState {
  file: string;
  metric: string;
  bytes: number;
  /** Behind the last row in the batch. */
  read: number;
  /** Acknowledged. */
  sent: number;
  entries: number;
  done: boolean;
}

/** Rows on their way, over the ends of files. */
class Batch {
  readonly #context: Context;
  readonly #folder: KildaFolder;
  readonly #sink: OpenTsdbSink;
  #limit: number;
  #objects: string[] = [];
  #bytes = 2;
  /** Files with rows in the batch, or read to their end and not told yet. */
  #files: FileState[] = [];
  #rows: { state: FileState; end: number }[] = [];
  #requests = 0;
  #sent = 0;
  #notes = 0;
  #toldAt = 0;
  /** Part of the batch that is sent next may be in the sink already. */
  mayHaveLanded = false;
  /** More may have been sent than is noted in the folder. */
  inDoubt = false;

  constructor(context: Context, folder: KildaFolder, sink: OpenTsdbSink) {
    this.#context = context;
    this.#folder = folder;
    this.#sink = sink;
    this.#limit = context.params.requestBytes;
  }

  async addFile(file: string): Promise<void> {
    const path = this.#folder.rowsPath(file);
    const start = await this.#folder.restored(file);
    const { size } = await stat(path);
    const onBorder = await lineEndsAt(path, start);
    if (onBorder === undefined)
      throw FolderTrouble({
        path: this.#folder.path,
        what: `${file} has ${size} bytes, and ${start} are said to be restored`,
        host: hostname(),
      });
    const state: FileState = { file, metric: file, bytes: size, read: start, sent: start, entries: 0, done: false };
    this.#files.push(state);
    let at = start;
    for await (const line of fileLines(path, start)) {
      const behind = at + line.length;
      const text = lineText(line);
      const whole = line.at(-1) === 10;
      const row = text === '' ? undefined : rowIn(line);
      if (row === undefined) {
        // A blank line, as a second dump of the original leaves it.
      } else if (at === start && !onBorder)
        this.#leftOut(file, at, 'it is the end of a row, and the restore is said to have come into the middle of it');
      else if (!whole) {
        this.#leftOut(file, at, 'it is cut off in the middle, or its dump is still running');
        break;
      } else if ('wrong' in row) this.#leftOut(file, at, row.wrong);
      else {
        state.metric = row.metric;
        await this.#add(state, putObject(row), behind);
      }
      at = behind;
    }
    state.bytes = Math.max(state.bytes, at);
    state.done = true;
    if (this.#objects.length === 0) await this.#settle(state);
  }

  async finish(): Promise<void> {
    if (this.#objects.length > 0) await this.#send();
    for (const state of this.#files) await this.#settle(state);
  }

  #leftOut(file: string, at: number, why: string): void {
    this.#context.tally(file, 'unsendable', 1);
    this.#notes += 1;
    if (this.#notes <= MAX_NOTES)
      this.#context.note({
        level: 'error',
        row: file,
        text: `the row at byte ${at} of ${this.#folder.rowsPath(file)} was not sent: ${why}`,
      });
  }

  /** A request may be larger than its limit by one row, as the original's. */
  async #add(state: FileState, object: string, end: number): Promise<void> {
    this.#bytes += object.length + (this.#objects.length > 0 ? 1 : 0);
    this.#objects.push(object);
    this.#rows.push({ state, end });
    state.read = end;
    if (this.#bytes >= this.#limit) await this.#send();
  }

  async #send(): Promise<void> {
    const rows = this.#rows;
    await this.#put(this.#objects);
    if (this.mayHaveLanded) await this.#tellDoubled(rows);
    this.mayHaveLanded = false;
    this.#objects = [];
    this.#rows = [];
    this.#bytes = 2;
    const ends = new Map<FileState, number>();
    for (const { state, end } of rows) {
      ends.set(state, end);
      state.entries += 1;
    }
    for (const [state, end] of ends) {
      this.#context.tally(state.metric, 'restored', rows.filter((row) => row.state === state).length);
      state.sent = end;
      await this.#folder.setRestored(state.file, end);
    }
    this.inDoubt = false;
    this.#sent += rows.length;
    this.#context.count('points', rows.length);
    this.#context.progress(this.#sent, undefined, 'points');
    for (const state of this.#files.filter(({ done, sent, read }) => done && sent >= read)) await this.#settle(state);
    const current = this.#files.at(-1);
    const now = this.#context.clock.now();
    if (current !== undefined && !current.done && now - this.#toldAt > TELL_MS) {
      this.#toldAt = now;
      await this.#context.event('restore', this.#line(current));
    }
  }

  async #tellDoubled(rows: readonly { state: FileState }[]): Promise<void> {
    const serves = await this.#sink.serves();
    if (serves === 'opentsdb') return;
    for (const state of new Set(rows.map((row) => row.state)))
      this.#context.tally(state.metric, 'maybeDoubled', rows.filter((row) => row.state === state).length);
    this.#notes += 1;
    if (this.#notes <= MAX_NOTES)
      this.#context.note({
        level: 'warning',
        text: `${rows.length} points were sent again since no answer came; ${this.#sink.name} is no OpenTSDB and may keep them twice`,
      });
  }

  /** A file is through: nothing of it is told when there was nothing to send. */
  async #settle(state: FileState): Promise<void> {
    this.#files = this.#files.filter((other) => other !== state);
    if (state.entries === 0) return;
    const line = this.#line(state);
    await this.#context.event('restore', `${line}\r${line}\n`);
  }

  #line({ metric, entries, sent, bytes }: FileState): string {
    return `Restoring "${metric}" ${entries} entries processed (${((sent / bytes) * 100).toFixed(2)}% completed, ${this.#requests} http requests)`;
  }

  /** Until every object is taken; smaller where the sink wants it smaller, later where it cannot now. */
  async #put(objects: readonly string[]): Promise<void> {
    const { context, sink } = { context: this.#context, sink: this.#sink };
    for (let failures = 0; ; ) {
      context.signal.throwIfAborted();
      const before = this.inDoubt;
      this.inDoubt = true;
      const result = await sink.put(putBody(objects), {});
      if (tookNothing(result)) this.inDoubt = before;
      this.#requests += 1;
      if (result.result === 'taken') return;
      const shrinks = result.result === 'too-large' || (result.result === 'unknown' && result.closed && failures >= 2);
      if (shrinks && objects.length > 1) {
        this.#limit = Math.max(LEAST_BYTES, Math.floor(Math.min(this.#limit, putBody(objects).length) / 2));
        const middle = Math.ceil(objects.length / 2);
        await this.#put(objects.slice(0, middle));
        return this.#put(objects.slice(middle));
      }
      if (result.result === 'refused' || result.result === 'partly' || result.result === 'too-large')
        throw PutRefused({
          sink: sink.name,
          status: 'status' in result ? result.status : 413,
          reason: result.reason,
          points: objects.length,
        });
      if (mayHaveLanded(result)) this.mayHaveLanded = true;
      failures += 1;
      const error = result.result === 'busy' ? PutBusy({ sink: sink.name, status: result.status, reason: result.reason }) : result.error;
      if (failures >= TRIES.attempts) throw error;
      context.count('retries', 1);
      const wait = result.result === 'busy' ? result.retryAfterMs : undefined;
      await context.clock.sleep(pauseBefore(failures, TRIES, context.random, wait), context.signal);
    }
  }
}

/** The answer says that nothing of the request was taken. */
function tookNothing(result: PutResult): boolean {
  return (
    result.result === 'refused' ||
    result.result === 'too-large' ||
    result.result === 'not-sent' ||
    (result.result === 'busy' && !mayHaveLanded(result))
  );
}
