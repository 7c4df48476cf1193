/**
 * The output side of the scanner: import lines, made in place. Values are written straight into the output buffer behind
 * the line's head, timestamps into a buffer of their own that is copied behind the values when the line is closed.
 * Two output buffers take turns, so that scanning goes on while the sink works on the other one.
 */
import type { LineSink } from '../../model.ts';
import { MAX_POINTS_PER_LINE } from '../../model.ts';
import { CLOSE_LIST } from './bytes.ts';
import type { LineHead } from './labels.ts';

export const OUTPUT_BYTES: number = 1024 * 1024;
/** Room that must be free before a line is begun: its head, values of about 20 bytes each, and its timestamps. */
const LINE_ROOM = 512 * 1024;
/** 13 digits and a comma each, and the width of one word more. */
const TIMES_BYTES = MAX_POINTS_PER_LINE * 14 + 16;
/** The longest number text that is carried. Java prints at most 26 characters. */
export const MAX_NUMBER_BYTES = 256;
const TIMESTAMPS = Buffer.from(',"timestamps":[');
const LINE_END = Buffer.from(']}\n');
const CLOSING_ROOM = TIMES_BYTES + MAX_NUMBER_BYTES + 64;

/** Bytes one may write to, also by words. */
interface Writable {
  bytes: Buffer;
  view: DataView<ArrayBuffer>;
}

/** Output buffers of finished scans; to make them anew for every frame costs more than a small frame. */
const spare: Writable[] = [];
const MAX_SPARE = 8;

function outputBuffer(): Writable {
  return spare.pop() ?? writable(OUTPUT_BYTES);
}

function writable(length: number): Writable {
  const memory = new ArrayBuffer(length);
  return { bytes: Buffer.from(memory), view: new DataView(memory) };
}

export class Lines {
  /** Where the next value goes, and in what. */
  out: Buffer;
  view: DataView<ArrayBuffer>;
  at = 0;
  readonly times: Buffer;
  readonly timesView: DataView<ArrayBuffer>;
  timesAt = 0;
  /** Points in the open line. */
  points = 0;
  isOpen = false;
  /** Bytes of finished lines so far. */
  written = 0;
  /** A line is closed when `at` has come this far. */
  readonly limit: number = OUTPUT_BYTES - CLOSING_ROOM;

  readonly #sink: LineSink;
  #current: Writable;
  #other: Writable | undefined;
  #lineAt = 0;
  #released = false;
  #pending: Promise<void> = Promise.resolve();

  constructor(sink: LineSink) {
    this.#sink = sink;
    this.#current = outputBuffer();
    this.out = this.#current.bytes;
    this.view = this.#current.view;
    const times = writable(TIMES_BYTES);
    this.times = times.bytes;
    this.timesView = times.view;
  }

  /** Begins a line; without a head when it is not to be written, or not yet. False when the output must be handed over first. */
  begin(head: LineHead | undefined): boolean {
    if (this.at > OUTPUT_BYTES - LINE_ROOM) return false;
    this.#lineAt = this.at;
    if (head !== undefined) {
      head.bytes.copy(this.out, this.at, 0, head.length);
      this.at += head.length;
    }
    this.timesAt = 0;
    this.points = 0;
    this.isOpen = true;
    return true;
  }

  /** Finishes the open line, or takes it back when it has no points. */
  close(): void {
    this.isOpen = false;
    if (this.points === 0) {
      this.at = this.#lineAt;
      return;
    }
    this.#finish();
    this.written += this.at - this.#lineAt;
  }

  /** Takes the open line back. */
  drop(): void {
    this.isOpen = false;
    this.at = this.#lineAt;
  }

  /** Takes the open line, begun without a head, out of the output: what is to stand behind its head one day. */
  hold(): Buffer | undefined {
    this.isOpen = false;
    if (this.points === 0) return undefined;
    this.#finish();
    const body = Buffer.from(this.out.subarray(this.#lineAt, this.at));
    this.at = this.#lineAt;
    return body;
  }

  /** Writes a held line behind its head. False when the output must be handed over first. */
  append(head: LineHead, body: Buffer): boolean {
    if (this.at + head.length + body.length > OUTPUT_BYTES) return false;
    head.bytes.copy(this.out, this.at, 0, head.length);
    body.copy(this.out, this.at + head.length);
    this.at += head.length + body.length;
    this.written += head.length + body.length;
    return true;
  }

  #finish(): void {
    const { out, times } = this;
    out[this.at - 1] = CLOSE_LIST; // in place of the comma behind the last value
    out.set(TIMESTAMPS, this.at);
    this.at += TIMESTAMPS.length;
    this.at += times.copy(out, this.at, 0, this.timesAt - 1);
    out.set(LINE_END, this.at);
    this.at += LINE_END.length;
  }

  /** Gives the finished lines to the sink, after it is through with those before. No line may be open. */
  async handOver(): Promise<void> {
    await this.#pending;
    if (this.at === 0) return;
    const full = this.#current;
    this.#pending = this.#sink(full.bytes.subarray(0, this.at));
    this.#pending.catch(() => undefined); // seen by whoever waits for it next
    this.#current = this.#other ?? outputBuffer();
    this.#other = full;
    this.out = this.#current.bytes;
    this.view = this.#current.view;
    this.at = 0;
  }

  /** Waits until the sink is through with all it was given; throws what it threw. */
  async settled(): Promise<void> {
    await this.#pending;
  }

  /** After everything is settled, and nothing more will be written: lets other scans have the buffers. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    for (const buffer of [this.#current, this.#other]) if (buffer !== undefined && spare.length < MAX_SPARE) spare.push(buffer);
    this.#other = undefined;
  }
}
