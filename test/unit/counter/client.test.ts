/** The client against the service: what it says of each answer, and of those that do not come. */
import type { LongshoreError } from '@longshore/core';
import { systemClock, systemRandom } from '@longshore/core';
import type { CounterClient } from '@longshore/counter';
import { counterService } from '@longshore/counter';
import { silentLog } from '@longshore/host';
import type { CounterStandIn, Effect } from '@longshore/sandbox';
import { startCounterService } from '@longshore/sandbox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let service: CounterStandIn;
let client: CounterClient;

beforeEach(async () => {
  service = await startCounterService({ fenced: true, counters: { hits: 5 } });
  client = connect(service.url);
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await service.close();
});

function connect(address: string): CounterClient {
  const target = { name: 'here', system: 'counter', address, settings: {}, secrets: {} };
  return counterService.connect(target, {
    clock: systemClock,
    random: systemRandom,
    signal: new AbortController().signal,
    log: silentLog,
  });
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: LongshoreError) => thrown,
  );
  return error?.code ?? 'ok';
}

test('reads what is there, and nulls where nothing is', async () => {
  await client.setDenial('gone', { by: 'op_1', note: 'why' }, { token: 1 });
  expect(await client.get('gone')).toEqual({ name: 'gone', value: null, denial: { by: 'op_1', note: 'why' }, route: null });
  expect((await client.list()).map(({ name, value }) => [name, value])).toEqual([
    ['gone', null],
    ['hits', 5],
  ]);
});

test('sets and deletes only what still is as it was read', async () => {
  await client.set('hits', 9, { ifValue: 5, token: 1 });
  expect(await codeOf(client.set('hits', 10, { ifValue: 5, token: 1 }))).toBe('LSH_COUNTER_CHANGED');
  expect(await codeOf(client.set('hits', 0, { ifValue: null, token: 1 }))).toBe('LSH_COUNTER_CHANGED');
  expect(await codeOf(client.remove('hits', { ifValue: 5, token: 1 }))).toBe('LSH_COUNTER_CHANGED');
  await client.remove('hits', { ifValue: 9, token: 1 });
  expect((await client.get('hits')).value).toBeNull();
});

test('adds once under a request id, and nothing under one that was voided', async () => {
  expect(await client.add('hits', 3, 'r1')).toEqual({ value: 8, applied: 3, repeated: false });
  expect(await client.add('hits', 3, 'r1')).toEqual({ value: 8, applied: 3, repeated: true });
  expect(await client.requested('hits', 'r1')).toBe(3);
  expect(await client.requested('hits', 'r2')).toBeNull();
  expect((await client.claim('hits', 'r1')).applied).toBe(3);
  expect((await client.claim('hits', 'r2')).applied).toBe(0);
  expect(await client.add('hits', 7, 'r2')).toEqual({ value: 8, applied: 0, repeated: true });
});

test('says why a change is refused, and whether it may be tried again', async () => {
  await client.setDenial('hits', { by: 'op_1', note: '' }, { token: 5 });
  expect(await codeOf(client.add('hits', 1, 'r'))).toBe('LSH_COUNTER_WRITES_DENIED');
  await client.setDenial('hits', null, { token: 5 });
  expect(await codeOf(client.add('hits', -6, 'r'))).toBe('LSH_COUNTER_BELOW_ZERO');
  expect(await codeOf(client.setRoute('hits', 'http://elsewhere', { token: 4 }))).toBe('LSH_COUNTER_FENCED');
  expect(await codeOf(client.set('hits', 1))).toBe('LSH_COUNTER_FENCED');
  await client.setRoute('hits', 'http://elsewhere', { token: 6 });
  expect(await codeOf(client.add('hits', 1, 'r'))).toBe('LSH_COUNTER_WRITES_DENIED');
});

describe('a change whose answer does not come', () => {
  test.each<[string, Effect, number]>([
    ['cut before it was made', { kind: 'reset-before' }, 5],
    ['cut after it was made', { kind: 'reset-after' }, 9],
    ['answered by half', { kind: 'truncate', afterBytes: 4, ending: 'clean' }, 9],
    ['answered by garbage', { kind: 'reply', status: 200, body: 'so {' }, 5],
  ])('%s: nobody knows, and it is left alone for a while', async (_, effect, value) => {
    service.knobs.once(/^PUT/, effect);
    const error = await client.set('hits', 9, { token: 1 }).catch((thrown: LongshoreError) => thrown);
    expect(error).toMatchObject({ code: 'LSH_COUNTER_UNKNOWN', data: { retryable: true, retryAfterMs: 3_000 } });
    expect((await client.get('hits')).value).toBe(value);
  });

  test('a busy service, and one that is not there, have done nothing', async () => {
    service.knobs.once(/^PUT/, { kind: 'status', status: 503, retryAfter: 2 });
    const error = await client.set('hits', 9, { token: 1 }).catch((thrown: LongshoreError) => thrown);
    expect(error).toMatchObject({ code: 'LSH_COUNTER_BUSY', data: { retryable: true, retryAfterMs: 2_000 } });
    const { url } = service;
    await service.close();
    await using lost = connect(url);
    expect(await codeOf(lost.set('hits', 9, { token: 1 }))).toMatch(/^LSH_HTTP_UNREACHABLE|LSH_COUNTER_UNKNOWN$/);
  });
});

test('a read that breaks off is tried again, a few times', async () => {
  service.knobs.once(/^GET/, { kind: 'truncate', afterBytes: 4, ending: 'reset' });
  service.knobs.once(/^GET/, { kind: 'status', status: 503 });
  expect(await codeOf(client.get('hits'))).toBe('ok');
  service.knobs.always(/^GET/, { kind: 'status', status: 503 });
  expect(await codeOf(client.get('hits'))).toBe('LSH_COUNTER_BUSY');
  expect(service.log.matching(/^GET/)).toHaveLength(6);
});

test('what names a service holds no credentials', async () => {
  await using named = connect('http://somebody:secret@127.0.0.1:1/prefix/?x=1');
  expect(named.identity).toBe('http://127.0.0.1:1/prefix');
});
