/** Consumers whose worker runs and takes nothing: the connection on which it waits for jobs has gone silent, again and again. */
import type { Consumer, Log, Transport } from '@longshore/core';
import { systemRandom } from '@longshore/core';
import { bullTransport } from '@longshore/fleet';
import { silentLog } from '@longshore/host';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { job } from '../contract/transport-contract.ts';
import { realServer } from '../servers/real.ts';
import type { SilentProxy } from '../support/silent-proxy.ts';
import { silentProxy } from '../support/silent-proxy.ts';
import { until } from '../support/until.ts';

/** The command in which a worker waits for jobs. */
const WAITING = 'bzpopmin';
const DEAF_MS = 400;

const redis = await realServer('redis');

describe.skipIf(!redis.there)('a consumer whose worker has gone deaf', () => {
  if (!redis.there) return;
  const { url } = redis;
  afterAll(() => redis.stop());

  let proxy: SilentProxy;
  /** Behind the proxy. */
  let deaf: Transport;
  /** Straight to Redis. */
  let other: Transport;
  let consumers: Consumer[];
  let replaced: { queue: string; inHand: number }[];
  /** Every worker is deaf, whatever it does, until it is replaced. */
  const log: Log = {
    ...silentLog,
    warn: (details, message) => {
      if (message !== 'a worker took no jobs; it is replaced') return;
      proxy.relent();
      replaced.push(details as { queue: string; inHand: number });
    },
  };
  beforeEach(async () => {
    proxy = await silentProxy(url);
    const fleet = `deaf-${systemRandom.id(8)}`;
    deaf = bullTransport({ url: proxy.url, fleet }, log, { lockMs: 2_000, deafMs: DEAF_MS });
    other = bullTransport({ url, fleet }, silentLog);
    consumers = [];
    replaced = [];
  });
  afterEach(async () => {
    await Promise.all(consumers.map((consumer) => consumer.stop(0)));
    await deaf.close();
    await other.close();
    await proxy[Symbol.asyncDispose]();
  });
  const started = <T extends Consumer>(consumer: T): T => {
    consumers.push(consumer);
    return consumer;
  };
  const hasGoneDeaf = async (): Promise<void> => {
    proxy.silence(WAITING);
    await until(() => proxy.silent > 0, 'the worker waited on a silent connection');
  };

  test('is given another one, which takes the tasks', async () => {
    const seen: string[] = [];
    const consumer = started(
      deaf.consume('q', 2, async ({ data }) => {
        seen.push(data.task);
        return 'done';
      }),
    );
    await other.add('q', [job('first')]);
    await until(() => seen.length === 1, 'it could hear');
    await hasGoneDeaf();
    await other.add('q', [job('a'), job('b'), job('c')]);
    await until(() => seen.length === 4, 'the three were taken');
    expect(seen.toSorted()).toEqual(['a', 'b', 'c', 'first']);
    expect(replaced).toMatchObject([{ queue: 'q', inHand: 0 }]);
    expect(consumer.restarts).toBe(1);
    expect(proxy.silent).toBeGreaterThan(0);
  });

  test('lets what it still has in hand finish, once, under its lock', async () => {
    const seen: string[] = [];
    const held = Promise.withResolvers<'done'>();
    let heldSignal: AbortSignal | undefined;
    const consumer = started(
      deaf.consume('q', 2, async ({ data, signal, stalls }) => {
        expect(stalls).toBe(0);
        seen.push(data.task);
        if (data.task !== 'held') return 'done';
        heldSignal = signal;
        return held.promise;
      }),
    );
    await other.add('q', [job('held')]);
    await until(() => heldSignal !== undefined, 'the long one began');
    await hasGoneDeaf();
    await other.add('q', [job('a')]);
    await until(() => seen.includes('a'), 'the other place was used again');
    expect(replaced).toMatchObject([{ queue: 'q', inHand: 1 }]);
    expect(consumer.restarts).toBe(1);
    // Several renewals of its lock later it is still the only one that has it.
    await other.add(
      'q',
      Array.from({ length: 3 }, (_, at) => ({ ...job(`later${at}`), delayMs: 1_500 * (at + 1) })),
    );
    await until(() => seen.length === 5, 'the later ones came');
    expect(heldSignal?.aborted).toBe(false);
    held.resolve('done');
    await until(async () => (await other.depth('q')).active === 0, 'the long one was done');
    expect(await other.depth('q')).toEqual({ waiting: 0, active: 0, delayed: 0 });
    expect(seen.toSorted()).toEqual(['a', 'held', 'later0', 'later1', 'later2']);
  });

  test('of rings is replaced too', async () => {
    const seen: string[] = [];
    const consumer = started(deaf.consumeRings(4, async (operation) => void seen.push(operation)));
    await other.ring('first');
    await until(() => seen.length === 1, 'it could hear');
    await hasGoneDeaf();
    await other.ring('a');
    await until(() => seen.includes('a'), 'the ring was heard');
    expect(consumer.restarts).toBe(1);
  });

  test('of sweeps is replaced too', async () => {
    let sweeps = 0;
    const consumer = started(
      // Far enough apart for the worker to wait between two of them, also on a busy machine: only waiting can it go deaf.
      deaf.consumeSweeps(500, async () => {
        sweeps += 1;
      }),
    );
    await until(() => sweeps > 0, 'there was a sweep');
    await hasGoneDeaf();
    await until(() => (consumer.restarts ?? 0) > 0, 'it was replaced');
    const before = sweeps;
    await until(() => sweeps > before, 'there was another sweep');
  });

  test('that has no room is left alone, and so is one without work', async () => {
    const held = Promise.withResolvers<'done'>();
    const begun: string[] = [];
    const full = started(
      deaf.consume('full', 1, ({ data }) => {
        begun.push(data.task);
        return held.promise;
      }),
    );
    const idle = started(deaf.consume('idle', 1, async () => 'done'));
    await other.add('full', [job('a'), job('b')]);
    await until(() => begun.length === 1, 'its place was taken');
    // Another consumer of the same transport goes deaf and is replaced: so much time has gone by.
    const witness = started(deaf.consume('witness', 1, async () => 'done'));
    await hasGoneDeaf();
    await other.add('witness', [job('w')]);
    await until(() => (witness.restarts ?? 0) > 0, 'the witness was replaced');
    expect([full.restarts, idle.restarts]).toEqual([0, 0]);
    held.resolve('done');
    await until(() => begun.length === 2, 'the next was begun');
  });

  test('stops in an orderly way also while it is deaf', async () => {
    const seen: string[] = [];
    const consumer = started(
      deaf.consume('q', 1, async ({ data }) => {
        seen.push(data.task);
        return 'done';
      }),
    );
    await other.add('q', [job('first')]);
    await until(() => seen.length === 1, 'it could hear');
    await hasGoneDeaf();
    await consumer.stop(0);
    await other.add('q', [job('a')]);
    const next = started(
      other.consume('q', 1, async ({ data }) => {
        seen.push(data.task);
        return 'done';
      }),
    );
    await until(() => seen.includes('a'), 'another consumer had it');
    expect(next.restarts).toBe(0);
  });
});
