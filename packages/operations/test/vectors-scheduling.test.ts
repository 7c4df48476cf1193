/**
 * The recorded cases of the original scheduler through the real engine, at concurrency 1: order, emission, ids, failure, what is kept.
 * On purpose otherwise: what is at work is RUNNING for whoever looks, and so is its operation (the original shows NOT_STARTED).
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { Harness } from './engine.ts';
import { harness } from './engine.ts';
import type { Parameters, Script, VectorDefinition, VectorOperation } from './vectors.ts';
import { called, KIND, refusal, scripted, shown, vectors } from './vectors.ts';

/** Shapes that are about something else: the commands of single tasks, and what is refused at the door of the old API. */
const ELSEWHERE = new Set(['leaf_tasks', 'enqueue']);
const HERE = new Set(['builtin_tasks', 'scripted_tasks', 'resume', 'queue']);

interface Enqueued {
  enqueue: { name: string; parameters: Parameters };
  final: VectorOperation;
}
interface Builtin extends Enqueued {
  remote_commands_in_order: { args: string[] }[];
}
interface Scripted extends Enqueued {
  task_definitions: Record<string, VectorDefinition>;
  execution_order: string[];
  visible_state_while_running: { while_running: string; visible: VectorOperation }[];
}

const all = vectors();
const of = <T>(kind: string): [string, T][] => all.filter((one) => one.kind === kind).map(({ file, vector }) => [file, vector as T]);

let h: Harness;
afterEach(() => h?.stop());

const submit = async (name: string, parameters: Parameters): Promise<string> =>
  (await h.service.submit({ kind: KIND, params: { containers: [[{ name, parameters }]] }, owner: 'tester' })).id;

/** As the original would show it, had it told the truth about what is at work. */
function truthful(visible: VectorOperation, working: string): VectorOperation {
  const seen = structuredClone(visible);
  seen.state = 'CLUSTER_OPERATION_RUNNING';
  for (const task of seen.serial_tasks.flatMap(({ parallel_tasks }) => parallel_tasks))
    if (task.state === 'NOT_STARTED' && called(task.name, task.parameters) === working) task.state = 'RUNNING';
  return seen;
}

test('every file of the folder is run here or said to be about something else', () => {
  expect(all.length).toBeGreaterThan(0);
  const other = all.filter(({ kind }) => !HERE.has(kind));
  for (const { file, kind } of other) console.info(`${file} (${kind}) is not about scheduling, and is not run here`);
  expect(other.filter(({ kind }) => !ELSEWHERE.has(kind)).map(({ file }) => file)).toEqual([]);
});

describe('tasks that a case defines', () => {
  test.each(of<Scripted>('scripted_tasks'))('%s', async (_file, vector) => {
    const executed: string[] = [];
    const visible: VectorOperation[] = [];
    const script: Script = {
      definitions: new Map(Object.entries(vector.task_definitions)),
      async during(operation, { name, parameters }) {
        executed.push(called(name, parameters));
        visible.push(await shown(h.service, operation, vector.final.id));
      },
    };
    h = harness({ system: scripted(script) });
    const id = await submit(vector.enqueue.name, vector.enqueue.parameters);
    const header = await h.settle(id);
    expect(executed).toEqual(vector.execution_order);
    expect(visible).toEqual(vector.visible_state_while_running.map((one) => truthful(one.visible, one.while_running)));
    const final = await shown(h.service, id, vector.final.id);
    if (header.error?.code === 'LSH_TASK_OUTPUT') {
      // What the engine refuses the original refuses as well, in other words; they stand in for the engine's.
      const text = refusal({ name: vector.enqueue.name, id: '1' }, script.definitions) ?? 'the original would have taken it';
      expect(final.serial_tasks[0]?.parallel_tasks[0]?.error).toBe(final.error);
      for (const task of final.serial_tasks.flatMap(({ parallel_tasks }) => parallel_tasks)) if (task.error !== '') task.error = text;
      final.error = text;
    }
    expect(final).toEqual(vector.final);
  });
});

describe('tasks of the original', () => {
  test.each(of<Builtin>('builtin_tasks'))('%s', async (_file, vector) => {
    const [root, ...emitted] = vector.final.serial_tasks;
    const tasks = vector.final.serial_tasks.flatMap(({ parallel_tasks }) => parallel_tasks);
    const executed: string[] = [];
    // What they do stands elsewhere; what they emitted and said is in the case, and only that is played here.
    const definitions = new Map(
      tasks.map(({ name, parameters }): [string, VectorDefinition] => [
        name,
        { required: Object.keys(parameters), optional: [], output: '', error: '', emits: [] },
      ]),
    );
    definitions.get(root!.parallel_tasks[0]!.name)!.emits = emitted;
    h = harness({
      system: scripted({
        definitions,
        says: (id) => tasks.find((task) => task.id === id),
        during: async (_operation, { name }) => void executed.push(name),
      }),
    });
    const id = await submit(vector.enqueue.name, vector.enqueue.parameters);
    await h.settle(id);
    const commands = vector.remote_commands_in_order.map(({ args }) => args[0]!).filter((name) => name !== 'Reset');
    expect(executed.slice(1).map((name) => name.replace(/Task$/, ''))).toEqual(commands);
    expect(await shown(h.service, id, vector.final.id)).toEqual(vector.final);
  });
});

interface Queue {
  ids: string[];
  started_while_first_blocked: string[];
  visible_while_first_blocked: Record<string, VectorOperation>;
  final: Record<string, VectorOperation>;
  final_order: string[];
  enqueue_error_while_shutting_down: string;
}

describe('a queue of operations, one at a time', () => {
  test.each(of<Queue>('queue'))('%s', async (_file, vector) => {
    const gate = Promise.withResolvers<void>();
    const started: string[] = [];
    const definitions = new Map([['Op', { required: ['n'], optional: [], output: 'ok', error: '', emits: [] }]]);
    const during: Script['during'] = async (_operation, { name, parameters }) => {
      started.push(called(name, parameters));
      if (started.length === 1) await gate.promise;
    };
    h = harness({ settings: { operationsAtOnce: 1 }, system: scripted({ definitions, during }) });
    const ours = new Map<string, string>();
    for (const id of vector.ids) {
      h.clock.advance(1);
      ours.set(id, await submit('Op', { n: id }));
    }
    const show = (id: string): Promise<VectorOperation> => shown(h.service, ours.get(id)!, id);
    await h.settle(ours.get(vector.ids.at(-1)!)!, ({ waitsFor }) => waitsFor !== undefined);
    expect(started).toEqual(vector.started_while_first_blocked);
    for (const [id, visible] of Object.entries(vector.visible_while_first_blocked))
      expect(await show(id)).toEqual(id === vector.ids[0] ? truthful(visible, started[0]!) : visible);
    await h.service.drainFleet(3_600_000, 'tester');
    // The original's words for it: `vector.enqueue_error_while_shutting_down`.
    expect(vector.enqueue_error_while_shutting_down).toBe('scheduler is not running. State: 2');
    await expect(submit('Op', { n: '4' })).rejects.toMatchObject({ code: 'LSH_FLEET_DRAINING' });
    gate.resolve();
    for (const [id, final] of Object.entries(vector.final)) {
      await h.settle(ours.get(id)!);
      expect(await show(id)).toEqual(final);
    }
    expect(started).toEqual(vector.final_order);
    expect((await h.service.list({ limit: 10 })).operations).toHaveLength(vector.ids.length);
  });
});

describe('what no file records', () => {
  test('of two emitters of one stage the later one’s stages come first', async () => {
    const leaf = (n: string) => ({ parallel_tasks: [{ name: 'Echo', parameters: { n } }] });
    const define = (emits: VectorDefinition['emits']): VectorDefinition => ({
      required: ['n'],
      optional: [],
      output: '',
      error: '',
      emits,
    });
    const definitions = new Map([
      [
        'Root',
        define([
          {
            parallel_tasks: [
              { name: 'A', parameters: { n: 'a' } },
              { name: 'B', parameters: { n: 'b' } },
            ],
          },
          leaf('end'),
        ]),
      ],
      ['A', define([leaf('a1'), leaf('a2')])],
      ['B', define([leaf('b1'), leaf('b2')])],
      ['Echo', define([])],
    ]);
    const executed: string[] = [];
    h = harness({ system: scripted({ definitions, during: async (_id, { parameters }) => void executed.push(parameters.n!) }) });
    const id = await submit('Root', { n: 'root' });
    expect((await h.settle(id)).state).toBe('succeeded');
    expect(executed).toEqual(['root', 'a', 'b', 'b1', 'b2', 'a1', 'a2', 'end']);
    const ids = (await h.service.plan(id)).stages.flatMap(({ tasks }) => tasks!.map((task) => task.id));
    expect(ids).toEqual(['1', '2', '3', '7', '8', '5', '6', '4']);
  });
});
