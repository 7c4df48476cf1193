/** The planner of a rebalancing: the fewest transfers, and never worse than before. */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { CounterState, ServiceSnapshot } from '../src/model.ts';
import { settle } from '../src/plan/groups.ts';
import { planRebalance } from '../src/plan/rebalance.ts';

const plain = (name: string, value: number): CounterState => ({ name, value, denial: null, route: null });
const service = (name: string, counters: CounterState[]): ServiceSnapshot => ({ service: name, identity: `http://${name}`, counters });

const arbitraryServices = (): fc.Arbitrary<ServiceSnapshot[]> =>
  fc
    .array(fc.dictionary(fc.constantFrom('x', 'y', 'z', 'w'), fc.nat({ max: 50 }), { noNullPrototype: true }), {
      minLength: 2,
      maxLength: 7,
    })
    .map((all) =>
      all.map((counters, at) =>
        service(
          `s${at}`,
          Object.entries(counters).map(([name, value]) => plain(name, value)),
        ),
      ),
    );

/** Amounts that add up to zero. */
const arbitraryAmounts = (maxLength: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: -6, max: 6 }), { minLength: 1, maxLength }).map((some) => [...some, -some.reduce((sum, one) => sum + one, 0)]);

/** Tries every way: the first open amount is settled against each of the others in turn. */
function fewest(amounts: readonly number[]): number {
  const open = amounts.filter((amount) => amount !== 0);
  const [first, ...rest] = open;
  if (first === undefined) return 0;
  let best = Number.POSITIVE_INFINITY;
  for (const [at, other] of rest.entries()) {
    if (Math.sign(other) === Math.sign(first)) continue;
    best = Math.min(best, 1 + fewest(rest.with(at, other + first)));
  }
  return best;
}

describe('settling', () => {
  test.prop([arbitraryAmounts(6)])('takes the fewest transfers there can be', (amounts) => {
    expect(settle(amounts)).toHaveLength(fewest(amounts));
  });

  test.prop([arbitraryAmounts(40)])('settles everything, with one transfer less than there are amounts at most', (amounts) => {
    const left = [...amounts];
    for (const { from, to, units } of settle(amounts)) {
      expect(units).toBeGreaterThan(0);
      left[from]! -= units;
      left[to]! += units;
    }
    expect(left.every((amount) => amount === 0)).toBe(true);
    expect(settle(amounts).length).toBeLessThanOrEqual(Math.max(0, amounts.filter((amount) => amount !== 0).length - 1));
  });
});

function applied(services: readonly ServiceSnapshot[]): Map<string, Map<string, number>> {
  const values = new Map(services.map((one) => [one.service, new Map(one.counters.map(({ name, value }) => [name, value ?? 0]))]));
  for (const { from, to, counter, units } of planRebalance(services).moves) {
    values.get(from)!.set(counter, values.get(from)!.get(counter)! - units);
    values.get(to)!.set(counter, (values.get(to)!.get(counter) ?? 0) + units);
  }
  return values;
}

const sumsOf = (values: Map<string, Map<string, number>>): number[] =>
  [...values.values()].map((counters) => [...counters.values()].reduce((sum, value) => sum + value, 0));
const spread = (sums: readonly number[]): number => Math.max(...sums) - Math.min(...sums);

describe('a plan', () => {
  test.prop([arbitraryServices()])('makes the sums differ by one at most, without creating or losing a unit', (services) => {
    const before = sumsOf(new Map(services.map((one) => [one.service, new Map(one.counters.map(({ name, value }) => [name, value!]))])));
    const after = applied(services);
    expect(spread(sumsOf(after))).toBeLessThanOrEqual(1);
    expect(spread(sumsOf(after))).toBeLessThanOrEqual(spread(before));
    expect(sumsOf(after).reduce((sum, one) => sum + one)).toBe(before.reduce((sum, one) => sum + one));
    for (const counters of after.values()) for (const value of counters.values()) expect(value).toBeGreaterThanOrEqual(0);
  });

  test.prop([arbitraryServices()])('says the same as it does', (services) => {
    const after = sumsOf(applied(services));
    expect(planRebalance(services).sums.map((sum) => sum.after)).toEqual(after);
    expect(planRebalance(services)).toEqual(planRebalance(structuredClone(services)));
  });

  test.prop([arbitraryServices()])('takes a lease on all it touches, and makes what is missing', (services) => {
    const { moves, missing, leases } = planRebalance(services);
    const held = leases.map(({ target, scope }) => `${target} ${scope}`);
    expect(new Set(held).size).toBe(held.length);
    for (const { from, to, counter } of moves) {
      expect(held).toEqual(expect.arrayContaining([`counter:http://${from} ${counter}/`, `counter:http://${to} ${counter}/`]));
      const there = services.find((one) => one.service === to)!.counters.some(({ name }) => name === counter);
      expect(missing.some((one) => one.service === to && one.counter === counter)).toBe(!there);
    }
  });

  test('does nothing where it is even already', () => {
    const { moves, leases } = planRebalance([service('a', [plain('x', 3)]), service('b', [plain('y', 2)])]);
    expect([moves, leases]).toEqual([[], []]);
  });

  test('leaves alone what is denied, or lives elsewhere', () => {
    const denied: CounterState = { ...plain('x', 90), denial: { by: 'op_1', note: '' } };
    const moved: CounterState = { ...plain('y', 90), route: 'http://c' };
    const { moves, findings } = planRebalance([service('a', [denied, moved, plain('z', 4)]), service('b', [])]);
    expect(moves).toEqual([{ from: 'a', to: 'b', counter: 'z', units: 2 }]);
    expect(findings.map(({ text }) => text)).toEqual([
      'x at a is left out: writes to it are denied by op_1',
      'y at a is left out: its clients are sent to http://c',
    ]);
  });

  test('puts nothing where it could not be added', () => {
    const closed: CounterState = { ...plain('x', 0), denial: { by: 'op_1', note: '' } };
    const { moves } = planRebalance([service('a', [plain('x', 9), plain('y', 3)]), service('b', [closed])]);
    expect(moves).toEqual([{ from: 'a', to: 'b', counter: 'y', units: 3 }]);
  });
});
