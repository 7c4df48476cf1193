/** What every `Store` must do: each promise of `packages/core/src/ports.ts`, for the one in memory and the one on Redis alike. */
import type { Change, DoneRecord, LeaseRequest, OperationHeader, Outcome, Presence, Store, TaskRecord } from '@longshore/core';
import { EVENTS_KEPT, NOTES_KEPT } from '@longshore/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';

export interface OpenStore {
  store: Store;
  /** The same data through another connection, as another process has it. */
  other: Store;
  /** Lets some time go by where the clock stands still. */
  pass(): void;
  now(): number;
  close(): Promise<void>;
}

/** Streams are trimmed by whole nodes; so many more than the cap may be kept. */
const TRIM_SLACK = 200;

const T0 = 1_700_000_000_000;

function header(id: string, more: Partial<OperationHeader> = {}): OperationHeader {
  return {
    id,
    kind: 'test.kind',
    params: { list: [], text: 'größe "x"' },
    mode: 'run',
    owner: 'tester',
    createdAt: T0,
    updatedAt: T0,
    state: 'running',
    version: 0,
    stage: 0,
    stages: [],
    counters: {},
    expect: {},
    spools: [],
    ...more,
  };
}

function record(id: string, more: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id,
    task: 'test.task',
    params: { empty: [], nothing: null, nested: { a: [1] } },
    placement: 'role',
    stage: 0,
    role: 'dumper',
    queue: 'dumper',
    state: 'queued',
    round: 1,
    failures: 0,
    ...more,
  };
}

function outcome(generation: number, more: Partial<Outcome> = {}): Outcome {
  return { round: 1, generation, result: 'ok', startedAt: T0, endedAt: T0 + 1, ...more };
}

function presence(worker: string, seenAt: number): Presence {
  return { worker, role: 'dumper', host: 'h', pid: 1, startedAt: seenAt, seenAt, tasks: [], concurrency: 1, busy: 0, spools: ['a'] };
}

export function storeContract(name: string, open: () => Promise<OpenStore>): void {
  describe(`the store ${name}`, () => {
    let s: OpenStore;
    let store: Store;
    beforeEach(async () => {
      s = await open();
      ({ store } = s);
    });
    afterEach(() => s.close());

    /** Commits on what lies there now; the change must win. */
    async function commit(id: string, change: Omit<Change, 'header'>, more: Partial<OperationHeader> = {}): Promise<void> {
      const found = (await store.header(id))!;
      expect(await store.commit(id, { ...change, header: { ...found, ...more } })).toBe(true);
    }
    async function operation(id: string, tasks: TaskRecord[] = [], more: Partial<OperationHeader> = {}): Promise<void> {
      await store.create(header(id, more));
      if (tasks.length > 0) await commit(id, { put: tasks });
    }
    async function claimed(id: string, task: string, round = 1, worker = 'w'): Promise<number> {
      const claim = await store.claim(id, task, round, worker, T0);
      if (claim.claim !== 'yours') throw new Error(`the claim of ${task} was answered ${claim.claim}`);
      return claim.generation;
    }

    describe('create', () => {
      test('takes an id once and changes nothing the second time', async () => {
        expect(await store.create(header('a', { owner: 'first' }))).toEqual({ id: 'a', created: true });
        expect(await store.create(header('a', { owner: 'second' }))).toEqual({ id: 'a', created: false });
        expect(await store.header('a')).toEqual(header('a', { owner: 'first' }));
      });

      test('under one idempotency key gives the operation first created under it, also to parallel callers', async () => {
        const made = await Promise.all(
          ['a', 'b', 'c', 'd'].map((id, at) => (at % 2 === 0 ? store : s.other).create(header(id), 'key with spaces: ü')),
        );
        expect(made.filter(({ created }) => created)).toHaveLength(1);
        expect(new Set(made.map(({ id }) => id)).size).toBe(1);
        expect(await store.live()).toEqual([made[0]!.id]);
        expect(await store.create(header('e'), 'another key')).toEqual({ id: 'e', created: true });
      });

      test('what was never created is undefined, empty or false everywhere', async () => {
        expect(await store.load('no')).toBeUndefined();
        expect(await store.header('no')).toBeUndefined();
        expect(await store.plan('no')).toBeUndefined();
        expect(await store.done('no')).toEqual([]);
        expect(await store.report('no')).toEqual({ rows: {}, notes: [], notesDropped: 0 });
        expect(await store.commit('no', { header: header('no'), put: [record('t')], events: [{ at: T0, type: 'x', text: 'x' }] })).toBe(
          false,
        );
        expect(await store.load('no')).toBeUndefined();
        expect(await store.events('no', undefined, 10, 0)).toEqual([]);
        expect(await store.claim('no', 't', 1, 'w', T0)).toEqual({ claim: 'unwanted' });
        expect(await store.beat('no', 't', 1, T0)).toEqual({ state: 'superseded' });
        expect(await store.shut('no', 't', 1, { gate: 'space', reason: 'r', since: T0 })).toBe(false);
        expect(await store.finish('no', 't', outcome(1))).toBe(false);
        expect(await store.saveCheckpoint('no', 't', 1, 'x')).toBe(false);
        expect(await store.loadCheckpoint('no', 't')).toBeUndefined();
        expect(await store.load('no')).toBeUndefined();
      });

      test('what is read is a copy', async () => {
        await operation('a', [record('t')]);
        const snapshot = (await store.load('a'))!;
        snapshot.header.state = 'failed';
        snapshot.tasks.get('t')!.round = 99;
        snapshot.tasks.clear();
        expect((await store.load('a'))!.tasks.get('t')).toEqual(record('t'));
        expect((await store.header('a'))!.state).toBe('running');
      });
    });

    describe('commit', () => {
      test('of two racing ones exactly one wins, and nothing of the loser is there', async () => {
        await operation('a');
        const read = (await store.header('a'))!;
        const rivals = Array.from({ length: 6 }, (_, at) => String(at));
        const won = await Promise.all(
          rivals.map((rival, at) =>
            (at % 2 ? store : s.other).commit('a', {
              header: { ...read, owner: rival },
              put: [record(`t${rival}`)],
              done: [{ id: rival, task: 'x', stage: 0, result: 'ok', endedAt: T0 }],
              tally: [{ row: { column: 1 } }],
              notes: [{ level: 'info', text: rival }],
              events: [{ at: T0, type: 'note', text: rival }],
            }),
          ),
        );
        expect(won.filter(Boolean)).toHaveLength(1);
        const winner = rivals[won.indexOf(true)]!;
        const snapshot = (await store.load('a'))!;
        expect(snapshot.header).toEqual(header('a', { owner: winner, version: 1 }));
        expect([...snapshot.tasks.keys()]).toEqual([`t${winner}`]);
        expect((await store.done('a')).map(({ id }) => id)).toEqual([winner]);
        expect(await store.report('a')).toEqual({
          rows: { row: { column: 1 } },
          notes: [{ level: 'info', text: winner }],
          notesDropped: 0,
        });
        expect((await store.events('a', undefined, 10, 0)).map(({ text }) => text)).toEqual([winner]);
      });

      test('keeps every value as it was given: empty lists, null, unicode, numbers', async () => {
        const plan = {
          summary: ['ein „Plan“', ''],
          findings: [],
          stages: [{ name: 's', title: 't', concurrency: 1, tasks: [] }],
          fingerprint: null,
          leases: [],
          expect: { points: 9_007_199_254_740_991, half: 0.1 },
          data: { empty: [], deep: [[[]]], nul: null, text: '\u0000\u001f😀__proto__' },
          hash: 'h',
          madeAt: T0,
        };
        const done: DoneRecord = { id: 'x', task: 'y', stage: 1, result: 'ok', endedAt: T0, output: { list: [], n: 1e-7 } };
        await operation('a');
        await commit('a', { put: [record('t', { params: plan.data })], plan, done: [done] });
        expect(await store.plan('a')).toEqual(plan);
        expect(await store.done('a')).toEqual([done]);
        expect((await store.load('a'))!.tasks.get('t')).toEqual(record('t', { params: plan.data }));
      });

      test('a done record written again replaces the first', async () => {
        await operation('a');
        await commit('a', { done: [{ id: 'x', task: 'y', stage: 1, result: 'failed', endedAt: T0 }] });
        await commit('a', { done: [{ id: 'x', task: 'y', stage: 1, result: 'ok', endedAt: T0 + 1 }] });
        expect(await store.done('a')).toEqual([{ id: 'x', task: 'y', stage: 1, result: 'ok', endedAt: T0 + 1 }]);
        expect(await store.done('a', 'x')).toEqual(await store.done('a'));
        expect(await store.done('a', 'y')).toEqual([]);
      });

      test('a dropped task loses its record, attempt, outcome, checkpoint and gate, and another nothing', async () => {
        await operation('a', [record('t'), record('keep')]);
        for (const task of ['t', 'keep']) {
          const generation = await claimed('a', task);
          await store.beat('a', task, generation, T0 + 5, { done: 1, unit: 'points' });
          await store.saveCheckpoint('a', task, generation, `checkpoint of ${task}`);
          await store.shut('a', task, generation, { gate: 'space', reason: 'full', since: T0 });
          expect(await store.finish('a', task, outcome(generation))).toBe(true);
        }
        await commit('a', { drop: ['t', 'never there'] });
        const snapshot = (await store.load('a'))!;
        for (const map of [snapshot.tasks, snapshot.attempts, snapshot.outcomes]) expect([...map.keys()]).toEqual(['keep']);
        expect(await store.loadCheckpoint('a', 't')).toBeUndefined();
        expect(await store.loadCheckpoint('a', 'keep')).toBe('checkpoint of keep');
        // Made anew, it knows nothing of its earlier life.
        await commit('a', { put: [record('t')] });
        const again = await store.claim('a', 't', 1, 'w', T0);
        expect(again).toMatchObject({ claim: 'yours', generation: 3 });
        expect((await store.load('a'))!.attempts.get('t')).toEqual({ round: 1, generation: 3, worker: 'w', startedAt: T0, seenAt: T0 });
      });

      test('a task dropped and put in one change is a new one', async () => {
        await operation('a', [record('t', { params: 'old' })]);
        const generation = await claimed('a', 't');
        await store.saveCheckpoint('a', 't', generation, 'old');
        await store.finish('a', 't', outcome(generation));
        await commit('a', { drop: ['t'], put: [record('t', { params: 'new' })] });
        const snapshot = (await store.load('a'))!;
        expect(snapshot.tasks.get('t')).toEqual(record('t', { params: 'new' }));
        expect(snapshot.attempts.size + snapshot.outcomes.size).toBe(0);
        expect(await store.loadCheckpoint('a', 't')).toBeUndefined();
        expect(await store.finish('a', 't', outcome(generation))).toBe(false);
      });

      test('a task put again for another round keeps its checkpoint and gate', async () => {
        await operation('a', [record('t')]);
        const generation = await claimed('a', 't');
        await store.saveCheckpoint('a', 't', generation, 'half');
        await store.shut('a', 't', generation, { gate: 'sink', reason: 'slow', since: T0 });
        await commit('a', { put: [record('t', { round: 2, failures: 1 })] });
        expect(await store.loadCheckpoint('a', 't')).toBe('half');
        expect((await store.load('a'))!.attempts.get('t')!.gate).toEqual({ gate: 'sink', reason: 'slow', since: T0 });
      });

      test('takes a large change whole', async () => {
        await operation('a');
        const many = Array.from({ length: 3_000 }, (_, at) => at);
        await commit('a', {
          put: many.map((at) => record(`t${at}`)),
          tally: many.map((at) => ({ [`row${at}`]: { points: at } })),
          events: many.map((at) => ({ at: T0, type: 'note', text: String(at) })),
        });
        expect((await store.load('a'))!.tasks.size).toBe(3_000);
        expect((await store.report('a')).rows.row2999).toEqual({ points: 2_999 });
        await commit('a', { drop: many.map((at) => `t${at}`) });
        expect((await store.load('a'))!.tasks.size).toBe(0);
      });
    });

    describe('claim', () => {
      test('gives the task, the header and a generation, and shows the attempt', async () => {
        await operation('a', [record('t')]);
        expect(await store.claim('a', 't', 1, 'worker with spaces 1', T0 + 7)).toEqual({
          claim: 'yours',
          generation: 1,
          task: record('t'),
          header: header('a', { version: 1 }),
        });
        expect([...(await store.load('a'))!.attempts]).toEqual([
          ['t', { round: 1, generation: 1, worker: 'worker with spaces 1', startedAt: T0 + 7, seenAt: T0 + 7 }],
        ]);
      });

      test('refuses what is unknown, of another round, or not queued', async () => {
        await operation('a', [record('t', { round: 2 }), record('later', { state: 'waiting', after: 't' })]);
        expect(await store.claim('a', 'nobody', 1, 'w', T0)).toEqual({ claim: 'unwanted' });
        expect(await store.claim('a', 't', 1, 'w', T0)).toEqual({ claim: 'unwanted' });
        expect(await store.claim('a', 't', 3, 'w', T0)).toEqual({ claim: 'unwanted' });
        expect(await store.claim('a', 'later', 1, 'w', T0)).toEqual({ claim: 'unwanted' });
        expect((await store.load('a'))!.attempts.size).toBe(0);
        expect(await claimed('a', 't', 2)).toBe(1);
      });

      test('says that a round has ended, and takes the next round all the same', async () => {
        await operation('a', [record('t')]);
        await store.finish('a', 't', outcome(await claimed('a', 't'), { result: 'failed' }));
        expect(await store.claim('a', 't', 1, 'w', T0)).toEqual({ claim: 'ended' });
        await commit('a', { put: [record('t', { round: 2 })] });
        expect(await claimed('a', 't', 2)).toBe(2);
      });

      test.each(['pause', 'cancel'] as const)(
        'is unwanted while the intent is %s; a round that has ended still says so',
        async (intent) => {
          await operation('a', [record('t'), record('ended')]);
          await store.finish('a', 'ended', outcome(await claimed('a', 'ended')));
          await commit('a', {}, { intent });
          expect(await store.claim('a', 't', 1, 'w', T0)).toEqual({ claim: 'unwanted' });
          expect(await store.claim('a', 'ended', 1, 'w', T0)).toEqual({ claim: 'ended' });
          const found = (await store.header('a'))!;
          delete found.intent;
          expect(await store.commit('a', { header: found })).toBe(true);
          expect(await claimed('a', 't')).toBe(2);
        },
      );

      test('is given while the intent is drain', async () => {
        await operation('a', [record('t')]);
        await commit('a', {}, { intent: 'drain' });
        expect(await claimed('a', 't')).toBe(1);
      });

      test('generations only grow, over all tasks and over parallel claims of one', async () => {
        await operation('a', [record('t'), record('u')]);
        const claims = await Promise.all(
          Array.from({ length: 12 }, (_, at) => (at % 2 ? store : s.other).claim('a', at % 3 ? 't' : 'u', 1, `w${at}`, T0)),
        );
        const generations = claims.map((claim) => (claim.claim === 'yours' ? claim.generation : 0));
        expect(generations.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, at) => at + 1));
        const last = Math.max(...generations.filter((_, at) => at % 3 !== 0));
        expect((await store.load('a'))!.attempts.get('t')!.generation).toBe(last);
      });
    });

    describe('an attempt', () => {
      test('is told to go on, what is wanted, and when another has taken over', async () => {
        await operation('a', [record('t')]);
        const first = await claimed('a', 't');
        expect(await store.beat('a', 't', first, T0 + 10, { done: 3, total: 4, unit: 'points' })).toEqual({ state: 'go' });
        expect((await store.load('a'))!.attempts.get('t')).toMatchObject({
          seenAt: T0 + 10,
          progress: { done: 3, total: 4, unit: 'points' },
        });
        for (const intent of ['pause', 'drain', 'cancel'] as const) {
          await commit('a', {}, { intent });
          expect(await store.beat('a', 't', first, T0 + 11)).toEqual({ state: 'go', intent });
        }
        await commit('a', {}, { intent: 'drain' });
        const second = await claimed('a', 't', 1, 'w2');
        expect(await store.beat('a', 't', first, T0 + 99, { done: 4, unit: 'points' })).toEqual({ state: 'superseded' });
        expect((await store.load('a'))!.attempts.get('t')).toEqual({
          round: 1,
          generation: second,
          worker: 'w2',
          startedAt: T0,
          seenAt: T0,
        });
      });

      test('that was superseded can write nothing', async () => {
        await operation('a', [record('t')]);
        const old = await claimed('a', 't');
        await store.saveCheckpoint('a', 't', old, 'first');
        const now = await claimed('a', 't');
        expect(await store.saveCheckpoint('a', 't', old, 'zombie')).toBe(false);
        expect(await store.shut('a', 't', old, { gate: 'space', reason: 'zombie', since: T0 })).toBe(false);
        expect(await store.finish('a', 't', outcome(old))).toBe(false);
        expect(await store.loadCheckpoint('a', 't')).toBe('first');
        expect(await store.saveCheckpoint('a', 't', now, 'second')).toBe(true);
        expect(await store.loadCheckpoint('a', 't')).toBe('second');
        expect(await store.finish('a', 't', outcome(now))).toBe(true);
      });

      test('of a dropped task can write nothing', async () => {
        await operation('a', [record('t')]);
        const generation = await claimed('a', 't');
        await commit('a', { drop: ['t'] });
        expect(await store.beat('a', 't', generation, T0)).toEqual({ state: 'superseded' });
        expect(await store.saveCheckpoint('a', 't', generation, 'x')).toBe(false);
        expect(await store.shut('a', 't', generation, { gate: 'space', reason: 'x', since: T0 })).toBe(false);
        expect(await store.finish('a', 't', outcome(generation))).toBe(false);
        expect(await store.loadCheckpoint('a', 't')).toBeUndefined();
      });

      test('waiting at the same gate keeps since when, at another one not; progress opens it', async () => {
        await operation('a', [record('t')]);
        const gate = async () => (await store.load('a'))!.attempts.get('t')!.gate;
        const first = await claimed('a', 't');
        expect(await store.shut('a', 't', first, { gate: 'space', reason: 'full "disk"\n', since: T0 })).toBe(true);
        expect(await gate()).toEqual({ gate: 'space', reason: 'full "disk"\n', since: T0 });
        expect((await store.load('a'))!.attempts.get('t')!.seenAt).toBe(0);
        const second = await claimed('a', 't');
        expect(await gate()).toMatchObject({ since: T0 });
        await store.shut('a', 't', second, { gate: 'space', reason: 'still full', since: T0 + 50 });
        expect(await gate()).toEqual({ gate: 'space', reason: 'still full', since: T0 });
        await store.shut('a', 't', second, { gate: 'sink', reason: 'slow', since: T0 + 60 });
        expect(await gate()).toEqual({ gate: 'sink', reason: 'slow', since: T0 + 60 });
        const third = await claimed('a', 't');
        await store.beat('a', 't', third, T0 + 70);
        expect(await gate()).toBeDefined();
        await store.beat('a', 't', third, T0 + 70, { done: 1, unit: 'points' });
        expect(await gate()).toBeUndefined();
        await store.shut('a', 't', third, { gate: 'sink', reason: 'slow', since: T0 + 80 });
        expect(await gate()).toMatchObject({ since: T0 + 80 });
      });

      test('finishes only in the round that is wanted', async () => {
        await operation('a', [record('t')]);
        const generation = await claimed('a', 't');
        expect(await store.finish('a', 't', outcome(generation, { round: 2 }))).toBe(false);
        await commit('a', { put: [record('t', { round: 2 })] });
        expect(await store.finish('a', 't', outcome(generation))).toBe(false);
        expect((await store.load('a'))!.outcomes.size).toBe(0);
      });

      test('its outcome is kept as it was given', async () => {
        await operation('a', [record('t')]);
        const ended = outcome(await claimed('a', 't'), {
          output: { list: [], n: null },
          followers: 'skip',
          tally: { row: { points: 1 } },
          notes: [{ level: 'warning', row: 'm', text: '…' }],
          count: { retries: 2 },
          emit: [{ name: 's', title: 't', concurrency: 1, tasks: [] }],
          error: { code: 'LSH_X', message: 'm', fix: 'f', retryable: false, exitCode: 1 },
        });
        await store.finish('a', 't', ended);
        expect((await store.load('a'))!.outcomes.get('t')).toEqual(ended);
      });

      test('a task may have any name', async () => {
        const names = ['t:x', '__proto__', 'constructor', 'mit leerzeichen', '😀', 'a\u001fb', 'header', 'o:t', '{tag}', '%d+'];
        await operation(
          'a',
          names.map((task) => record(task)),
        );
        for (const task of names) {
          const generation = await claimed('a', task);
          expect(await store.saveCheckpoint('a', task, generation, task)).toBe(true);
          expect(await store.finish('a', task, outcome(generation))).toBe(true);
        }
        const snapshot = (await store.load('a'))!;
        expect([...snapshot.tasks.keys()].sort()).toEqual(names.toSorted());
        expect([...snapshot.outcomes.keys()].sort()).toEqual(names.toSorted());
        for (const task of names) expect(await store.loadCheckpoint('a', task)).toBe(task);
        await commit('a', { drop: names });
        expect((await store.load('a'))!.tasks.size).toBe(0);
      });
    });

    describe('the report', () => {
      test('adds tallies up under any row name', async () => {
        const names = ['m', '__proto__', 'constructor', 'größe😀', 'a\u001fb', 'a\u001f', '\u001f', ' ', 'a:b{c}', '\u0000'];
        const tally = JSON.parse(`{${names.map((row) => `${JSON.stringify(row)}:{"points":2,"missing":-1,"__proto__":4}`).join(',')}}`);
        await operation('a');
        await commit('a', { tally: [tally, tally] });
        await commit('a', { tally: [tally, { m: { points: 9_007_199_254_740_000 } }] });
        const { rows } = await store.report('a');
        expect(Object.keys(rows).sort()).toEqual(names.toSorted());
        for (const row of names) {
          const values = Object.entries(rows[row]!).sort();
          expect(values).toEqual([
            ['__proto__', 12],
            ['missing', -3],
            ['points', row === 'm' ? 9_007_199_254_740_006 : 6],
          ]);
        }
        expect(Object.keys(Object.prototype)).toEqual([]);
      });

      test('takes an outcome in once, however many try', async () => {
        await operation('a', [record('t')]);
        await store.finish('a', 't', outcome(await claimed('a', 't'), { tally: { m: { points: 5 } } }));
        const takeIn = async (through: Store): Promise<boolean> => {
          const found = (await through.load('a'))!;
          const ended = found.outcomes.get('t');
          return ended ? through.commit('a', { header: found.header, drop: ['t'], tally: [ended.tally!] }) : false;
        };
        const took = await Promise.all(Array.from({ length: 8 }, (_, at) => takeIn(at % 2 ? store : s.other)));
        expect(took.filter(Boolean)).toHaveLength(1);
        expect((await store.report('a')).rows).toEqual({ m: { points: 5 } });
      });

      test('keeps so many notes and counts the rest', async () => {
        await operation('a');
        const notes = Array.from({ length: NOTES_KEPT - 10 }, (_, at) => ({ level: 'info' as const, row: 'm', text: String(at) }));
        await commit('a', { notes });
        await commit('a', { notes: notes.slice(0, 30) });
        await commit('a', { notes: notes.slice(0, 5) });
        const report = await store.report('a');
        expect(report.notes).toHaveLength(NOTES_KEPT);
        expect(report.notes[0]).toEqual({ level: 'info', row: 'm', text: '0' });
        expect(report.notes.at(-1)!.text).toBe('9');
        expect(report.notesDropped).toBe(25);
      });
    });

    describe('events', () => {
      const event = (text: string) => ({ at: T0, type: 'note', text, data: { list: [] } });

      test('come in order, after an id, so many at a time', async () => {
        await operation('a');
        await operation('b');
        await store.addEvent('a', event('1'));
        await store.addEvent('b', event('of another'));
        await commit('a', { events: [event('2'), event('3')] });
        await store.addEvent('a', event('4'));
        const all = await store.events('a', undefined, 100, 0);
        expect(all.map(({ id: _, ...rest }) => rest)).toEqual(['1', '2', '3', '4'].map(event));
        expect(new Set(all.map(({ id }) => id)).size).toBe(4);
        expect((await store.events('a', undefined, 2, 0)).map(({ text }) => text)).toEqual(['1', '2']);
        expect((await store.events('a', all[1]!.id, 100, 0)).map(({ text }) => text)).toEqual(['3', '4']);
        expect(await store.events('a', all[3]!.id, 100, 0)).toEqual([]);
      });

      test('wake a waiting reader, by whatever way they come', async () => {
        await operation('a');
        const ways = [() => s.other.addEvent('a', event('x')), () => commit('a', { events: [event('x')] })];
        let after: string | undefined;
        for (const way of [...ways, ...ways]) {
          const reading: Promise<{ id: string; text: string }[]> = store.events('a', after, 10, 600_000);
          await way();
          const read = await reading;
          expect(read.map(({ text }) => text)).toEqual(['x']);
          after = read[0]!.id;
        }
      });

      test('a reader is not woken into nothing by events of others', async () => {
        await operation('a');
        await operation('b');
        const reading = store.events('a', undefined, 10, 600_000);
        await s.other.addEvent('b', event('of another'));
        await s.other.addEvent('b', event('of another'));
        await s.other.addEvent('a', event('mine'));
        expect((await reading).map(({ text }) => text)).toEqual(['mine']);
      });

      test('a waiting reader ends when its signal is aborted, before or meanwhile, or its time is over', async () => {
        await operation('a');
        expect(await store.events('a', undefined, 10, 600_000, AbortSignal.abort())).toEqual([]);
        const abort = new AbortController();
        const reading = store.events('a', undefined, 10, 600_000, abort.signal);
        abort.abort();
        expect(await reading).toEqual([]);
        let ended = false;
        const short = store.events('a', undefined, 10, 40).then(() => {
          ended = true;
        });
        await until(
          () => ended,
          'the reader gave up',
          () => s.pass(),
        );
        await short;
      });

      test('are capped: the oldest go', async () => {
        await operation('a');
        const many = EVENTS_KEPT + TRIM_SLACK + 300;
        for (let from = 0; from < many; from += 500)
          await commit('a', { events: Array.from({ length: Math.min(500, many - from) }, (_, at) => event(String(from + at))) });
        const kept = await store.events('a', undefined, many, 0);
        expect(kept.length).toBeGreaterThanOrEqual(EVENTS_KEPT);
        expect(kept.length).toBeLessThanOrEqual(EVENTS_KEPT + TRIM_SLACK);
        expect(kept.at(-1)!.text).toBe(String(many - 1));
        expect(kept[0]!.text).toBe(String(many - kept.length));
      });

      test('of an operation that is gone leave nothing behind', async () => {
        await operation('a');
        await store.remove('a');
        await store.addEvent('a', event('late'));
        await operation('a');
        expect(await store.events('a', undefined, 10, 0)).toEqual([]);
      });
    });

    describe('lists', () => {
      async function pages(query: Omit<Parameters<Store['list']>[0], 'limit'>, limit: number): Promise<string[][]> {
        const all: string[][] = [];
        let after: string | undefined;
        do {
          const { operations, next } = await store.list({ ...query, limit, ...(after === undefined ? {} : { after }) });
          all.push(operations.map(({ id }) => id));
          after = next;
        } while (after !== undefined);
        return all;
      }

      test('newest first, page by page, without a last empty page', async () => {
        for (let at = 0; at < 6; at += 1) await operation(`op${at}`, [], { createdAt: T0 + Math.floor(at / 2) });
        const order = ['op5', 'op4', 'op3', 'op2', 'op1', 'op0'];
        expect(await pages({}, 100)).toEqual([order]);
        expect(await pages({}, 6)).toEqual([order]);
        expect(await pages({}, 3)).toEqual([order.slice(0, 3), order.slice(3)]);
        expect(await pages({}, 4)).toEqual([order.slice(0, 4), order.slice(4)]);
      });

      test('filter by state and kind across many that do not match', async () => {
        const total = 450;
        for (let at = 0; at < total; at += 1) {
          const state = at % 150 === 0 ? 'failed' : 'running';
          await operation(`op${String(at).padStart(3, '0')}`, [], { createdAt: T0 + at, state, kind: at < 300 ? 'old' : 'new' });
        }
        expect(await pages({ states: ['failed'] }, 2)).toEqual([['op300', 'op150'], ['op000']]);
        expect(await pages({ states: ['failed', 'succeeded'], kind: 'old' }, 2)).toEqual([['op150', 'op000']]);
        expect(await pages({ states: [] }, 2)).toEqual([[]]);
        expect((await pages({ kind: 'new' }, 60)).map((page) => page.length)).toEqual([60, 60, 30]);
        const { operations } = await store.list({ states: ['failed'], limit: 1 });
        expect(operations[0]).toEqual(header('op300', { createdAt: T0 + 300, state: 'failed', kind: 'new' }));
      });

      test('live ones are those not final, oldest first; a reverted final one is live again', async () => {
        await operation('young', [], { createdAt: T0 + 2 });
        await operation('old', [], { createdAt: T0 });
        await operation('middle', [], { createdAt: T0 + 1 });
        expect(await store.live()).toEqual(['old', 'middle', 'young']);
        await commit('middle', {}, { state: 'succeeded' });
        expect(await s.other.live()).toEqual(['old', 'young']);
        await commit('old', {}, { state: 'needs-attention' });
        await commit('middle', {}, { state: 'reverting' });
        expect(await store.live()).toEqual(['old', 'middle', 'young']);
      });

      test('a plan that nobody has started is not live, until somebody starts it or wants it gone', async () => {
        await operation('a', [], { mode: 'plan' });
        expect(await store.live()).toEqual(['a']);
        await commit('a', {}, { state: 'planned' });
        expect(await s.other.live()).toEqual([]);
        await commit('a', {}, { intent: 'cancel' });
        expect(await s.other.live()).toEqual(['a']);
        await operation('b', [], { state: 'planned', mode: 'plan', createdAt: T0 + 1 });
        await commit('b', {}, { mode: 'run' });
        expect(await store.live()).toEqual(['a', 'b']);
      });

      test('a removed operation is gone with all it had', async () => {
        await operation('a', [record('t')]);
        await store.finish('a', 't', outcome(await claimed('a', 't')));
        await commit('a', {
          tally: [{ m: { points: 1 } }],
          notes: [{ level: 'info', text: 'n' }],
          done: [{ id: 'x', task: 'y', stage: 0, result: 'ok', endedAt: T0 }],
          events: [{ at: T0, type: 'note', text: 'x' }],
        });
        await store.remove('a');
        await store.remove('a');
        expect(await store.load('a')).toBeUndefined();
        expect(await store.live()).toEqual([]);
        expect(await store.list({ limit: 5 })).toEqual({ operations: [] });
        await operation('a');
        expect(await store.report('a')).toEqual({ rows: {}, notes: [], notesDropped: 0 });
        expect(await store.done('a')).toEqual([]);
        expect((await store.load('a'))!.tasks.size).toBe(0);
      });
    });

    describe('leases', () => {
      const lease = (target: string, scope = ''): LeaseRequest => ({ target, scope });
      async function tokens(id: string, wanted: LeaseRequest[], now = T0): Promise<number[]> {
        const got = await store.acquireLeases(id, wanted, now);
        if ('heldBy' in got) throw new Error(`held by ${got.heldBy}`);
        return got.tokens;
      }

      test('conflict when one scope begins with the other, both ways; otherwise not', async () => {
        await tokens('a', [lease('sink', 'kilda.flow')]);
        const held = { heldBy: 'a', target: 'sink', scope: 'kilda.flow' };
        for (const scope of ['kilda.flow', 'kilda', '', 'kilda.flow.bytes'])
          expect(await store.acquireLeases('b', [lease('sink', scope)], T0)).toEqual(held);
        await tokens('b', [lease('sink', 'kilda.isl'), lease('source', 'kilda.flow'), lease('sink', 'kilda.flex')]);
        expect(await store.acquireLeases('c', [lease('sink', '')], T0)).toMatchObject({ target: 'sink' });
        // Scopes are text, not patterns.
        await tokens('c', [lease('t', 'a.b%d')]);
        await tokens('d', [lease('t', 'axb'), lease('t', 'größe')]);
        expect(await store.acquireLeases('e', [lease('t', 'größe.x')], T0)).toMatchObject({ heldBy: 'd' });
      });

      test('are given all or none, and none of a wish for nothing', async () => {
        await tokens('a', [lease('one')]);
        expect(await store.acquireLeases('b', [lease('two'), lease('one')], T0)).toEqual({ heldBy: 'a', target: 'one', scope: '' });
        await tokens('c', [lease('two')]);
        expect(await store.acquireLeases('d', [], T0)).toEqual({ tokens: [] });
      });

      test('of the operation itself are no conflict and keep their tokens', async () => {
        const [first] = await tokens('a', [lease('one', 'x')]);
        const again = await tokens('a', [lease('one', 'x'), lease('one', 'xy'), lease('one', 'x')], T0 + 500);
        expect(again[0]).toBe(first);
        expect(again[2]).toBe(first);
        expect(again[1]).toBeGreaterThan(first!);
        const [twice, same] = await tokens('b', [lease('two'), lease('two')]);
        expect(same).toBe(twice);
      });

      test('have tokens that only grow, also when the time goes backwards, and are not below the time', async () => {
        const given: number[] = [];
        for (const now of [T0, T0 - 10_000, T0 + 5, 0, T0 + 5, T0 + 1_000_000])
          given.push(...(await tokens(`op${given.length}`, [lease(`t${given.length}`), lease(`u${given.length}`)], now)));
        expect(given).toEqual([...new Set(given)].sort((a, b) => a - b));
        expect(given[0]).toBe(T0);
        expect(given.at(-2)).toBe(T0 + 1_000_000);
      });

      test('are free when released, only those of that operation', async () => {
        const [before] = await tokens('a', [lease('one'), lease('two')]);
        await tokens('ab', [lease('three')]);
        await store.releaseLeases('a');
        await store.releaseLeases('a');
        const [after] = await tokens('c', [lease('one')], T0 - 1);
        expect(after).toBeGreaterThan(before!);
        expect(await store.acquireLeases('c', [lease('three')], T0)).toMatchObject({ heldBy: 'ab' });
      });

      test('go to one of many that ask at once', async () => {
        const got = await Promise.all(
          Array.from({ length: 10 }, (_, at) => (at % 2 ? store : s.other).acquireLeases(`op${at}`, [lease('x', 'p'.repeat(at))], T0)),
        );
        expect(got.filter((one) => 'tokens' in one)).toHaveLength(1);
      });
    });

    describe('room in a spool', () => {
      const capacity = { bytes: 1_000, inodes: 10 };

      test('is never given away above the capacity, however many ask at once', async () => {
        const asked = await Promise.all(
          Array.from({ length: 30 }, (_, at) => (at % 2 ? store : s.other).reserve('s', `h${at}`, { bytes: 90 + at, inodes: 1 }, capacity)),
        );
        const held = await store.reservations('s');
        expect(held).toHaveLength(asked.filter(({ ok }) => ok).length);
        expect(held.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(capacity.bytes);
        expect(held.reduce((sum, { inodes }) => sum + inodes, 0)).toBeLessThanOrEqual(capacity.inodes);
        expect(held.length).toBeGreaterThanOrEqual(8);
      });

      test('counts inodes as it counts bytes, replaces what the holder held, and tells of the others', async () => {
        expect(await store.reserve('s', 'a', { bytes: 600, inodes: 9 }, capacity)).toEqual({
          ok: true,
          others: { bytes: 0, inodes: 0, holders: 0 },
        });
        expect(await store.reserve('s', 'b', { bytes: 1, inodes: 2 }, capacity)).toEqual({
          ok: false,
          others: { bytes: 600, inodes: 9, holders: 1 },
        });
        expect((await store.reserve('s', 'a', { bytes: 900, inodes: 2 }, capacity)).ok).toBe(true);
        expect((await store.reserve('s', 'a', { bytes: 2_000, inodes: 2 }, capacity)).ok).toBe(false);
        expect(await store.reservations('s')).toEqual([{ holder: 'a', bytes: 900, inodes: 2 }]);
        expect((await store.reserve('s', 'b', { bytes: 100, inodes: 8 }, capacity)).ok).toBe(true);
        expect((await store.reserve('other', 'b', { bytes: 1_000, inodes: 10 }, capacity)).ok).toBe(true);
        await store.releaseReservation('s', 'a');
        await store.releaseReservation('s', 'nobody');
        expect(await store.reservations('s')).toEqual([{ holder: 'b', bytes: 100, inodes: 8 }]);
      });

      test('is counted in whole numbers, also very large ones', async () => {
        const large = { bytes: 8 * 2 ** 40, inodes: 4e9 };
        expect((await store.reserve('s', 'a', { bytes: 4 * 2 ** 40 + 0.4, inodes: 1.2 }, large)).ok).toBe(true);
        expect(await store.reserve('s', 'b', { bytes: 4 * 2 ** 40 + 1, inodes: 1 }, large)).toEqual({
          ok: false,
          others: { bytes: 4 * 2 ** 40, inodes: 1, holders: 1 },
        });
        expect((await store.reserve('s', 'b', { bytes: 4 * 2 ** 40, inodes: 1 }, large)).ok).toBe(true);
      });
    });

    describe('small shared things', () => {
      test('permits: so many at once, renewed by their holder, free after their time or when dropped', async () => {
        const took = await Promise.all(Array.from({ length: 9 }, (_, at) => s.other.takePermit('p', `h${at}`, 3, T0, 1_000)));
        expect(took.filter(Boolean)).toHaveLength(3);
        const holders = took.flatMap((ok, at) => (ok ? [`h${at}`] : []));
        expect(await store.takePermit('p', holders[0]!, 3, T0 + 500, 1_000)).toBe(true);
        expect(await store.takePermit('p', 'new', 3, T0 + 999, 1_000)).toBe(false);
        expect(await store.takePermit('p', 'new', 3, T0 + 1_000, 1_000)).toBe(true);
        expect(await store.takePermit('p', 'newer', 3, T0 + 1_000, 1_000)).toBe(true);
        expect(await store.takePermit('p', 'newest', 3, T0 + 1_000, 1_000)).toBe(false);
        await store.dropPermit('p', 'new');
        await store.dropPermit('p', 'nobody');
        expect(await store.takePermit('p', 'newest', 3, T0 + 1_000, 1_000)).toBe(true);
        expect(await store.takePermit('another', 'newest', 1, T0, 1_000)).toBe(true);
        // A limit that fell takes nothing away from who holds a place.
        expect(await store.takePermit('p', 'newest', 1, T0 + 1_001, 1_000)).toBe(true);
        expect(await store.takePermit('p', 'late', 1, T0 + 1_001, 1_000)).toBe(false);
      });

      test('shared values are what was last set', async () => {
        expect(await store.getShared('k')).toBeUndefined();
        await store.setShared('k', '1');
        await s.other.setShared('k', '');
        expect(await store.getShared('k')).toBe('');
        await store.setShared('__proto__', 'x');
        expect(await s.other.getShared('__proto__')).toBe('x');
      });

      test('workers are known while they say so', async () => {
        expect(await store.workers()).toEqual([]);
        await store.announce(presence('w2', s.now()), 600_000);
        await store.announce(presence('w1', s.now()), 600_000);
        await store.announce({ ...presence('w1', s.now()), busy: 1 }, 600_000);
        await store.announce(presence('w3', s.now()), 30);
        expect((await s.other.workers()).map(({ worker, busy }) => [worker, busy]).slice(0, 2)).toEqual([
          ['w1', 1],
          ['w2', 0],
        ]);
        await until(
          async () => (await store.workers()).length === 2,
          'the silent worker was forgotten',
          () => s.pass(),
        );
        await store.leave('w1');
        await store.leave('nobody');
        expect((await store.workers()).map(({ worker }) => worker)).toEqual(['w2']);
        await store.announce(presence('w3', s.now()), 600_000);
        expect((await store.workers()).map(({ worker }) => worker)).toEqual(['w2', 'w3']);
      });

      test('a worker that says so only once is forgotten too', async () => {
        await store.announce(presence('w', s.now()), 30);
        await until(
          async () => (await store.workers()).length === 0,
          'the silent worker was forgotten',
          () => s.pass(),
        );
      });

      test('spools are kept until dropped', async () => {
        await store.putSpool({ name: 'b', path: '/b', host: 'h' });
        await store.putSpool({ name: 'a', path: '/a', host: 'h', quotaBytes: 5 });
        await store.putSpool({ name: 'b', path: '/c', host: 'h' });
        expect((await s.other.spools()).sort((x, y) => (x.name < y.name ? -1 : 1))).toEqual([
          { name: 'a', path: '/a', host: 'h', quotaBytes: 5 },
          { name: 'b', path: '/c', host: 'h' },
        ]);
        await store.dropSpool('b');
        await store.dropSpool('b');
        expect((await store.spools()).map(({ name }) => name)).toEqual(['a']);
      });
    });
  });
}
