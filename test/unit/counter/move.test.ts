/** A counter is moved while clients keep adding: whatever happens on the way, no add is lost, and nothing is done twice. */
import type { OperationHeader } from '@longshore/core';
import { GuardTimedOut, LeaseHeld, PlanStale } from '@longshore/operations';
import type { Traffic } from '@longshore/sandbox';
import { keepAdding } from '@longshore/sandbox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CounterFleet } from './fleet.ts';
import { changes, startCounterFleet } from './fleet.ts';

const FIRST = 1_000;
let fleet: CounterFleet;
let traffic: Traffic;

beforeEach(async () => {
  fleet = await startCounterFleet({ a: { hits: FIRST, other: 7 }, b: {} });
  traffic = keepAdding({ service: fleet.services.a!.url, counter: 'hits' });
});
afterEach(async () => {
  await traffic.stop();
  await fleet[Symbol.asyncDispose]();
});

const move = { kind: 'counter.move', params: { source: 'a', sink: 'b', counters: ['hits'] } };
const hits = (service: 'a' | 'b') => fleet.services[service]!.store.view('hits');

/** Clients go on, all they were told is in there, and nothing else. */
async function expectNothingLost(service: 'a' | 'b'): Promise<void> {
  await traffic.reached(traffic.acknowledged + 20);
  expect(traffic.service).toBe(fleet.services[service]!.url);
  await traffic.stop();
  const { value, denial, route } = hits(service);
  expect([denial, route]).toEqual([null, null]);
  expect(value! - FIRST - traffic.acknowledged).toBeGreaterThanOrEqual(0);
  expect(value! - FIRST - traffic.acknowledged).toBeLessThanOrEqual(traffic.unknown);
}

function once(lines: string[], line: string): void {
  expect(lines.filter((one) => one === line)).toEqual([line]);
}

const errorOf = ({ state, error }: OperationHeader) => [state, error?.code];

test('clients end up at the sink, with all they had added', async () => {
  const header = await fleet.run(move);
  expect(errorOf(header)).toEqual(['succeeded', undefined]);
  expect(changes(fleet.services.a!, 'hits')).toEqual(['deny', `route ${fleet.services.b!.url}`, 'allow', 'delete']);
  expect(changes(fleet.services.b!, 'hits')[0]).toBe('set 0');
  expect((await fleet.service.report(header.id)).totals).toMatchObject({ lost: 0 });
  await expectNothingLost('b');
  expect(fleet.services.a!.store.view('other').value).toBe(7);
});

test('several counters are cut over together, and back again', async () => {
  const both = { ...move, params: { ...move.params, counters: ['hits', 'other'] } };
  expect((await fleet.run(both)).state).toBe('succeeded');
  const back = { ...move, params: { source: 'b', sink: 'a', counters: ['hits', 'other'] } };
  expect((await fleet.run(back)).state).toBe('succeeded');
  await expectNothingLost('a');
  expect(fleet.services.a!.store.view('other')).toMatchObject({ value: 7, route: null });
});

test('what every delivery does is done once, however often it is delivered', async () => {
  const repeated = new Set<string>();
  fleet.around = async (effect, when) => {
    const key = `${effect} ${when}`;
    if (repeated.has(key)) return;
    repeated.add(key);
    const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
    for (const [task, { round }] of (await fleet.store.load(id))!.tasks) fleet.transport.repeat('migrator', `${id}.${task}.${round}`);
  };
  const header = await fleet.run(move);
  expect(errorOf(header)).toEqual(['succeeded', undefined]);
  expect([...repeated].sort()).toEqual(
    ['allow/allow', 'copy/copy', 'deny/deny', 'prepare/make', 'retire/delete', 'switch/route']
      .flatMap((effect) => [`counter.${effect} after`, `counter.${effect} before`])
      .concat(repeated.has('counter.catch-up/copy before') ? ['counter.catch-up/copy after', 'counter.catch-up/copy before'] : [])
      .sort(),
  );
  expect(changes(fleet.services.a!, 'hits')).toEqual(['deny', `route ${fleet.services.b!.url}`, 'allow', 'delete']);
  once(changes(fleet.services.b!, 'hits'), 'set 0');
  await expectNothingLost('b');
});

test('a connection that breaks after the effect is looked up, not taken for a failure', async () => {
  fleet.services.a!.knobs.once(/^PUT .*denial/, { kind: 'reset-after' });
  fleet.services.b!.knobs.once(/^PUT .*hits/, { kind: 'truncate', afterBytes: 3, ending: 'clean' });
  const header = await fleet.run(move);
  expect(errorOf(header)).toEqual(['succeeded', undefined]);
  expect(header.counters.retries).toBe(2);
  expect(changes(fleet.services.a!, 'hits')).toEqual(['deny', `route ${fleet.services.b!.url}`, 'allow', 'delete']);
  once(changes(fleet.services.b!, 'hits'), 'set 0');
  await expectNothingLost('b');
});

describe('what fails inside the guard lets clients write again', () => {
  test('a step that the source refuses', async () => {
    fleet.services.a!.knobs.always(/^PUT .*route/, { kind: 'reply', status: 400, body: '{"error":{"code":"no","message":"not today"}}' });
    const header = await fleet.run(move);
    expect(errorOf(header)).toEqual(['failed', 'LSH_COUNTER_REFUSED']);
    expect(changes(fleet.services.a!, 'hits')).toEqual(['deny', 'allow']);
    expect((await fleet.service.get(header.id)).guards.map(({ state }) => state)).toEqual(['closed']);
    await expectNothingLost('a');
  });

  test('a cancel', async () => {
    let cancelled: Promise<OperationHeader> | undefined;
    fleet.around = async (effect, when) => {
      if (effect !== 'counter.switch/route' || when !== 'before' || cancelled) return;
      const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
      cancelled = fleet.service.act(id, 'cancel', 'tester');
      await cancelled;
    };
    const header = await fleet.run(move);
    expect(header.state).toBe('cancelled');
    expect(changes(fleet.services.a!, 'hits')).toEqual(['deny', 'allow']);
    await expectNothingLost('a');
  });

  test('time that runs out', async () => {
    const { knobs } = fleet.services.b!;
    fleet.around = async (effect, when) => {
      if (effect === 'counter.deny/deny' && when === 'after')
        knobs.always('/counters/hits', { kind: 'status', status: 503, retryAfter: 30 });
    };
    const header = await fleet.run({ ...move, params: { ...move.params, maxDenialMs: 1_000 } }, ({ ending }) => ending !== undefined);
    expect(header.error?.code).toBe(GuardTimedOut.code);
    expect((await fleet.finished(header.id)).state).toBe('failed');
    knobs.clear();
    expect(changes(fleet.services.a!, 'hits')).toEqual(['deny', 'allow']);
    await expectNothingLost('a');
  });

  test('a cancel, while a denial is on its way that lands late', async () => {
    const late = fleet.services.a!.knobs.once(/^PUT .*denial/, { kind: 'late', landsAfterMs: 1_000, reply: 'none' });
    const { id } = await fleet.service.submit({ ...move, owner: 'tester' });
    await late.struck();
    await fleet.service.act(id, 'cancel', 'tester');
    const header = await fleet.finished(id);
    await late.landed();
    expect(header.state).toBe('cancelled');
    await expectNothingLost('a');
  });
});

describe('a person', () => {
  test('is asked before anything is denied, and before anything is deleted', async () => {
    const waiting = await fleet.run({ ...move, approvals: 'cutover' }, ({ awaits }) => awaits !== undefined);
    expect(waiting.awaits?.stages).toEqual(['cutover']);
    expect(changes(fleet.services.a!, 'hits')).toEqual([]);
    await fleet.service.approve(waiting.id, { by: 'somebody', reason: 'quiet hour' });
    const again = await fleet.finished(waiting.id, ({ awaits }) => awaits?.stages[0] === 'retire');
    expect(hits('a').value).not.toBeNull();
    await fleet.service.approve(again.id, { by: 'somebody', reason: 'looks well' });
    expect((await fleet.finished(again.id)).state).toBe('succeeded');
    await expectNothingLost('b');
  });

  test('takes it back: the clients come home with what they added', async () => {
    const { id } = await fleet.run(move);
    await traffic.reached(traffic.acknowledged + 50);
    await fleet.service.revert(id, 'somebody');
    const header = await fleet.finished(id);
    expect(header.state).toBe('reverted');
    expect(hits('b').value).toBeNull();
    await expectNothingLost('a');
  });

  test('sees in the plan what is in the way', async () => {
    fleet.services.b!.store.seed('hits', 3);
    const header = await fleet.run(move);
    expect(errorOf(header)).toEqual(['failed', 'LSH_COUNTER_EXISTS']);
    expect(changes(fleet.services.b!, 'hits')).toEqual([]);
  });
});

describe('an operation among others', () => {
  const slow = { ...move, params: { ...move.params, pauseMs: 300 } };

  test('has its counters for itself; others of the same services are free', async () => {
    const { id } = await fleet.service.submit({ ...slow, owner: 'tester' });
    await fleet.finished(id, ({ startedAt }) => startedAt !== undefined);
    expect(errorOf(await fleet.run(move))).toEqual(['failed', LeaseHeld.code]);
    expect(errorOf(await fleet.run({ ...move, params: { ...move.params, counters: ['other'] } }))).toEqual(['succeeded', undefined]);
    expect(errorOf(await fleet.finished(id))).toEqual(['succeeded', undefined]);
    await expectNothingLost('b');
  });

  test('is not begun on a plan that the services have outrun', async () => {
    const { id } = await fleet.service.submit({ ...move, mode: 'plan', owner: 'tester' });
    await fleet.finished(id, ({ state }) => state === 'planned');
    fleet.services.b!.store.route('hits', 'http://elsewhere', { connection: 'somebody', at: 0, token: 1 });
    await fleet.service.act(id, 'start', 'tester');
    const { error } = await fleet.finished(id, (header) => header.error !== undefined);
    expect([error?.code, error?.message]).toEqual([
      PlanStale.code,
      expect.stringContaining('hits.sink.route: null, now "http://elsewhere"'),
    ]);
    expect(changes(fleet.services.a!, 'hits')).toEqual([]);
    expect(errorOf(await fleet.run(move)), 'it holds nothing meanwhile').toEqual(['succeeded', undefined]);
  });

  test('is paused when the guard has ended, not inside it', async () => {
    let asked: Promise<OperationHeader> | undefined;
    fleet.around = async (effect, when) => {
      if (effect !== 'counter.deny/deny' || when !== 'after' || asked) return;
      const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
      asked = fleet.service.act(id, 'pause', 'tester');
      await asked;
    };
    const { id } = await fleet.run(slow, ({ state }) => state === 'paused');
    expect(changes(fleet.services.a!, 'hits')).toEqual(['deny', `route ${fleet.services.b!.url}`, 'allow']);
    await fleet.service.act(id, 'resume', 'tester');
    expect(errorOf(await fleet.finished(id))).toEqual(['succeeded', undefined]);
    await expectNothingLost('b');
  });
});

describe('after a failure', () => {
  const refusal = { kind: 'reply', status: 400, body: '{"error":{"code":"no","message":"not today"}}' } as const;

  test('it goes on where it failed', async () => {
    const fault = fleet.services.a!.knobs.always(/^DELETE/, refusal);
    const { id, state } = await fleet.run(move);
    expect(state).toBe('failed');
    fault.remove();
    await fleet.service.retry(id, 'somebody');
    expect(errorOf(await fleet.finished(id))).toEqual(['succeeded', undefined]);
    expect(changes(fleet.services.a!, 'hits')).toEqual(['deny', `route ${fleet.services.b!.url}`, 'allow', 'delete']);
    await expectNothingLost('b');
  });

  test('inside the guard, it goes on from where the guard is opened', async () => {
    const fault = fleet.services.a!.knobs.always(/^PUT .*route/, refusal);
    const { id, state } = await fleet.run(move);
    expect(state).toBe('failed');
    fault.remove();
    await fleet.service.retry(id, 'somebody');
    expect(errorOf(await fleet.finished(id))).toEqual(['succeeded', undefined]);
    expect(changes(fleet.services.a!, 'hits')).toEqual(['deny', 'allow', 'deny', `route ${fleet.services.b!.url}`, 'allow', 'delete']);
    await expectNothingLost('b');
  });

  test('behind the switch, what clients have added at the sink since is not written over', async () => {
    let struck = false;
    fleet.around = async (effect, when) => {
      if (effect !== 'counter.allow/allow' || when !== 'before' || struck) return;
      struck = true;
      fleet.services.a!.knobs.once(/^PUT .*denial/, refusal);
    };
    const { id, state } = await fleet.run(move);
    expect(state).toBe('failed');
    await traffic.reached(traffic.acknowledged + 20);
    expect(traffic.service).toBe(fleet.services.b!.url);
    await fleet.service.retry(id, 'somebody');
    expect(errorOf(await fleet.finished(id))).toEqual(['succeeded', undefined]);
    await expectNothingLost('b');
  });

  test.each([
    ['inside the guard', /^PUT .*route/],
    ['after it', /^DELETE/],
  ])('%s, it is taken back', async (_, match) => {
    const fault = fleet.services.a!.knobs.always(match, refusal);
    const { id, state } = await fleet.run(move);
    expect(state).toBe('failed');
    fault.remove();
    await fleet.service.revert(id, 'somebody');
    expect((await fleet.finished(id)).state).toBe('reverted');
    expect(hits('b').value).toBeNull();
    await expectNothingLost('a');
  });
});
