/** An API over an in-memory fleet with one kind, `test.copy`, whose tasks nobody runs. */
import type { Call } from '@longshore/contract';
import { caller } from '@longshore/contract';
import type { KindDefinition, OperationHeader, Store } from '@longshore/core';
import { defineKind, memoryStore, memoryTransport, systemClock, systemRandom } from '@longshore/core';
import type { Engine } from '@longshore/operations';
import { createRegistry } from '@longshore/operations';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { buildServer } from '../src/server.ts';
import type { ApiSetup } from '../src/setup.ts';

const copy = defineKind({
  name: 'test.copy',
  title: 'Copies what it is told to',
  role: 'dumper',
  params: z.strictObject({ from: z.string(), count: z.int().default(1) }),
  tolerant: false,
  guarded: true,
  plan: async () => ({ summary: ['copies'], stages: [], expect: {}, data: null }),
  columns: ['copied', 'missing'],
  conclude: () => ({ ok: true }),
});

export interface Fixture {
  server: FastifyInstance;
  /** The typed client, without a network. Throws the error answer. */
  call: Call<Record<string, string>>;
  store: Store;
  /** Changes an operation's header as the scheduler would. */
  become(id: string, change: Partial<OperationHeader>): Promise<void>;
}

export function makeApi(
  options: Partial<Pick<ApiSetup, 'allowAddresses' | 'auth' | 'metrics' | 'ready' | 'tls'>> & {
    store?: Store;
    limits?: Partial<ApiSetup['limits']>;
  } = {},
): Fixture {
  const store = options.store ?? memoryStore(systemClock);
  const logged = (): void => undefined;
  const engine: Engine = {
    store,
    transport: memoryTransport(systemClock),
    registry: createRegistry([{ name: 'test', kinds: [copy as KindDefinition<never>], tasks: [] }]),
    clock: systemClock,
    random: systemRandom,
    log: { debug: logged, info: logged, warn: logged, error: logged },
  };
  const server = buildServer({
    engine,
    host: 'here',
    auth: options.auth ?? 'none',
    limits: { requestsPerSecond: 1_000, streams: 20, ...options.limits },
    targets: { old: { system: 'opentsdb' } },
    allowAddresses: options.allowAddresses ?? false,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    ready: options.ready ?? (async () => undefined),
  });
  const call = caller(async ({ method, path, headers, body, text }, more: Record<string, string>) => {
    const reply = await server.inject({
      method: method as 'GET',
      url: path,
      headers: { ...headers, ...more },
      ...(body === undefined ? {} : { payload: body }),
    });
    const answer: unknown = text && reply.statusCode < 400 ? reply.body : reply.json();
    if (reply.statusCode >= 400)
      throw Object.assign(new Error(reply.body), { status: reply.statusCode }, (answer as { error: object }).error);
    return answer;
  }, {});
  return {
    server,
    call,
    store,
    async become(id, change) {
      const header = await store.header(id);
      if (!header) throw new Error(`no operation ${id}`);
      if (!(await store.commit(id, { header: { ...header, ...change } }))) throw new Error('somebody was faster');
    },
  };
}
