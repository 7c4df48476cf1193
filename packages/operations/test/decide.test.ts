/** `decide` as a pure function: the same snapshot gives the same decision, and what has been decided and stored is not decided again. */
import { fc, test as prop } from '@fast-check/vitest';
import type { Intent, OperationHeader, OperationSnapshot, Outcome, StageSpec, StoredPlan } from '@longshore/core';
import { defineKind, defineTask, ManualClock, memoryStore } from '@longshore/core';
import { expect } from 'vitest';
import { z } from 'zod';
import type { DecideInput, Decision } from '../src/index.ts';
import { decide } from '../src/index.ts';

const task = (name: string, queue?: string) =>
  defineTask({
    name,
    role: 'dumper',
    ...(queue === undefined ? {} : { queue }),
    params: z.unknown(),
    retry: { attempts: 3, firstPauseMs: 100, maxPauseMs: 1_000 },
    undo: { none: 'nothing was changed' },
    run: async () => undefined,
  });
const tasks = new Map(
  [task('t'), task('dump', 'dump'), task('restore', 'restore'), task('upkeep', 'restore')].map((one) => [one.name, one]),
);
const kind = (tolerant: boolean) =>
  defineKind({
    name: 'k',
    title: 'k',
    role: 'dumper',
    params: z.unknown(),
    tolerant,
    columns: [],
    plan: async () => ({ summary: [], stages: [], expect: {}, data: null }),
    expand: (_plan, _stage, index) => [
      { id: `d${index}`, task: 'dump', params: null, placement: 'spool' },
      { id: `r${index}`, task: 'restore', params: null, placement: 'spool', after: `d${index}` },
    ],
    conclude: () => ({ ok: true }),
  });

const plain = fc.record({ count: fc.nat(4), concurrency: fc.integer({ min: 1, max: 3 }), chained: fc.boolean(), always: fc.boolean() }).map(
  ({ count, concurrency, chained, always }): StageSpec => ({
    name: 'plain',
    title: 'plain',
    concurrency,
    always,
    tasks: Array.from({ length: count }, (_, at) => ({
      id: `t${at}`,
      task: 't',
      params: null,
      placement: 'role' as const,
      ...(chained && at > 0 ? { after: `t${at - 1}` } : {}),
    })),
  }),
);
const bulk = fc.record({ count: fc.nat(6), concurrency: fc.integer({ min: 1, max: 4 }), upkeep: fc.boolean() }).map(
  ({ count, concurrency, upkeep }): StageSpec => ({
    name: 'bulk',
    title: 'bulk',
    concurrency,
    bulk: { count, params: null },
    ...(upkeep ? { upkeep: { task: 'upkeep', params: {}, everyMs: 2_000 } } : {}),
  }),
);
const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('end' as const),
      pick: fc.nat(),
      result: fc.constantFrom('ok', 'ok', 'ok', 'failed', 'fatal', 'cancelled'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('claim' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('time' as const), ms: fc.nat(40_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('ask' as const),
      intent: fc.constantFrom<Intent | 'resume'>('pause', 'drain', 'cancel', 'resume'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('spools' as const), spools: fc.subarray(['a', 'b']) }) },
);
const life = fc.record({
  stages: fc.array(fc.oneof(plain, bulk), { minLength: 1, maxLength: 4 }),
  tolerant: fc.boolean(),
  share: fc.integer({ min: 2, max: 5 }),
  events: fc.array(event, { maxLength: 60 }),
});

prop.prop([life], { numRuns: 300 })('the same snapshot gives the same decision, and a stored decision is not made again', async (given) => {
  const clock = new ManualClock();
  const store = memoryStore(clock);
  const plan: StoredPlan = {
    summary: [],
    findings: [],
    stages: given.stages,
    fingerprint: null,
    leases: [],
    expect: {},
    data: null,
    hash: 'h',
    madeAt: 0,
  };
  const now = clock.now();
  const first: OperationHeader = {
    id: 'op',
    kind: 'k',
    params: null,
    mode: 'run',
    owner: 'o',
    createdAt: now,
    updatedAt: now,
    startedAt: now,
    state: 'running',
    version: 0,
    stage: 0,
    stages: given.stages.map(({ name }) => ({ name, state: 'pending', cursor: 0, total: 0, done: 0, failed: 0, skipped: 0 })),
    counters: {},
    expect: {},
    spools: [],
  };
  await store.create(first);
  let spools = ['a', 'b'];
  const load = async (): Promise<OperationSnapshot> => (await store.load('op'))!;
  const input = (snapshot: OperationSnapshot): DecideInput => ({
    snapshot,
    plan,
    kind: kind(given.tolerant),
    tasks,
    now: clock.now(),
    share: given.share,
    spools: () => spools,
    chance: 0.5,
  });

  /** Decides as a scheduler does, and again, and after the commit once more. */
  async function settle(): Promise<Decision> {
    const snapshot = await load();
    const untouched = structuredClone(snapshot);
    const decision = decide(input(snapshot));
    expect(snapshot).toEqual(untouched);
    expect(decide(input(snapshot))).toEqual(decision);
    for (const job of decision.jobs) expect(job.state).toBe('queued');
    if (decision.changed) expect(await store.commit('op', decision.change)).toBe(true);
    const after = await load();
    for (const job of decision.jobs) expect(after.tasks.get(job.id)).toEqual(job);
    for (const waiting of after.tasks.values()) if (waiting.state === 'waiting') expect(after.tasks.has(waiting.after!)).toBe(true);
    const again = decide(input(after));
    expect({ changed: again.changed, jobs: again.jobs }).toEqual({ changed: false, jobs: [] });
    expect(again.concluding).toBe(decision.concluding);
    return decision;
  }

  for (const one of given.events) {
    const { concluding } = await settle();
    const snapshot = await load();
    if (concluding) {
      expect(snapshot.tasks.size).toBe(0);
      for (const stage of snapshot.header.stages) {
        expect(stage.done + stage.failed + stage.skipped).toBe(stage.total);
        expect(['done', 'failed', 'skipped']).toContain(stage.state);
      }
      return;
    }
    const queued = [...snapshot.tasks.values()].filter(({ state }) => state === 'queued');
    if (one.type === 'time') clock.advance(one.ms);
    else if (one.type === 'spools') spools = one.spools;
    else if (one.type === 'ask') {
      const { header } = snapshot;
      if (one.intent === 'resume') {
        if (header.intent === 'pause') delete header.intent;
      } else if (header.intent !== 'cancel' && (one.intent !== 'pause' || header.state === 'running')) header.intent = one.intent;
      await store.commit('op', { header });
    } else if (queued.length > 0) {
      const chosen = queued[one.pick % queued.length]!;
      const claim = await store.claim('op', chosen.id, chosen.round, 'w', clock.now());
      if (one.type === 'claim' || claim.claim !== 'yours') continue;
      const ended: Outcome = {
        round: chosen.round,
        generation: claim.generation,
        result: one.result === 'fatal' ? 'failed' : (one.result as Outcome['result']),
        startedAt: clock.now(),
        endedAt: clock.now(),
        tally: { row: { n: 1 } },
        count: { n: 1 },
      };
      if (ended.result === 'failed')
        ended.error = { code: 'LSH_X', message: 'm', fix: 'f', retryable: one.result === 'failed', exitCode: 1 };
      await store.finish('op', chosen.id, ended);
    }
  }
});
