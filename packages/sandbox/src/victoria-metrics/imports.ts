/** The write half: bodies are decoded as far as they go, and every complete line counts, whatever comes after it. */

import type { Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { Clock } from '@longshore/core';
import type { Exchange, Reply } from '../stand-in.ts';
import type { LaggingCounters } from './counters.ts';
import { type ParsedLine, parseImportLine, parsePrometheusLine } from './lines.ts';
import { BadRequest } from './reads.ts';
import type { VersionFacts, VictoriaMetricsSettings } from './settings.ts';
import { type SeriesStore, storedLabels } from './store.ts';

export type ImportFormat = 'vmimport' | 'prometheus';

interface Decoded {
  text: Buffer;
  /** Why the stream ended before its end. */
  broken?: Error;
}

async function decode(stream: Transform, body: Buffer): Promise<Decoded> {
  const parts: Buffer[] = [];
  stream.end(body);
  try {
    for await (const part of stream as AsyncIterable<Buffer>) parts.push(part);
    return { text: Buffer.concat(parts) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { text: Buffer.concat(parts), broken: error };
  }
}

/** Ends without complaint where the input ends, so that nothing already decoded is withheld; whether it was whole is asked apart. */
const SYNC = { finishFlush: constants.Z_SYNC_FLUSH };

function decoder(encoding: string): Transform | undefined {
  if (encoding === 'gzip') return createGunzip(SYNC);
  if (encoding === 'deflate') return createInflate(SYNC);
  if (encoding === 'zstd') return createZstdDecompress({ finishFlush: constants.ZSTD_e_flush });
  if (encoding === 'br') return createBrotliDecompress();
  return undefined;
}

function strictDecoder(encoding: string): Transform | undefined {
  if (encoding === 'gzip') return createGunzip();
  if (encoding === 'deflate') return createInflate();
  if (encoding === 'zstd') return createZstdDecompress();
  return decoder(encoding);
}

export class Imports {
  readonly #store: SeriesStore;
  readonly #facts: VersionFacts;
  readonly #settings: VictoriaMetricsSettings;
  readonly #counters: LaggingCounters;
  readonly #clock: Clock;

  constructor(store: SeriesStore, facts: VersionFacts, settings: VictoriaMetricsSettings, counters: LaggingCounters, clock: Clock) {
    this.#store = store;
    this.#facts = facts;
    this.#settings = settings;
    this.#counters = counters;
    this.#clock = clock;
  }

  /** 204 for nearly everything. Throws `BadRequest` for what is a 400 — after storing the lines before it. */
  async take(exchange: Exchange, format: ImportFormat): Promise<Reply> {
    const { text, broken } = await this.#decoded(exchange, format);
    const extra = exchange.params.getAll('extra_label').map((pair): [string, string] => {
      const mark = pair.indexOf('=');
      return [pair.slice(0, mark), pair.slice(mark + 1)];
    });
    const all = lines(text);
    // Of a body that breaks off the old version drops the unfinished line, the new one tries it and counts it as invalid.
    if (broken && !this.#facts.lenientValues && text.at(-1) !== 10) all.pop();
    const taken = exchange.keep < 1 ? all.slice(0, Math.floor(all.length * exchange.keep)) : all;
    for (const line of taken) {
      if (line.length > this.#settings.maxLineBytes) {
        throw new BadRequest(`cannot read ${format} data: too long line: more than ${this.#settings.maxLineBytes} bytes`);
      }
      this.#line(line.toString(), format, extra);
    }
    if (broken && !this.#facts.lenientValues) {
      throw new BadRequest(`cannot read ${format} data: cannot read a block of data in 0.000s: unexpected EOF`);
    }
    return { status: 204 };
  }

  async #decoded(exchange: Exchange, format: ImportFormat): Promise<Decoded> {
    const encoding = String(exchange.headers['content-encoding'] ?? '').toLowerCase();
    if (encoding === '' || encoding === 'none') return { text: exchange.body };
    if (!this.#facts.encodings.has(encoding)) {
      if (this.#facts.unknownEncoding === 'ignore') return { text: exchange.body };
      throw new BadRequest(`cannot decode ${format} data: unsupported contentType: ${encoding}`);
    }
    const [lenient, strict] = [decoder(encoding), strictDecoder(encoding)];
    if (!lenient || !strict) throw new BadRequest(`cannot decode ${format} data: the stand-in cannot read ${encoding}`);
    const decoded = await decode(lenient, exchange.body);
    if (decoded.text.length === 0 && exchange.body.length > 0) {
      throw new BadRequest(
        this.#facts.unknownEncoding === 'ignore'
          ? `cannot read gzipped ${format} data: gzip: invalid header`
          : `cannot decode ${format} data: invalid ${encoding} data`,
      );
    }
    const { broken } = decoded.broken ? decoded : await decode(strict, exchange.body);
    return broken ? { text: decoded.text, broken } : decoded;
  }

  #line(line: string, format: ImportFormat, extra: [string, string][]): void {
    const parsed = this.#parse(line, format);
    if (parsed === 'nothing') return;
    if (!parsed) {
      this.#counters.add(`vm_rows_invalid_total{type="${format}"}`, 1);
      return;
    }
    const count = parsed.rows.times.length;
    this.#counters.add(`vm_rows_inserted_total{type="${format}"}`, count);
    const given = new Map([...parsed.labels, ...extra]);
    const labels = storedLabels(given, this.#facts);
    if (typeof labels === 'string') {
      this.#counters.add(`vm_rows_ignored_total{reason="${labels}"}`, count);
      return;
    }
    if (labels.length === 0) return;
    const { small, big } = this.#store.add(labels, parsed.rows);
    this.#counters.add('vm_rows_ignored_total{reason="small_timestamp"}', small);
    this.#counters.add('vm_rows_ignored_total{reason="big_timestamp"}', big);
  }

  #parse(line: string, format: ImportFormat): ParsedLine | 'nothing' | undefined {
    const bare = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (bare === '') return 'nothing';
    if (format === 'vmimport') return parseImportLine(bare, this.#facts.lenientValues);
    return bare.trim() === '' || bare.trimStart().startsWith('#') ? 'nothing' : parsePrometheusLine(bare, this.#clock.now());
  }
}

function lines(text: Buffer): Buffer[] {
  const result: Buffer[] = [];
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf(10, at);
    if (end < 0) end = text.length;
    result.push(text.subarray(at, end));
    at = end + 1;
  }
  return result;
}
