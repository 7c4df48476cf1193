import type { Clock } from '@longshore/core';
import { expect, test } from 'vitest';
import { startVictoriaMetrics } from '../src/index.ts';
import { ask, importLine } from './ask.ts';

const T = 1_678_233_600_000;

/** A clock that stands until it is moved. */
function handClock(): Clock & { move(ms: number): void } {
  let now = T + 86_400_000;
  return {
    now: () => now,
    sleep: () => Promise.resolve(),
    move: (ms) => {
      now += ms;
    },
  };
}

test('rows are seen after a while, or after a flush; counters are a second behind', async () => {
  const clock = handClock();
  await using vm = await startVictoriaMetrics({ clock });
  const lines = async (): Promise<number> => (await ask(`${vm.url}/api/v1/export?match[]=a`)).body.split('\n').length - 1;
  const inserted = async (): Promise<string | undefined> =>
    /inserted_total\{type="vmimport"\} (\d+)/.exec((await ask(`${vm.url}/metrics`)).body)?.[1];
  const send = (body: string): ReturnType<typeof ask> => ask(`${vm.url}/api/v1/import`, { method: 'POST', body });
  await send(importLine('a', [1, 2]));
  expect([await lines(), await inserted()]).toEqual([0, '0']);
  clock.move(1000);
  expect([await lines(), await inserted()]).toEqual([0, '2']);
  clock.move(2000);
  expect(await lines()).toBe(1);
  await send(importLine('a', [3]));
  await ask(`${vm.url}/internal/force_flush`);
  expect(vm.store().points).toBe(3);
});

test('a cluster keeps tenants apart and knows its own paths only', async () => {
  await using vm = await startVictoriaMetrics({ cluster: true });
  const send = (path: string): ReturnType<typeof ask> => ask(`${vm.url}${path}`, { method: 'POST', body: importLine('a', [1]) });
  expect((await send('/insert/7/prometheus/api/v1/import')).status).toBe(204);
  expect((await send('/api/v1/import')).status).toBe(400);
  expect((await send('/select/7/prometheus/api/v1/import')).status).toBe(400);
  await ask(`${vm.url}/internal/force_flush`);
  const read = async (tenant: number): Promise<string> => (await ask(`${vm.url}/select/${tenant}/prometheus/api/v1/export?match[]=a`)).body;
  expect([(await read(7)).length > 0, await read(8)]).toEqual([true, '']);
  expect([vm.store('7').points, vm.store('8').points]).toEqual([1, 0]);
});

test('with deduplication the last point of an interval stays', async () => {
  await using vm = await startVictoriaMetrics({ dedupMs: 10_000 });
  await ask(`${vm.url}/api/v1/import`, { method: 'POST', body: importLine('a', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) });
  await ask(`${vm.url}/internal/force_flush`);
  const { body } = await ask(`${vm.url}/api/v1/export?match[]=a`);
  expect(JSON.parse(body).values).toEqual([1, 11, 12]);
  const raw = await ask(`${vm.url}/api/v1/export?match[]=a&reduce_mem_usage=1`);
  expect(JSON.parse(raw.body).values).toHaveLength(12);
});
