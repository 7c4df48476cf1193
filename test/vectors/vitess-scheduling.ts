/**
 * The recorded cases of the original scheduler through the real engine, at concurrency 1: order, emission, ids, failure, what is kept.
 * On purpose otherwise: what is at work is RUNNING for whoever looks, and so is its operation (the original shows NOT_STARTED).
 */
import { expect } from 'vitest';
import { fleetAutomation } from '../../apps/api/src/automation.ts';
import type { Harness } from '../../packages/operations/test/engine.ts';
import { harness } from '../../packages/operations/test/engine.ts';
import type { Parameters, Script, VectorDefinition, VectorOperation } from './vitess-scripted.ts';
import { called, KIND, refusal, scripted, shown } from './vitess-scripted.ts';
import type { Queue, ScriptedTasks } from './vitess-shapes.ts';

async function submit(h: Harness, name: string, parameters: Parameters): Promise<string> {
  return (await h.service.submit({ kind: KIND, params: { containers: [[{ name, parameters }]] }, owner: 'tester' })).id;
}

/** As the original would show it, had it told the truth about what is at work. */
function truthful(visible: VectorOperation, working: string): VectorOperation {
  const seen = structuredClone(visible);
  seen.state = 'CLUSTER_OPERATION_RUNNING';
  for (const task of seen.serial_tasks.flatMap(({ parallel_tasks }) => parallel_tasks))
    if (task.state === 'NOT_STARTED' && called(task.name, task.parameters) === working) task.state = 'RUNNING';
  return seen;
}

export async function runScripted(vector: ScriptedTasks): Promise<string> {
  const executed: string[] = [];
  const visible: VectorOperation[] = [];
  const definitions = new Map(Object.entries(vector.task_definitions));
  const script: Script = {
    definitions,
    async during(operation, { name, parameters }) {
      executed.push(called(name, parameters));
      visible.push(await shown(h.service, operation, vector.final.id));
    },
  };
  const h = harness({ system: scripted(script) });
  try {
    const id = await submit(h, vector.enqueue.name, vector.enqueue.parameters);
    const header = await h.settle(id);
    expect(executed).toEqual(vector.execution_order);
    if (vector.visible_state_while_running)
      expect(visible).toEqual(vector.visible_state_while_running.map((one) => truthful(one.visible, one.while_running)));
    const final = await shown(h.service, id, vector.final.id);
    if (header.error?.code === 'LSH_TASK_OUTPUT') {
      // What the engine refuses the original refuses as well, in other words; they stand in for the engine's.
      const working = vector.execution_order.at(-1);
      const emitter = final.serial_tasks.flatMap(({ parallel_tasks }) => parallel_tasks).find((task) => called(task.name, task.parameters) === working);
      const text = refusal({ name: emitter?.name ?? '', id: emitter?.id ?? '' }, definitions) ?? 'the original would have taken it';
      expect(emitter?.error).toBe(final.error);
      if (emitter) emitter.error = text;
      final.error = text;
    }
    expect(final).toEqual(vector.final);
  } finally {
    await h.stop();
  }
  return 'as the original: order, ids, outputs, errors; what is at work reads RUNNING';
}

export async function runQueue(vector: Queue): Promise<string> {
  const gate = Promise.withResolvers<void>();
  const started: string[] = [];
  const definitions = new Map<string, VectorDefinition>([['Op', { required: ['n'], optional: [], output: 'ok', error: '', emits: [] }]]);
  const during: Script['during'] = async (_operation, { name, parameters }) => {
    started.push(called(name, parameters));
    if (started.length === 1) await gate.promise;
  };
  const h = harness({ settings: { operationsAtOnce: 1 }, system: scripted({ definitions, during }) });
  try {
    const ours = new Map<string, string>();
    for (const id of vector.ids) {
      h.clock.advance(1);
      ours.set(id, await submit(h, 'Op', { n: id }));
    }
    const show = (id: string): Promise<VectorOperation> => shown(h.service, ours.get(id)!, id);
    await h.settle(ours.get(vector.ids.at(-1)!)!, ({ waitsFor }) => waitsFor !== undefined);
    expect(started).toEqual(vector.started_while_first_blocked);
    for (const [id, visible] of Object.entries(vector.visible_while_first_blocked))
      expect(await show(id)).toEqual(id === vector.ids[0] ? truthful(visible, started[0]!) : visible);
    await h.service.drainFleet(3_600_000, 'tester');
    await expect(fleetAutomation(h.engine, h.service).enqueue('Op', { n: '4' })).rejects.toThrow(vector.enqueue_error_while_shutting_down);
    await expect(submit(h, 'Op', { n: '4' })).rejects.toMatchObject({ code: 'LSH_FLEET_DRAINING' });
    gate.resolve();
    for (const [id, final] of Object.entries(vector.final)) {
      await h.settle(ours.get(id)!);
      expect(await show(id)).toEqual(final);
    }
    expect(started).toEqual(vector.final_order);
    expect((await h.service.list({ limit: 10 })).operations).toHaveLength(vector.ids.length);
  } finally {
    await h.stop();
  }
  return 'as the original: one at a time, in order, drained at the end';
}
