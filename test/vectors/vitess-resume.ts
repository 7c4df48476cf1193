/**
 * The recorded cases of the original going on with an operation that is half done, with the real engine on what then lies in its store.
 * On purpose otherwise: the output of a task that failed is kept; ids go on from the highest given, so that none is given twice; an
 * operation that is over is looked at no more (the original keeps it among the active ones for ever); a task of no known sort is not begun, so
 * it is its operation that ends with the error.
 */
import type { ErrorData, OperationHeader, StageState, StoredPlan, TaskRecord } from '@longshore/core';
import { expect } from 'vitest';
import type { Harness } from '../../packages/operations/test/engine.ts';
import { harness } from '../../packages/operations/test/engine.ts';
import type { Script, VectorOperation, VectorTask } from './vitess-scripted.ts';
import { called, KIND, problem, scripted, shown, specOf, stageOf } from './vitess-scripted.ts';
import type { Resume } from './vitess-shapes.ts';

type Case = Resume['cases'][number];

const tasksOf = ({ serial_tasks }: VectorOperation): VectorTask[] => serial_tasks.flatMap(({ parallel_tasks }) => parallel_tasks);
const failure = (message: string): ErrorData => ({ code: 'LSH_VECTOR', message, fix: 'none', retryable: false, exitCode: 1 });
const DEAD_MS = 60_000;

/** Puts the operation into the store as it lay there when its scheduler and its workers died. */
async function stored(h: Harness, before: VectorOperation): Promise<string> {
  const id = `op_${before.id}`;
  const now = h.clock.now();
  const error = tasksOf(before).find((task) => task.error !== '')?.error;
  const states = before.serial_tasks.map(({ parallel_tasks: tasks }, at): StageState => {
    const begun = tasks.filter(({ state }) => state !== 'NOT_STARTED').length;
    const done = tasks.filter((task) => task.state === 'DONE' && task.error === '').length;
    const failed = tasks.filter((task) => task.state === 'DONE').length - done;
    const state = begun === 0 ? 'pending' : failed > 0 ? 'failed' : done === tasks.length ? 'done' : 'running';
    return { name: `container ${at}`, state, cursor: begun, total: begun === 0 ? 0 : tasks.length, done, failed, skipped: 0 };
  });
  const stage = states.findIndex(({ state }) => state === 'running' || state === 'pending');
  const header: OperationHeader = {
    id,
    kind: KIND,
    params: { containers: [] },
    mode: 'run',
    owner: 'tester',
    createdAt: now,
    updatedAt: now,
    startedAt: now,
    state: 'running',
    version: 0,
    stage,
    stages: states,
    counters: {},
    expect: {},
    spools: [],
    planHash: 'as it was',
    leases: [],
    ...(error === undefined ? {} : { ending: 'failed' as const, error: failure(error) }),
    ...(before.state === 'CLUSTER_OPERATION_DONE' ? { state: 'succeeded' as const, endedAt: now } : {}),
  };
  const plan: StoredPlan = {
    summary: [],
    findings: [],
    stages: before.serial_tasks.map(({ parallel_tasks }, at) =>
      stageOf(
        `container ${at}`,
        parallel_tasks.map((task) => specOf(task.id, task.name, task.parameters)),
      ),
    ),
    fingerprint: null,
    leases: [],
    expect: {},
    data: null,
    hash: 'as it was',
    madeAt: now,
  };
  const put: TaskRecord[] = [];
  const done = [];
  for (const [at, { parallel_tasks }] of before.serial_tasks.entries())
    for (const task of parallel_tasks) {
      const spec = specOf(task.id, task.name, task.parameters);
      if (task.state === 'RUNNING')
        put.push({ ...spec, stage: at, role: 'dumper', queue: 'dumper', state: 'queued', round: 1, failures: 0 });
      if (task.state !== 'DONE') continue;
      const result = task.error === '' ? ('ok' as const) : ('failed' as const);
      const ended = { id: task.id, task: task.name, stage: at, result, endedAt: now, output: task.output };
      done.push(task.error === '' ? ended : { ...ended, error: failure(task.error) });
    }
  expect((await h.store.create(header)).created).toBe(true);
  expect(await h.store.commit(id, { header, plan, put, done })).toBe(true);
  for (const task of put) await h.store.claim(id, task.id, task.round, 'a worker that is dead', now - DEAD_MS);
  await h.transport.ring(id);
  return id;
}

/** What is expected of us where the original does it otherwise. */
function ours({ before, after }: Case): VectorOperation {
  const wanted = structuredClone(after);
  const known = tasksOf(before);
  let last = Math.max(0, ...known.map(({ id }) => Number(id)));
  for (const task of tasksOf(wanted)) {
    const was = known.find(({ name, parameters }) => called(name, parameters) === called(task.name, task.parameters));
    if (was === undefined) {
      last += 1;
      task.id = String(last);
    } else if (task.error !== '') task.output = was.output;
  }
  return wanted;
}

export async function runResume({ task_definitions, cases }: Resume): Promise<string> {
  const definitions = new Map(Object.entries(task_definitions));
  for (const one of cases) {
    const executed: string[] = [];
    const during: Script['during'] = async (_operation, { name, parameters }) => void executed.push(called(name, parameters));
    const counters = new Map([[`op_${one.before.id}`, Math.max(0, ...tasksOf(one.before).map(({ id }) => Number(id)))]]);
    const h = harness({ system: scripted({ definitions, during }, counters) });
    try {
      const unknown = tasksOf(one.before).find(({ name }) => !definitions.has(name));
      const id = await stored(h, one.before);
      const header = await h.settle(id);
      expect(await h.store.live(), one.case).toEqual([]);
      if (unknown) {
        expect(header, one.case).toMatchObject({ state: 'failed', error: { code: 'LSH_TASK_OUTPUT' } });
        expect(header.error?.message, one.case).toContain(unknown.name);
        expect(problem(unknown.name, unknown.parameters, definitions), one.case).toBe(one.after.error);
      } else expect(await shown(h.service, id, one.before.id), one.case).toEqual(ours(one));
      expect(executed, one.case).toEqual(one.execution_order);
    } finally {
      await h.stop();
    }
  }
  return 'better: ids are never given twice, what a failed task said is kept';
}
