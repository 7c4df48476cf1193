/** An operation survives the death of any process at any point; and every way of changing something has such a point. */
import type { Store } from '@longshore/core';
import { ManualClock, memoryStore } from '@longshore/core';
import { expect, test } from 'vitest';
import type { Point, Scenario } from './crash-points.ts';
import { dieAt, pointsOf, SCENARIOS } from './crash-points.ts';
import { STORE_METHODS } from './store-writes.ts';

/** What no guarded operation calls, and who looks after it. */
const ELSEWHERE: Partial<Record<keyof Store, string>> = {
  releaseLeases: 'whoever wants what an operation that is over has left',
  remove: 'retention, from the sweep, of what is over',
  bury: 'a task that took twenty workers with it',
  exhume: 'a person, of what was buried',
  addToken: 'a person, of their access',
  revokeToken: 'a person, of their access',
  show: 'for pictures only: nothing follows from it',
  sample: 'for pictures only: nothing follows from it',
  reserve: 'the spool of bulk cargo',
  releaseReservation: 'the spool of bulk cargo',
  setShared: 'the sink gate and the drain of a fleet',
  announce: 'the host of a worker, again and again',
  leave: 'the host of a worker, as it stops',
  putSpool: 'the host of a worker',
  dropSpool: 'a person who gives a spool up',
};
/** Tasks of the simulated kind that change something outside. */
const ACTING = ['sim.add', 'sim.deny', 'sim.route', 'sim.allow', 'sim.lift'];

const all: { scenario: Scenario; points: Point[] }[] = [];
for (const scenario of SCENARIOS) all.push({ scenario, points: await pointsOf(scenario) });
const calls = new Set(all.flatMap(({ points }) => points.map(({ call }) => call)));

test('every method of the store is known to write or to read', () => {
  expect(Object.keys(STORE_METHODS).sort()).toEqual(Object.keys(memoryStore(new ManualClock())).sort());
});

test('every call that writes has a point, or is looked after elsewhere', () => {
  const writes = (Object.keys(STORE_METHODS) as (keyof Store)[]).filter((method) => STORE_METHODS[method] === 'writes');
  expect(writes.filter((method) => !calls.has(`store.${method}`) && ELSEWHERE[method] === undefined)).toEqual([]);
  expect(Object.keys(ELSEWHERE).filter((method) => calls.has(`store.${method}`))).toEqual([]);
  for (const method of ['add', 'ring', 'publish']) expect(calls).toContain(`transport.${method}`);
});

test('every effect has a point', () => {
  const effects = [...calls].filter((call) => call.startsWith('effect '));
  for (const task of ACTING)
    expect(
      effects.some((effect) => effect.startsWith(`effect ${task}/`)),
      task,
    ).toBe(true);
  for (const { points } of all) {
    const count = (call: string): number => points.filter((point) => point.call.startsWith(call)).length;
    // A request that went out past `context.effect` would have no point around it.
    expect(count('effect ')).toBe(count('target.write'));
  }
});

for (const { scenario, points } of all)
  test(`an operation that ${scenario.name} comes to its end through a death at each of ${points.length} points`, {
    timeout: 120_000,
  }, async () => {
    const broken: string[] = [];
    for (const { at, call, process } of points)
      for (const when of ['before', 'after'] as const)
        try {
          await dieAt(scenario, { at, when });
        } catch (error) {
          broken.push(`${when} point ${at} (${call} of the ${process}): ${(error as Error).message}`);
        }
    console.log(`${scenario.name}: ${points.length} points, ${2 * points.length} deaths`);
    expect(broken).toEqual([]);
  });

test('a journal that is written after the act does not survive them', async () => {
  const { scenario, points } = all[0]!;
  const broken: number[] = [];
  for (const { at, call } of points.filter((point) => point.call === 'target.write').slice(0, 3))
    await dieAt(scenario, { at, when: 'after' }, { bugs: new Set(['intent-after-act']) }).catch((error: Error) => {
      expect(error.message, call).toMatch(/^(once|reverted): /);
      broken.push(at);
    });
  expect(broken).not.toEqual([]);
});
