/** The planner of a move: what is in the way, what is taken, and that nothing waits for a person inside the guard. */
import { expect, test } from 'vitest';
import { counter } from '../src/index.ts';
import type { CounterState, ServiceSnapshot } from '../src/model.ts';
import { MoveParams } from '../src/params.ts';
import { planMove } from '../src/plan/move.ts';

const params = MoveParams.parse({ source: 'a', sink: 'b', counters: ['x', 'y'] });
const at = (name: string, counters: Partial<CounterState>[]): ServiceSnapshot => ({
  service: name,
  identity: `http://${name}`,
  counters: counters.map((one) => ({ name: 'x', value: null, denial: null, route: null, ...one })),
});
const source = at('a', [{ value: 5 }, { name: 'y', value: 6 }]);
const errors = (here: ServiceSnapshot, there: ServiceSnapshot) =>
  planMove(params, here, there)
    .findings.filter(({ level }) => level === 'error')
    .map(({ text, error }) => error?.code ?? text);

test('takes both ends of each counter, and no more', () => {
  expect(planMove(params, source, at('b', [])).leases).toEqual([
    { target: 'counter:http://a', scope: 'x/' },
    { target: 'counter:http://a', scope: 'y/' },
    { target: 'counter:http://b', scope: 'x/' },
    { target: 'counter:http://b', scope: 'y/' },
  ]);
});

test('its fingerprint does not change when clients go on adding', () => {
  const before = planMove(params, source, at('b', []));
  const after = planMove(params, at('a', [{ value: 50 }, { name: 'y', value: 60 }]), at('b', []));
  expect(after.fingerprint).toEqual(before.fingerprint);
  expect(planMove(params, source, at('b', [{ value: 1 }])).fingerprint).not.toEqual(before.fingerprint);
});

test('finds what is in the way', () => {
  expect(errors(source, at('b', []))).toEqual([]);
  expect(errors(at('a', [{ value: 5 }]), at('b', []))).toEqual(['LSH_COUNTER_MISSING']);
  expect(errors(source, at('b', [{ value: 1 }]))).toEqual(['LSH_COUNTER_EXISTS']);
  const denial = { by: 'op_1', note: 'a move' };
  expect(
    errors(
      at('a', [
        { value: 5, denial },
        { name: 'y', value: 6 },
      ]),
      at('b', []),
    ),
  ).toEqual(['LSH_COUNTER_DENIED']);
  expect(
    errors(
      at('a', [
        { value: 5, route: 'http://c' },
        { name: 'y', value: 6 },
      ]),
      at('b', []),
    ),
  ).toEqual(['LSH_COUNTER_ROUTED']);
  expect(errors(source, source)).toContain('a and b are the same service');
});

test('a counter may be moved back to where it came from', () => {
  const { findings } = planMove(params, source, at('b', [{ route: 'http://a' }]));
  expect(findings).toEqual([]);
});

test('every guard that is opened ends, and nobody is asked in between', () => {
  const { stages } = planMove(params, source, at('b', []));
  const opens = stages.findIndex(({ guard }) => guard?.opens);
  const ends = stages.findIndex(({ guard }) => guard?.ends);
  expect(stages[opens]?.guard?.opens).toEqual(['deny-writes:x', 'deny-writes:y']);
  expect(stages[ends]?.guard?.ends).toEqual(['deny-writes:x', 'deny-writes:y']);
  expect(stages.slice(opens + 1, ends + 1).filter(({ approval }) => approval !== undefined)).toEqual([]);
});

test('every task of a plan is there, and takes its params', () => {
  const tasks = new Map(counter.tasks.map((task) => [task.name, task]));
  for (const stage of planMove(params, source, at('b', [])).stages)
    for (const { task, params: given } of stage.tasks ?? []) expect(tasks.get(task)?.params.safeParse(given).error, task).toBeUndefined();
});
