/** A counter is moved by separate processes on a real Redis; the worker is killed in the middle of each step in turn. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CounterStandIn } from '@longshore/sandbox';
import { keepAdding, startCounterService } from '@longshore/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realServer } from '../servers/real.ts';
import { type Fleet, type Member, startFleet } from '../support/fleet.ts';
import { until } from '../support/until.ts';

const redis = await realServer('redis', { own: true });
const STEP_MS = 200;
const SUMS = { a: { x: 40, y: 9 }, b: { x: 1 }, c: {} };

describe.skipIf(!redis.there)(`a fleet of separate processes${redis.there ? '' : ` (${redis.reason})`}`, () => {
  let dir: string;
  let fleet: Fleet;

  beforeAll(async () => {
    if (!redis.there) throw new Error(redis.reason);
    dir = await mkdtemp(join(tmpdir(), 'longshore-counter-'));
    const options = { dumpers: 0, restorers: 0, migrators: 2, rebalancers: 2, lockMs: 1_500, sweepMs: 500 };
    fleet = await startFleet({ dir, redisUrl: redis.url, ...options });
  });
  afterAll(async () => {
    await fleet?.stop();
    if (redis.there) await redis.stop();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  /** Kills the worker that runs the task, as soon as one does and `ready` holds, and starts it again. */
  async function killWorkerOf(id: string, task: string, ready: () => boolean = () => true): Promise<void> {
    let victim: Member | undefined;
    await until(async () => {
      const snapshot = (await fleet.store.load(id))!;
      if (snapshot.header.endedAt !== undefined) throw new Error(`over before ${task} was begun: ${JSON.stringify(snapshot.header)}`);
      const worker = snapshot.tasks.has(task) && ready() ? snapshot.attempts.get(task)?.worker : undefined;
      victim = [...fleet.members.values()].find(({ child }) => worker?.endsWith(`-${child.pid}`));
      return victim !== undefined;
    }, `a worker runs ${task}`);
    const { name, role, child } = victim!;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    await fleet.start(name, role);
  }

  const methods = (service: CounterStandIn): string[] =>
    service.store
      .effectsOf('hits')
      .filter(({ method }) => method !== 'add')
      .map(({ method, after }) => (method === 'deny' && after === null ? 'allow' : method));

  const begins: [string, (changed: string[]) => boolean][] = [
    'prepare',
    'copy',
    'deny',
    'catch-up',
    'switch',
    'allow',
    'verify',
    'retire',
  ].map((step) => [step, () => true]);
  const lands: [string, (changed: string[]) => boolean][] = [
    ['deny', (changed) => changed.includes('deny')],
    ['switch', (changed) => changed.includes('route')],
    ['allow', (changed) => changed.includes('allow')],
    ['retire', (changed) => changed.includes('delete')],
  ];

  async function moved(step: string, ready: (changed: string[]) => boolean): Promise<void> {
    await using source = await startCounterService({ fenced: true, counters: { hits: 100 } });
    await using sink = await startCounterService({ fenced: true });
    const traffic = keepAdding({ service: source.url, counter: 'hits' });
    const params = { source: source.url, sink: sink.url, counters: ['hits'], pauseMs: STEP_MS };
    const { id } = await fleet.service.submit({ kind: 'counter.move', params, owner: 'test' });
    await killWorkerOf(id, `${step}-hits`, () => ready(methods(source)));
    const header = await fleet.finished(id);
    await traffic.stop();
    expect([header.state, header.error]).toEqual(['succeeded', undefined]);
    expect(methods(source)).toEqual(['deny', 'route', 'allow', 'delete']);
    expect(traffic.unknown).toBe(0);
    expect(sink.store.view('hits')).toMatchObject({ denial: null, route: null, value: 100 + traffic.acknowledged });
  }

  test.each(begins)('killed when %s begins', moved);
  test.each(lands)('killed when %s has taken effect and nobody knows', moved);

  test('a rebalancer is killed in the middle of a move', async () => {
    await using started = new AsyncDisposableStack();
    const services: CounterStandIn[] = [];
    for (const counters of Object.values(SUMS)) services.push(started.use(await startCounterService({ fenced: true, counters })));
    const params = { services: services.map(({ url }) => url), pauseMs: STEP_MS };
    const { id } = await fleet.service.submit({ kind: 'counter.rebalance', params, owner: 'test' });
    await killWorkerOf(id, 'move-1');
    expect((await fleet.finished(id)).state).toBe('succeeded');
    const sums = services.map(({ store }) => store.list().reduce((sum, { value }) => sum + (value ?? 0), 0));
    expect(sums.sort()).toEqual([16, 17, 17]);
    const requests = services.flatMap(({ store }) => store.effectsOf(undefined, 'add')).map(({ request }) => request);
    expect(new Set(requests).size).toBe(requests.length);
  });
});
