/**
 * Writing annotations. A series is named by ids, which are other ones in every OpenTSDB: `/api/uid/assign` gives those of names, new ones
 * for new names; of names that have one it says so as an error.
 */
import type { HttpClient } from '@longshore/http';
import { z } from 'zod';
import { MalformedReply, SourceRefused } from './errors.ts';
import type { PutSeries } from './put-lines.ts';
import { replyError } from './replies.ts';

const ANSWER_BYTES = 4 * 1024 * 1024;
/** Each in a few hundred bytes: together below what a server takes that is not told otherwise. */
const BODY_BYTES = 3_500;
const TYPES = ['metric', 'tagk', 'tagv'] as const;
const KNOWN = /already exists with UID:\s*([\dA-Fa-f]+)/;

const Assigned = z.record(z.string(), z.record(z.string(), z.string()));

export interface Annotation {
  /** Absent: of no series. */
  tsuid?: string;
  fields: Readonly<Record<string, unknown>>;
}

export class Annotator {
  readonly #http: HttpClient;
  readonly #name: string;
  readonly #deadlineMs: number;
  readonly #ids = new Map<string, string>();

  constructor(http: HttpClient, name: string, deadlineMs: number) {
    this.#http = http;
    this.#name = name;
    this.#deadlineMs = deadlineMs;
  }

  /** The name of a series here: the id of its metric, then those of its tags, in the order of the ids of their keys. */
  async tsuid({ metric, tags }: PutSeries, signal: AbortSignal): Promise<string> {
    const names = [metric, ...tags.flat()];
    for (const [at, name] of names.entries()) await this.#id(TYPES[at === 0 ? 0 : at % 2 === 1 ? 1 : 2]!, name, signal);
    const id = (type: (typeof TYPES)[number], name: string): string => this.#ids.get(`${type} ${name}`)!;
    const pairs = tags.map(([key, value]) => id('tagk', key) + id('tagv', value));
    return id('metric', metric) + pairs.sort().join('');
  }

  async #id(type: (typeof TYPES)[number], name: string, signal: AbortSignal): Promise<void> {
    const key = `${type} ${name}`;
    if (this.#ids.has(key)) return;
    const what = `id of ${name} in ${this.#name}`;
    const path = '/api/uid/assign';
    const reply = await this.#http.request({ method: 'GET', path, query: { [type]: name }, deadlineMs: this.#deadlineMs, what, signal });
    const body = await reply.text(ANSWER_BYTES);
    if (reply.status !== 200 && reply.status !== 400) throw replyError({ status: reply.status, body, what });
    let json: unknown;
    try {
      json = JSON.parse(body);
    } catch (error) {
      throw MalformedReply({ what, at: 0, reason: 'no JSON' }, { cause: error });
    }
    const answer = Assigned.safeParse(json);
    const told = answer.success ? answer.data[`${type}_errors`]?.[name] : undefined;
    const id = (answer.success ? answer.data[type]?.[name] : undefined) ?? KNOWN.exec(told ?? '')?.[1];
    if (id === undefined) throw SourceRefused({ what, status: reply.status, reason: told ?? body.slice(0, 200) });
    this.#ids.set(key, id.toUpperCase());
  }

  /** Twice is once: an annotation is known by its series and its start. */
  async write(annotations: readonly Annotation[], signal: AbortSignal): Promise<void> {
    const texts = annotations.map(({ tsuid, fields }) => JSON.stringify({ ...fields, tsuid }));
    while (texts.length > 0) {
      const some = [texts.shift()!];
      for (let bytes = Buffer.byteLength(some[0]!); texts.length > 0; some.push(texts.shift()!)) {
        bytes += Buffer.byteLength(texts[0]!) + 1;
        if (bytes > BODY_BYTES) break;
      }
      const what = `${some.length} annotations to ${this.#name}`;
      const reply = await this.#http.request({
        method: 'POST',
        path: '/api/annotation/bulk',
        headers: { 'content-type': 'application/json' },
        body: `[${some.join(',')}]`,
        deadlineMs: this.#deadlineMs,
        what,
        signal,
      });
      if (reply.status !== 200) throw replyError({ status: reply.status, body: await reply.text(ANSWER_BYTES), what });
      await reply.discard();
    }
  }
}
