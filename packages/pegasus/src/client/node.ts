/** What one server tells on its port besides the calls of the metas: pages over HTTP, and commands with their counters. */
import type { Clock } from '@longshore/core';
import { type HttpClient, type HttpReply, openHttp } from '@longshore/http';
import { z } from 'zod';
import { ServerConnection } from './connection.ts';
import { PegasusMalformed, PegasusRpcError } from './errors.ts';
import { remoteCommand } from './messages.ts';

/** For one page or command. */
const DEADLINE_MS = 10_000;
const ANSWER_BYTES = 32 << 20;

const dataVersions = z.record(z.string(), z.object({ data_version: z.string() }));
const shipping = z.record(
  z.string(),
  z.record(
    z.string(),
    z.object({
      duplicating: z.boolean(),
      not_confirmed_mutations_num: z.int(),
      not_duplicated_mutations_num: z.int(),
      fail_mode: z.string().optional(),
    }),
  ),
);
const counters = z.object({ counters: z.array(z.object({ name: z.string(), type: z.string().optional(), value: z.number() })) });
const metrics = z.object({
  entities: z.array(
    z.object({
      attributes: z.record(z.string(), z.string()),
      metrics: z.array(z.object({ name: z.string(), value: z.number() })),
    }),
  ),
});

/** How far the primary of a partition is with its duplication, by its own account. */
export interface Shipping {
  /** Committed here, not confirmed by the meta: counts empty mutations too. */
  notConfirmed: number;
  /** Committed here, not taken by the target. */
  notShipped: number;
}

export interface Counter {
  name: string;
  value: number;
}

export class PegasusNode implements AsyncDisposable {
  readonly address: string;
  readonly #http: HttpClient;
  readonly #rpc: ServerConnection;
  readonly #signal: AbortSignal;

  constructor(address: string, { clock, signal }: { clock: Clock; signal: AbortSignal }) {
    this.address = address;
    this.#http = openHttp({ base: `http://${address}`, clock, connections: 2 });
    this.#rpc = new ServerConnection(address, clock);
    this.#signal = signal;
  }

  /** Data version of each replica of the table this node holds, by partition; `undefined` when it holds none. */
  async dataVersions(appId: number): Promise<Map<number, string> | undefined> {
    const what = `read the data versions of table ${appId}`;
    const page = await this.#page('/replica/data_version', { app_id: String(appId) }, what);
    if (page === undefined) return undefined;
    return new Map(
      Object.entries(this.#parsed(dataVersions, page, what)).map(([index, { data_version }]) => [Number(index), data_version]),
    );
  }

  /** Of each duplication, the partitions whose primary this node is; `undefined` when there is none, or the page is not offered. */
  async shipping(appId: number): Promise<Map<number, Map<number, Shipping>> | undefined> {
    const what = `read the duplication of table ${appId}`;
    const page = await this.#page('/replica/duplication', { appid: String(appId) }, what);
    if (page === undefined) return undefined;
    return new Map(
      Object.entries(this.#parsed(shipping, page, what)).map(([dupid, partitions]) => [
        Number(dupid),
        new Map(
          Object.entries(partitions).map(([gpid, { not_confirmed_mutations_num, not_duplicated_mutations_num }]) => [
            Number(gpid.split('.')[1]),
            { notConfirmed: not_confirmed_mutations_num, notShipped: not_duplicated_mutations_num },
          ]),
        ),
      ]),
    );
  }

  /** Whether the page of `shipping` is there, duplications or not; `off`: the server says that it duplicates nothing at all. */
  async offersShipping(appId: number): Promise<{ offered: boolean; off?: string }> {
    const what = `read the duplication of table ${appId}`;
    const reply = await this.#get('/replica/duplication', { appid: String(appId) }, what);
    const body = await reply.text(ANSWER_BYTES);
    if (reply.status === 200) return { offered: true };
    if (body.includes('duplication is not enabled')) return { offered: true, off: body.trim() };
    // A server that has the page says what it misses; one that has not says no more than 404.
    return { offered: /for app \[appid=/.test(body) };
  }

  /** Counters whose name holds the text; `undefined` when the server has no such command. From a snapshot up to 10 s old. */
  async counters(part: string): Promise<Counter[] | undefined> {
    const what = `read the counters ${part}`;
    const answer = await this.command('perf-counters-by-substr', [part], what);
    if (answer.startsWith('unknown command')) return undefined;
    return this.#parsed(counters, this.#json(answer, what), what).counters;
  }

  /** Metrics of the table's replicas here, by partition; `undefined` when the server has none. Servers after 2.5. */
  async metrics(appId: number, names: readonly string[]): Promise<Map<number, Map<string, number>> | undefined> {
    const what = `read the metrics of table ${appId}`;
    const query = { types: 'replica', attributes: `table_id,${appId}`, metrics: names.join(',') };
    const page = await this.#page('/metrics', query, what);
    if (page === undefined) return undefined;
    return new Map(
      this.#parsed(metrics, page, what).entities.map(({ attributes, metrics: found }) => [
        Number(attributes.partition_id),
        new Map(found.map(({ name, value }) => [name, value])),
      ]),
    );
  }

  /** `Pegasus Server 2.4.0 (…) Release` */
  serverInfo(): Promise<string> {
    return this.command('server-info', [], 'read the version');
  }

  command(cmd: string, args: string[], what: string): Promise<string> {
    return this.#rpc.call(remoteCommand, { cmd, arguments: args }, { what, timeoutMs: DEADLINE_MS, signal: this.#signal });
  }

  #get(path: string, query: Record<string, string>, what: string): Promise<HttpReply> {
    return this.#http.request({ method: 'GET', path, query, what, deadlineMs: DEADLINE_MS, signal: this.#signal });
  }

  /** `undefined`: 404, in whichever words. */
  async #page(path: string, query: Record<string, string>, what: string): Promise<unknown> {
    const reply = await this.#get(path, query, what);
    if (reply.status === 404) {
      await reply.discard();
      return undefined;
    }
    const body = await reply.text(ANSWER_BYTES);
    if (reply.status !== 200) throw PegasusRpcError({ what, address: this.address, name: `${reply.status} (${body.slice(0, 200)})` });
    return this.#json(body, what);
  }

  #json(text: string, what: string): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw PegasusMalformed({ what, address: this.address, reason: `it is no JSON: ${text.slice(0, 80)}` }, { cause: error });
    }
  }

  #parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
    const read = schema.safeParse(value);
    if (read.success) return read.data;
    throw PegasusMalformed({ what, address: this.address, reason: z.prettifyError(read.error).split('\n')[0] ?? '' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#rpc[Symbol.dispose]();
    await this.#http[Symbol.asyncDispose]();
  }
}
