/** One process dies between any two steps, worker or scheduler: the operation ends as if nothing had been. */
import type { Json, MemoryTransport, OperationHeader } from '@longshore/core';
import { expect, test } from 'vitest';
import { acquire } from '../src/leases.ts';
import type { Crashes, Death } from './crash.ts';
import { crashes } from './crash.ts';
import type { Harness, HarnessOptions } from './engine.ts';
import { Flaky, harness, until } from './engine.ts';
import { allows, denies, LEASES, one, sets, stage } from './engine-tasks.ts';

const OLD = { k: 'free', x: 'old x', z: 'old z' };
const NEW = { k: 'free', x: 'new x', y: 'new y', z: 'new z' };

interface Run {
  h: Harness;
  crashing: Crashes;
  header: OperationHeader;
}

interface Scenario {
  name: string;
  /** Brings it to where deaths begin; gives the operation. */
  prepare?(h: Harness): Promise<string>;
  behave?(h: Harness): void;
  state: OperationHeader['state'];
  world: { [key: string]: Json };
  check?(run: Run): Promise<void>;
}

const plan = (h: Harness): void => {
  h.stages.push(
    stage('first', [sets('a', 'x', 'new x'), one('count')], { concurrency: 2 }),
    stage('deny', [denies('deny', 'k')], { guard: { opens: ['k'] } }),
    stage('work', [one('work')]),
    stage('allow', [allows('allow', 'k')], { guard: { ends: ['k'] } }),
    stage('last', [sets('c', 'z', 'new z')]),
    stage('tidy', [one('tidy')], { always: true }),
  );
  h.behaviours.set('count', async ({ tally, count }) => {
    tally('m', 'points', 1);
    count('points', 1);
    return undefined;
  });
  h.behaviours.set('work', async ({ emit }) => {
    emit([stage('more', [sets('b', 'y', 'new y')])]);
    return undefined;
  });
};

const SCENARIOS: Scenario[] = [
  {
    name: 'that goes well',
    state: 'succeeded',
    world: NEW,
    async check({ h, header }) {
      expect((await h.service.report(header.id)).totals).toEqual({ points: 1 });
      expect(header.counters.points).toBe(1);
      const done = (await h.service.done(header.id)).filter(({ stage: at }) => at >= 0);
      expect(done.map(({ id, result }) => `${id} ${result}`).toSorted()).toEqual(
        ['a', 'allow', 'b', 'c', 'count', 'deny', 'tidy', 'work'].map((id) => `${id} ok`),
      );
      expect(header.stages.map(({ name }) => name)).toEqual(['first', 'deny', 'work', 'more', 'allow', 'last', 'tidy']);
      const journal = (await h.service.journal(header.id)).filter(({ task }) => task === 'a' || task === 'b');
      expect(journal).toMatchObject([
        { key: 'x', before: 'old x', state: 'done' },
        { key: 'y', before: null, state: 'done' },
      ]);
    },
  },
  {
    name: 'that fails inside a guard',
    behave(h) {
      h.behaviours.set('work', async () => {
        throw Flaky(false);
      });
    },
    state: 'failed',
    world: { ...OLD, x: 'new x' },
    async check({ h, header }) {
      expect(header.error?.code).toBe('LSH_TEST');
      expect(h.begun).toContain('tidy');
      expect(h.begun).not.toContain('c');
    },
  },
  {
    name: 'that is cancelled inside a guard',
    behave(h) {
      h.behaviours.set('work', ({ signal }) => until(signal));
    },
    async prepare(h) {
      const id = await h.submit();
      await h.settle(id, () => h.begun.includes('work'));
      await h.service.act(id, 'cancel', 'anna');
      return id;
    },
    state: 'cancelled',
    world: { ...OLD, x: 'new x' },
    async check({ h }) {
      expect(h.begun).toContain('tidy');
      expect(h.begun).not.toContain('c');
    },
  },
  {
    name: 'that is taken back',
    async prepare(h) {
      const id = await h.submit();
      expect((await h.settle(id)).state).toBe('succeeded');
      h.begun.length = 0;
      await h.service.revert(id, 'anna');
      return id;
    },
    state: 'reverted',
    world: OLD,
    async check({ h, header }) {
      const order = h.begun.filter((name, at) => name.startsWith('undo') && h.begun.indexOf(name) === at);
      expect(order).toEqual(['undo c', 'undo b', 'undo a']);
      const states = (await h.service.journal(header.id)).filter(({ task }) => task.length === 1).map(({ state }) => state);
      expect(states).toEqual(['undone', 'undone', 'undone']);
    },
  },
];

async function run(scenario: Scenario, death: Death | undefined, transport?: HarnessOptions['transport']): Promise<Run> {
  let begun = false;
  const crashing = crashes(() => (begun ? death : undefined));
  const { deliver, advance } = crashing;
  const h = harness({ leases: LEASES, deliver, advance, ...(transport ? { transport } : {}) });
  try {
    for (const [key, value] of Object.entries(OLD)) h.world.set(key, value);
    plan(h);
    scenario.behave?.(h);
    // Deaths begin where the preparation has ended; its calls are not counted.
    const id = (await scenario.prepare?.(h)) ?? (await h.submit());
    crashing.calls = 0;
    begun = true;
    const header = await h.settle(id);
    return { h, crashing, header };
  } finally {
    await h.stop();
  }
}

async function verify(scenario: Scenario, { h, crashing, header }: Run): Promise<void> {
  expect(header.state).toBe(scenario.state);
  expect(Object.fromEntries(h.world)).toEqual(scenario.world);
  const { guards } = await h.service.get(header.id);
  expect(guards).toMatchObject([{ key: 'k', state: 'closed', before: 'free' }]);
  expect((await h.store.load(header.id))!.tasks.size).toBe(0);
  // Whoever comes next gets the target, when the last one's requests can take effect no more.
  const next = await acquire(h.store, 'op_next', await h.service.plan(header.id), h.clock.now());
  if ('heldBy' in next) expect(next.freeAt).toBe(header.quietUntil);
  await scenario.check?.({ h, crashing, header });
}

test.each(SCENARIOS)('an operation $name', async (scenario) => {
  const clean = await run(scenario, undefined);
  await verify(scenario, clean);
  const { calls } = clean.crashing;
  expect(calls).toBeGreaterThan(20);
  for (let at = 0; at < calls; at += 1)
    for (const when of ['before', 'after'] as const) {
      let died = 'it did not end';
      try {
        const ended = await run(scenario, { at, when });
        died = ended.crashing.died ?? 'nobody died';
        await verify(scenario, ended);
      } catch (error) {
        throw new Error(`a death ${when} call ${at} of ${calls} (${died})`, { cause: error });
      }
    }
});

/** The queue at its worst: what it drops is found by the sweep, what it brings twice is done once. */
const QUEUES: [string, (real: MemoryTransport) => Partial<MemoryTransport>][] = [
  ['every ring is lost', () => ({ ring: async () => undefined })],
  ['no order reaches a worker at once', () => ({ publish: async () => undefined })],
  [
    'every job is lost the first time',
    (real) => {
      const seen = new Set<string>();
      return {
        add: (queue, jobs) =>
          real.add(
            queue,
            jobs.filter(({ id }) => seen.size === seen.add(id).size),
          ),
      };
    },
  ],
  [
    'every job is brought twice',
    (real) => ({
      async add(queue, jobs) {
        await real.add(queue, jobs);
        for (const { id } of jobs) setImmediate(() => real.repeat(queue, id));
      },
    }),
  ],
];

test.each(QUEUES.flatMap(([what, change]) => SCENARIOS.map((scenario) => ({ what, change, scenario, name: scenario.name }))))(
  'an operation $name, where $what',
  async ({ change, scenario }) => {
    await verify(scenario, await run(scenario, undefined, (real) => ({ ...real, ...change(real) })));
  },
);
