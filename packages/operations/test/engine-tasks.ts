/** Small tasks: one that does what a test says, one that sets a value and can take it back, one that denies writes and one that allows them again. */
import type { Json, StageSpec, TaskContext, TaskDefinition, TaskEnd, TaskSpec } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';

export type Behaviour = (context: TaskContext<{ name: string }>) => Promise<TaskEnd | undefined>;

export interface Stage {
  begun: string[];
  behaviours: Map<string, Behaviour>;
  world: Map<string, Json>;
}

export const TARGET = 't';
export const LEASES = [{ target: TARGET, scope: '' }];
export const DENIED = 'denied';
export const TASK_DEADLINE_MS = 60_000;

const retry = { attempts: 3, firstPauseMs: 1_000, maxPauseMs: 4_000 };

export function tasksOf({ begun, behaviours, world }: Stage): TaskDefinition[] {
  const play = async (name: string, context: TaskContext<{ name: string }>): Promise<TaskEnd | undefined> =>
    behaviours.get(name)?.(context);
  const seen = (key: string): Json => world.get(key) ?? null;
  const put = (key: string, value: Json): void => {
    if (value === null) world.delete(key);
    else world.set(key, value);
  };
  const plain = (name: string, queue?: string): TaskDefinition =>
    defineTask({
      name,
      role: 'dumper',
      ...(queue ? { queue } : {}),
      params: z.looseObject({ name: z.string() }),
      retry,
      deadlineMs: TASK_DEADLINE_MS,
      targets: ({ on }) => (typeof on === 'string' ? [on] : []),
      final: ({ final }) => (typeof final === 'string' ? final : undefined),
      undo: { none: 'a test changes nothing' },
      async run(context) {
        begun.push(context.params.name);
        return behaviours.get(context.params.name)?.(context);
      },
    });

  /** Sets `key` to `to`. `before:NAME`, `act:NAME` and `after:NAME` play around the effect; `undo:NAME` before it is taken back. */
  const set = defineTask({
    name: 'test.set',
    role: 'dumper',
    params: z.strictObject({ name: z.string(), key: z.string(), to: z.string() }),
    retry,
    async run(context) {
      const { name, key, to } = context.params;
      begun.push(name);
      await play(`before:${name}`, context);
      const before = await context.effect<Json>({
        key,
        what: `${key} is ${to}`,
        wanted: to,
        deadlineMs: 1_000,
        observe: async () => seen(key),
        act: async () => {
          await play(`act:${name}`, context);
          put(key, to);
        },
      });
      return (await play(`after:${name}`, context)) ?? { output: { before } };
    },
    async undo(context) {
      const { name, key } = context.params;
      begun.push(`undo ${name}`);
      await play(`undo:${name}`, context);
      const entry = (await context.journal.entries()).find((one) => one.key === key);
      if (!entry) return;
      await context.effect<Json>({
        key,
        what: `${key} is as before`,
        wanted: entry.before,
        deadlineMs: 1_000,
        observe: async () => seen(key),
        act: async () => put(key, entry.before),
        always: true,
      });
    },
  });

  /** Denies writes to `key`. `open:NAME` plays when the guard is open, `act:NAME` right before the denial, `after:NAME` behind it. */
  const deny = defineTask({
    name: 'test.deny',
    role: 'dumper',
    params: z.strictObject({
      name: z.string(),
      key: z.string(),
      maxMs: z.number(),
      heir: z.string().optional(),
      replaces: z.string().optional(),
      close: z.string().default('test.allow'),
    }),
    retry,
    undo: { none: 'the guard ends by itself' },
    async run(context) {
      const { name, key, maxMs, heir, replaces, close } = context.params;
      begun.push(name);
      await play(`before:${name}`, context);
      await context.guard.open({
        key,
        what: `writes to ${key} are denied`,
        target: TARGET,
        before: seen(key),
        after: DENIED,
        maxMs,
        close: { task: close, params: { name: `allow ${key}`, key } },
        ...(heir === undefined ? {} : { heir }),
        ...(replaces === undefined ? {} : { replaces }),
      });
      await play(`open:${name}`, context);
      await context.effect<Json>({
        key,
        what: `writes to ${key} are denied`,
        wanted: DENIED,
        deadlineMs: 1_000,
        observe: async () => seen(key),
        act: async () => {
          await play(`act:${name}`, context);
          put(key, DENIED);
        },
      });
      return play(`after:${name}`, context);
    },
  });

  /** Puts back what the guard had found, and closes it. What its behaviour gives stands in for all of that. */
  const allow = defineTask({
    name: 'test.allow',
    role: 'dumper',
    params: z.strictObject({ name: z.string(), key: z.string() }),
    retry: { ...retry, attempts: 2 },
    undo: { none: 'it was open before' },
    async run(context) {
      const { name, key } = context.params;
      begun.push(name);
      const instead = await play(name, context);
      if (instead) return instead;
      const guard = await context.guard.find(key);
      if (!guard) return undefined;
      await context.effect<Json>({
        key: `allow ${key}`,
        what: `writes to ${key} are allowed`,
        wanted: guard.before,
        deadlineMs: 1_000,
        observe: async () => seen(key),
        act: async () => put(key, guard.before),
        always: true,
      });
      await context.guard.close(key);
      return undefined;
    },
  });
  /** As `test.set`; taking it back denies writes to `key` meanwhile. */
  const cut = defineTask({
    ...set,
    name: 'test.cut',
    undoGuards: ({ key }) => [{ key, what: `writes to ${key} are denied`, maxMs: 5_000 }],
  });
  return [plain('test.task'), plain('test.dump', 'dump'), plain('test.restore', 'restore'), set, cut, deny, allow];
}

const spec = (task: string, params: { name: string; [key: string]: Json }, after?: string): TaskSpec => ({
  id: params.name,
  task,
  params,
  placement: 'role',
  ...(after === undefined ? {} : { after }),
});

/** Task `name` that does what the behaviour of that name says. */
export const one = (name: string, after?: string): TaskSpec => spec('test.task', { name }, after);
/** Task `name` that sets `key`. */
export const sets = (name: string, key: string, to: string, after?: string): TaskSpec => spec('test.set', { name, key, to }, after);
/** Task `name` that opens the guard `key`. */
export const denies = (name: string, key: string, maxMs = 300_000, more: { [key: string]: Json } = {}): TaskSpec =>
  spec('test.deny', { name, key, maxMs, ...more });
/** Task `name` that ends the guard `key`. */
export const allows = (name: string, key: string): TaskSpec => spec('test.allow', { name, key });

export const stage = (name: string, tasks: TaskSpec[], more: Partial<StageSpec> = {}): StageSpec => ({
  name,
  title: name,
  concurrency: 1,
  tasks,
  ...more,
});
