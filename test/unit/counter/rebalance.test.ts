/** Units are moved between services until they are even; each half of each move goes in once. */
import type { OperationHeader } from '@longshore/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CounterFleet } from './fleet.ts';
import { startCounterFleet } from './fleet.ts';

const COUNTERS = { a: { x: 60, y: 40, z: 20 }, b: { x: 10 }, c: { w: 5, x: 1 }, d: {} };
const SERVICES = Object.keys(COUNTERS);
let fleet: CounterFleet;

beforeEach(async () => {
  fleet = await startCounterFleet(COUNTERS);
});
afterEach(() => fleet[Symbol.asyncDispose]());

const rebalance = { kind: 'counter.rebalance', params: { services: SERVICES, movesPerRound: 2, concurrency: 2 } };
const valuesOf = (service: string): Record<string, number> =>
  Object.fromEntries(fleet.services[service]!.store.list().map(({ name, value }) => [name, value ?? 0]));
const sums = (): number[] => SERVICES.map((service) => Object.values(valuesOf(service)).reduce((sum, value) => sum + value, 0));
const adds = () => SERVICES.flatMap((service) => fleet.services[service]!.store.effectsOf(undefined, 'add'));
const errorOf = ({ state, error }: OperationHeader) => [state, error?.code];

test('the sums are even at the end, in rounds that begin each other', async () => {
  const header = await fleet.run(rebalance);
  expect(errorOf(header)).toEqual(['succeeded', undefined]);
  expect(sums()).toEqual([34, 34, 34, 34]);
  const { moves } = (await fleet.service.plan(header.id)).data as { moves: object[] };
  expect(header.stages.map(({ name }) => name)).toEqual(['ensure', 'round-1', 'move-1', 'round-2', 'move-2', 'measure']);
  expect(adds()).toHaveLength(2 * moves.length);
  expect((await fleet.service.report(header.id)).totals).toEqual({ planned: 86, moved: 86, holds: 136 });
});

test('what is delivered again is not added again', async () => {
  fleet.around = async (effect, when) => {
    const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
    for (const [task, { round }] of (await fleet.store.load(id))!.tasks) {
      const key = `${task} ${effect} ${when}`;
      if (repeated.has(key)) continue;
      repeated.add(key);
      fleet.transport.repeat('rebalancer', `${id}.${task}.${round}`);
    }
  };
  const repeated = new Set<string>();
  const header = await fleet.run(rebalance);
  expect(errorOf(header)).toEqual(['succeeded', undefined]);
  expect(sums()).toEqual([34, 34, 34, 34]);
  const requests = adds().map(({ request }) => request);
  expect(new Set(requests).size).toBe(requests.length);
  expect((await fleet.service.report(header.id)).totals).toMatchObject({ planned: 86, moved: 86 });
});

test('a move that fails leaves the others going, and is told', async () => {
  fleet.services.d!.knobs.always(/^POST .*add/, { kind: 'reply', status: 400, body: '{}' });
  const header = await fleet.run(rebalance);
  expect(errorOf(header)).toEqual(['failed', 'LSH_COUNTER_UNEVEN']);
  expect(sums().slice(1, 3)).toEqual([34, 34]);
  const { notes } = await fleet.service.report(header.id);
  expect(notes.map(({ level }) => level)).toContain('error');
});

test('it is taken back, also what had been done by halves', async () => {
  fleet.services.d!.knobs.always(/^POST .*add/, { kind: 'reply', status: 400, body: '{}' });
  const { id } = await fleet.run(rebalance);
  fleet.services.d!.knobs.clear();
  await fleet.service.revert(id, 'somebody');
  expect((await fleet.finished(id)).state).toBe('reverted');
  expect(SERVICES.map(valuesOf)).toEqual(Object.values(COUNTERS));
});

test('a service that is away for a moment is tried again', async () => {
  fleet.services.b!.knobs.times(3, /^POST/, { kind: 'status', status: 503 });
  const header = await fleet.run(rebalance);
  expect(errorOf(header)).toEqual(['succeeded', undefined]);
  expect(header.counters.retries).toBe(3);
  expect(sums()).toEqual([34, 34, 34, 34]);
});

test('tasks that do nothing are all done, stage after stage', async () => {
  const header = await fleet.run({ kind: 'counter.noop', params: { tasks: 300, stages: 2, concurrency: 32 } });
  expect(errorOf(header)).toEqual(['succeeded', undefined]);
  expect(header.stages.map(({ done }) => done)).toEqual([300, 300]);
  expect(header.counters.noops).toBe(600);
});
