/**
 * The recorded cases of Vitess' old automation scheduler, and its words for what the engine does: a container is a stage, an operation is
 * one container with one task that emits the rest, ids are counters, errors are texts. All of that is said here and nowhere in the engine.
 */
import type { Json, OperationHeader, StageSpec, StoredPlan, SystemPackage, TaskSpec } from '@longshore/core';
import { defineKind, defineTask, LongshoreError } from '@longshore/core';
import { z } from 'zod';
import type { Service } from '@longshore/operations';

export type Parameters = Record<string, string>;

export interface VectorTask {
  id: string;
  name: string;
  parameters: Parameters;
  state: 'NOT_STARTED' | 'RUNNING' | 'DONE';
  output: string;
  error: string;
}

export interface VectorOperation {
  id: string;
  serial_tasks: { concurrency: number; parallel_tasks: VectorTask[] }[];
  state: 'CLUSTER_OPERATION_NOT_STARTED' | 'CLUSTER_OPERATION_RUNNING' | 'CLUSTER_OPERATION_DONE';
  error: string;
}

export interface VectorDefinition {
  required: string[];
  optional: string[];
  output: string;
  error: string;
  emits: { parallel_tasks: { name: string; parameters: Parameters }[] }[];
}

/** How the original names a run of a task in its lists: by its only parameter. */
export const called = (name: string, parameters: Parameters): string => `${name}(${parameters.n ?? Object.values(parameters).join(',')})`;

export interface Script {
  /** What a task does; undefined: there is no such task. */
  definitions: Map<string, VectorDefinition>;
  /** What this very task says in place of what its definition says. */
  says?(id: string): { output: string; error: string } | undefined;
  /** Called when a task is at work. */
  during?(operation: string, task: { id: string; name: string; parameters: Parameters }): Promise<void>;
}

/** The last id given in each operation. */
type Counters = Map<string, number>;

export function specOf(id: string, name: string, parameters: Parameters): TaskSpec {
  return { id, task: name, params: parameters, placement: 'role' };
}

export function stageOf(name: string, tasks: TaskSpec[]): StageSpec {
  return { name, title: name, concurrency: 1, tasks };
}

export const KIND = 'vector';

/** A kind whose plan is one task, and the tasks of a script. */
export function scripted(script: Script, counters: Counters = new Map()): SystemPackage {
  const schema = ({ required, optional }: VectorDefinition): z.ZodType<Parameters> =>
    z.strictObject(
      Object.fromEntries([...required.map((key) => [key, z.string()]), ...optional.map((key) => [key, z.string().optional()])]),
    ) as z.ZodType<Parameters>;
  const tasks = [...script.definitions].map(([name, definition]) =>
    defineTask<Parameters>({
      name,
      role: 'dumper',
      params: schema(definition),
      // The original tries nothing twice.
      retry: { attempts: 1, firstPauseMs: 1, maxPauseMs: 1 },
      undo: { none: 'the original takes nothing back' },
      async run({ params, operation, task, emit }) {
        await script.during?.(operation.id, { id: task.id, name, parameters: params });
        const next = (): string => {
          const id = (counters.get(operation.id) ?? 1) + 1;
          counters.set(operation.id, id);
          return String(id);
        };
        emit(
          definition.emits.map(({ parallel_tasks }) => {
            const emitted = parallel_tasks.map(({ name: other, parameters }) => specOf(next(), other, parameters));
            return stageOf(`container of ${emitted[0]?.id ?? 'nothing'}`, emitted);
          }),
        );
        const { output, error } = script.says?.(task.id) ?? definition;
        return error === '' ? { output } : { output, error: failure(error) };
      },
    }),
  );
  const kind = defineKind({
    name: KIND,
    title: 'what the original was given',
    role: 'dumper',
    params: z.strictObject({
      containers: z.array(z.array(z.strictObject({ name: z.string(), parameters: z.record(z.string(), z.string()) }))),
    }),
    tolerant: false,
    columns: [],
    async plan({ params }) {
      let id = 0;
      const stages = params.containers.map((container, at) =>
        stageOf(
          `container ${at}`,
          container.map(({ name, parameters }) => {
            id += 1;
            return specOf(String(id), name, parameters);
          }),
        ),
      );
      return { summary: [], stages, expect: {}, data: null };
    },
    conclude: () => ({ ok: true }),
  });
  return { name: 'vectors', kinds: [kind], tasks };
}

const failure = (message: string): LongshoreError =>
  new LongshoreError({ code: 'LSH_VECTOR', message, fix: 'none: the case wants it so', retryable: false, exitCode: 1 });

const STATES = (header: OperationHeader): VectorOperation['state'] => {
  if (header.endedAt !== undefined) return 'CLUSTER_OPERATION_DONE';
  return header.startedAt === undefined ? 'CLUSTER_OPERATION_NOT_STARTED' : 'CLUSTER_OPERATION_RUNNING';
};

/** An operation of ours in the original's shape. */
export async function shown(service: Service, id: string, as: string): Promise<VectorOperation> {
  const { header, tasks } = await service.get(id);
  const done = new Map((await service.done(id)).map((record) => [record.id, record]));
  const running = new Set(tasks.filter(({ state }) => state === 'running').map((task) => task.id));
  const plan: StoredPlan | undefined = header.planHash === undefined ? undefined : await service.plan(id);
  const task = ({ id: name, task: sort, params }: TaskSpec): VectorTask => {
    const record = done.get(name);
    const over = record?.result === 'ok' || record?.result === 'failed';
    return {
      error: record?.error?.message ?? '',
      id: name,
      name: sort,
      output: text(record?.output),
      parameters: params as Parameters,
      state: over ? 'DONE' : running.has(name) ? 'RUNNING' : 'NOT_STARTED',
    };
  };
  return {
    error: header.error?.message ?? '',
    id: as,
    serial_tasks: (plan?.stages ?? []).map(({ tasks: specs = [] }) => ({ concurrency: 0, parallel_tasks: specs.map(task) })),
    state: STATES(header),
  };
}

const text = (output: Json | undefined): string => (typeof output === 'string' ? output : '');

/** What the original says of an emission it refuses; the first task that is wrong is the one it names. */
export function refusal(emitter: { name: string; id: string }, definitions: Script['definitions']): string | undefined {
  for (const { parallel_tasks } of definitions.get(emitter.name)?.emits ?? [])
    for (const { name, parameters } of parallel_tasks) {
      const why = problem(name, parameters, definitions);
      if (why === undefined) continue;
      const fields = Object.entries(parameters).map(([key, value]) => ` parameters:<key:"${key}" value:"${value}" >`);
      const inner = `error: ${why} task: name:"${name}"${fields.join('')} state:NOT_STARTED `;
      return `task: ${emitter.name} (1/${emitter.id}) emitted a new task which is not valid. Error: ${inner}: ${inner}`;
    }
  return undefined;
}

/** Why the original would not take a task of this name. */
export function problem(name: string, parameters: Parameters, definitions: Script['definitions']): string | undefined {
  const definition = definitions.get(name);
  if (!definition) return `no implementation found for: ${name}`;
  const missing = definition.required.filter((key) => !(key in parameters));
  if (missing.length > 0) return `required parameters are missing: [${missing.join(' ')}]`;
  const { required, optional } = definition;
  const unknown = Object.keys(parameters).find((key) => !required.includes(key) && !optional.includes(key));
  if (unknown === undefined) return undefined;
  return `parameter ${unknown} is not allowed. Allowed required parameters: [${required.join(' ')}] optional parameters: [${optional.join(' ')}]`;
}
