/** The fleet in numbers. */
import type { GuardRecord, Presence } from '@longshore/core';
import { memoryStore, systemClock } from '@longshore/core';
import { processMetrics } from '@longshore/host';
import { afterEach, expect, test } from 'vitest';
import { backlogSeconds } from '../src/metrics.ts';
import type { Fixture } from './fixture.ts';
import { makeApi } from './fixture.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.server.close();
  fixture = undefined;
});

const worker = (name: string, more: Partial<Presence> = {}): Presence => ({
  worker: name,
  role: 'dumper',
  host: 'h',
  pid: 1,
  startedAt: 1,
  seenAt: 1,
  tasks: [],
  concurrency: 2,
  busy: 0,
  spools: [],
  ...more,
});

test('a backlog is jobs times what one takes, over the places of those who serve the queue', () => {
  const dumpers = [
    worker('a', { secondsPerTask: { dumper: 2 } }),
    worker('b', { secondsPerTask: { dumper: 4 } }),
    worker('c', { role: 'restorer' }),
  ];
  expect(backlogSeconds('dumper', 100, dumpers)).toBe((100 * 3) / 4);
  expect(backlogSeconds('dumper', 0, dumpers)).toBe(0);
  expect(backlogSeconds('dumper', 7, [])).toBe(70);
  const mounted = [worker('a', { spools: ['s'], secondsPerTask: { 'dump.s': 5 } }), worker('b', { secondsPerTask: {} })];
  expect(backlogSeconds('dump.s', 10, mounted)).toBe(25);
});

test('requests are counted by their routes, and the process tells of itself', async () => {
  const metrics = processMetrics(memoryStore(systemClock), 'api');
  fixture = makeApi({ metrics });
  await fixture.server.inject('/v1/operations/op_secret');
  const { body } = await fixture.server.inject('/metrics');
  expect(body).toContain('longshore_api_request_seconds_count{method="GET",route="/v1/operations/:id",status="404"} 1\n');
  expect(body).toContain('longshore_redis_up 1\n');
  expect(body).toContain('longshore_process_info{role="api"} 1\n');
  expect(body).toContain('# TYPE longshore_backlog_seconds gauge\n');
  expect(body).not.toContain('op_secret');
  expect(new Set(body.match(/^# TYPE \S+/gm)).size).toBe(body.match(/^# TYPE \S+/gm)?.length);
  metrics.stop();
});

test('a store that is away is a number, not a failed scrape', async () => {
  const store = { ...memoryStore(systemClock), getShared: () => Promise.reject(new Error('away')) };
  const metrics = processMetrics(store, 'api');
  fixture = makeApi({ metrics, store });
  const reply = await fixture.server.inject('/metrics');
  expect([reply.statusCode, reply.body.includes('longshore_redis_up 0\n')]).toEqual([200, true]);
  metrics.stop();
});

test('open guards and what needs a person are told with their age, and nothing of either says zero', async () => {
  fixture = makeApi();
  const value = async (name: string): Promise<string | undefined> =>
    new RegExp(`^${name}(\\{[^}]*\\})? (\\S+)$`, 'm').exec(await fixture!.call('GET /metrics'))?.[2];
  expect([await value('longshore_guards_open'), await value('longshore_attention_seconds')]).toEqual(['0', '0']);
  expect(await value('longshore_operations\\{state="needs-attention"\\}')).toBe('0');

  const { id } = await fixture.call('POST /v1/operations', { body: { kind: 'test.copy', params: { from: 'a' } } });
  const now = Date.now();
  const header = await fixture.store.header(id);
  const guard = (key: string, openedAt: number): GuardRecord => ({
    key,
    what: 'writes are denied',
    target: 'old',
    before: false,
    after: true,
    openedAt,
    maxMs: 60_000,
    close: { task: 'test.close', params: null },
    state: 'open',
  });
  const error = { code: 'LSH_X', message: 'it cannot be closed', fix: 'close it', retryable: false, exitCode: 6 as const };
  await fixture.store.commit(id, {
    header: { ...header!, state: 'needs-attention', attention: { since: now - 30_000, error } },
    guards: [guard('one', now - 90_000), guard('two', now - 10_000), { ...guard('three', now - 500_000), state: 'closed' }],
  });
  expect(await value('longshore_guards_open')).toBe('2');
  expect(Number(await value('longshore_guard_age_seconds'))).toBeGreaterThanOrEqual(90);
  expect(Number(await value('longshore_guard_overdue_seconds'))).toBeGreaterThanOrEqual(30);
  expect(Number(await value('longshore_attention_seconds'))).toBeGreaterThanOrEqual(30);
  expect(await fixture.call('GET /metrics')).toContain('longshore_guards_open{kind="test.copy",target="old"} 2\n');
});
