/** What a worker shows of its tasks. */
import { memoryStore, systemClock } from '@longshore/core';
import { afterEach, expect, test } from 'vitest';
import { silentLog } from '../src/log.ts';
import type { ProcessMetrics } from '../src/metrics.ts';
import { processMetrics } from '../src/metrics.ts';
import type { MetricsServer } from '../src/metrics-server.ts';
import { serveMetrics } from '../src/metrics-server.ts';
import { taskMetrics } from '../src/task-metrics.ts';

let metrics: ProcessMetrics | undefined;
let server: MetricsServer | undefined;
afterEach(async () => {
  await server?.close();
  metrics?.stop();
});

test('attempts, retries and gates are counted where they are written', async () => {
  const base = memoryStore(systemClock);
  metrics = processMetrics(base, 'dumper');
  const { store, secondsPerTask } = taskMetrics(base, metrics.registry);
  const header = { id: 'op', kind: 'k', params: {}, mode: 'run' as const, owner: 'o', createdAt: 1, updatedAt: 1 };
  const empty = { state: 'running' as const, version: 0, stage: 0, stages: [], counters: {}, expect: {}, spools: [] };
  await store.create({ ...header, ...empty });
  const task = { id: 't', task: 'tsdb.dump', params: {}, placement: 'role' as const, stage: 0, role: 'dumper' as const };
  const queued = { ...task, queue: 'dump.s', state: 'queued' as const, round: 1, failures: 2 };
  await store.commit('op', { header: { ...header, ...empty }, put: [queued] });
  const first = await store.claim('op', 't', 1, 'w', 1);
  if (first.claim !== 'yours') throw new Error(first.claim);
  await store.shut('op', 't', first.generation, { gate: 'sink', reason: 'full', since: 1 }, {});
  const second = await store.claim('op', 't', 1, 'w', 2);
  if (second.claim !== 'yours') throw new Error(second.claim);
  const outcome = { round: 1, result: 'ok' as const, startedAt: 1_000, endedAt: 3_000, count: { points: 7 } };
  expect(await store.finish('op', 't', { ...outcome, generation: second.generation })).toBe(true);
  const text = await metrics.text();
  for (const line of [
    'longshore_tasks_total{task="tsdb.dump",result="ok"} 1',
    'longshore_task_seconds_sum{task="tsdb.dump"} 2',
    'longshore_task_retries_total{task="tsdb.dump"} 2',
    'longshore_gate_waits_total{task="tsdb.dump",gate="sink"} 1',
    'longshore_task_counts_total{task="tsdb.dump",what="points"} 7',
  ])
    expect(text).toContain(`${line}\n`);
  expect(secondsPerTask()).toEqual({ 'dump.s': 2 });
});

test('are served to whoever asks, and nothing else is', async () => {
  metrics = processMetrics(memoryStore(systemClock), 'dumper');
  server = await serveMetrics('127.0.0.1:0', metrics, silentLog);
  const ask = (path: string, init?: RequestInit): Promise<Response> => fetch(`http://${server?.address}${path}`, init);
  const found = await ask('/metrics');
  expect([found.status, await found.text()]).toEqual([200, expect.stringContaining('longshore_redis_up 1\n')]);
  expect((await ask('/healthz')).status).toBe(200);
  expect((await ask('/other')).status).toBe(404);
  expect((await ask('/metrics', { method: 'POST', body: 'x' })).status).toBe(404);
  await expect(serveMetrics(server.address, metrics, silentLog)).rejects.toMatchObject({ code: 'LSH_METRICS_LISTEN' });
});
