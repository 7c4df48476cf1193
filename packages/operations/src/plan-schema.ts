/** The shape of what comes back from a kind's planner and from an emitting task, checked before any of it is stored. */
import type { Json, KindDefinition, Plan, StageSpec, TaskDefinition } from '@longshore/core';
import { z } from 'zod';

const json = z.custom<Json>((value) => value !== undefined);

const task = z.strictObject({
  id: z.string().min(1),
  task: z.string().min(1),
  params: json,
  after: z.string().optional(),
  placement: z.enum(['role', 'spool']),
});

const stage = z.strictObject({
  name: z.string().min(1),
  title: z.string().min(1),
  concurrency: z.int().positive(),
  tasks: z.array(task).optional(),
  bulk: z.strictObject({ count: z.int().nonnegative(), params: json, only: z.array(z.int().nonnegative()).optional() }).optional(),
  spools: z.array(z.string()).optional(),
  tolerant: z.boolean().optional(),
  always: z.boolean().optional(),
  upkeep: z.strictObject({ task: z.string(), params: json, everyMs: z.int().positive() }).optional(),
});

const errorData = z.strictObject({
  code: z.string(),
  message: z.string(),
  fix: z.string(),
  retryable: z.boolean(),
  exitCode: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3), z.literal(4), z.literal(5), z.literal(6)]),
  retryAfterMs: z.number().optional(),
});

const plan = z.strictObject({
  summary: z.array(z.string()),
  findings: z
    .array(z.strictObject({ level: z.enum(['info', 'warning', 'error']), text: z.string(), error: errorData.optional() }))
    .default([]),
  stages: z.array(stage),
  fingerprint: json.default(null),
  leases: z.array(z.strictObject({ target: z.string(), scope: z.string() })).default([]),
  expect: z.record(z.string(), z.number()),
  data: json,
});

export function parsePlan(value: unknown): { plan: Plan } | { problem: string } {
  const parsed = plan.safeParse(value);
  if (parsed.success) return { plan: JSON.parse(JSON.stringify(parsed.data)) as Plan };
  return { problem: parsed.error.issues.map((issue) => `${issue.path.join('.') || 'plan'}: ${issue.message}`).join('; ') };
}

/** Why these stages could not be run, if they could not: said before they are stored, since afterwards nobody could go on. */
export function stagesProblem(stages: StageSpec[], tasks: ReadonlyMap<string, TaskDefinition>, kind: KindDefinition): string | undefined {
  const parsed = z.array(stage).safeParse(stages);
  if (!parsed.success) return parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  for (const one of stages) {
    if (one.bulk && !kind.expand) return `stage ${one.name} has units, but ${kind.name} does not say what a unit is`;
    if (one.upkeep && !tasks.has(one.upkeep.task)) return `the upkeep of stage ${one.name} is of the unknown sort ${one.upkeep.task}`;
    const ids = new Set<string>();
    for (const { id, task: name, params, after, placement } of one.tasks ?? []) {
      if (ids.has(id)) return `two tasks of stage ${one.name} are called ${id}`;
      // Named before it, so that no circle can be made.
      if (after !== undefined && !ids.has(after))
        return `task ${id} waits for ${after}, which does not come before it in stage ${one.name}`;
      ids.add(id);
      if (placement === 'spool' && !/^.+@[^@]+$/.test(id)) return `task ${id} is placed on a spool, but its name does not end in @spool`;
      const definition = tasks.get(name);
      if (!definition) return `task ${id} is of the unknown sort ${name}`;
      const checked = definition.params.safeParse(params);
      if (!checked.success)
        return `task ${id}: ${checked.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`;
    }
  }
  return undefined;
}
