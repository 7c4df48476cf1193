/** The shape of what comes back from a kind's planner and from an emitting task, checked before any of it is stored. */
import type { GuardRecord, Json, KindDefinition, OperationHeader, Plan, StageSpec, StoredPlan, TaskDefinition } from '@longshore/core';
import { z } from 'zod';
import { isAsked } from './approvals.ts';

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
  bulk: z
    .strictObject({
      count: z.int().nonnegative(),
      params: json,
      only: z.array(z.int().nonnegative()).optional(),
      endless: z.strictObject({ from: z.int().nonnegative(), everyMs: z.int().positive() }).optional(),
    })
    .optional(),
  spools: z.array(z.string()).optional(),
  tolerant: z.boolean().optional(),
  always: z.boolean().optional(),
  approval: z.string().min(1).optional(),
  guard: z.strictObject({ opens: z.array(z.string()).optional(), ends: z.array(z.string()).optional() }).optional(),
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

const RESERVED = /^(plan$|close-|look-|undo-)/;
const RESERVED_WORDS = '`plan`, `close-…`, `look-…`, `undo-…`';

/** Why these stages could not be run, if they could not: said before they are stored, since afterwards nobody could go on. */
export function stagesProblem(stages: StageSpec[], tasks: ReadonlyMap<string, TaskDefinition>, kind: KindDefinition): string | undefined {
  const ids = new Set<string>();
  const parsed = z.array(stage).safeParse(stages);
  if (!parsed.success) return parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  for (const one of stages) {
    // An approval names its stage: agreeing to one must not be agreeing to another.
    if (one.approval !== undefined && stages.filter(({ name }) => name === one.name).length > 1)
      return `stage ${one.name} asks for an approval, and there are two of that name`;
    if (one.bulk && !kind.expand) return `stage ${one.name} has units, but ${kind.name} does not say what a unit is`;
    if (one.bulk?.endless && (one.bulk.only !== undefined || one.bulk.count > 0))
      return `stage ${one.name} is endless, and its units are counted or chosen all the same`;
    if (one.upkeep && !tasks.has(one.upkeep.task)) return `the upkeep of stage ${one.name} is of the unknown sort ${one.upkeep.task}`;
    const own = new Set<string>();
    for (const { id, task: name, params, after, placement } of one.tasks ?? []) {
      if (ids.has(id)) return `two tasks are called ${id}, the second in stage ${one.name}`;
      // Named before it, so that no circle can be made.
      if (after !== undefined && !own.has(after))
        return `task ${id} waits for ${after}, which does not come before it in stage ${one.name}`;
      if (RESERVED.test(id)) return `task ${id} has a name that the engine keeps for its own: ${RESERVED_WORDS}`;
      ids.add(id);
      own.add(id);
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

/** Two stages that wait for a person under one name: agreeing to one would be agreeing to the other. */
export function askedTwice(stages: StageSpec[], header: Pick<OperationHeader, 'approvalPolicy'>): string | undefined {
  const names = stages.filter((one) => isAsked(header, one)).map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  return twice && `two stages that ask for an approval are called ${twice}`;
}

/** What a kind that only reads must not plan: it waits for nobody, and nobody waits for it. */
export function readsProblem({ leases, stages }: Plan, kind: KindDefinition): string | undefined {
  if (!kind.reads) return undefined;
  if (leases.length > 0) return `${kind.name} only reads, but takes a lease on ${leases[0]!.target}`;
  const stage = stages.find(({ approval, guard }) => approval !== undefined || guard !== undefined);
  return stage && `${kind.name} only reads, but stage ${stage.name} is guarded or asks for an approval`;
}

/** As `stagesProblem`, for stages that a task wants put after the current one. */
export function emissionProblem(
  stages: StageSpec[],
  plan: StoredPlan,
  header: Pick<OperationHeader, 'stage' | 'approvalPolicy'>,
  tasks: ReadonlyMap<string, TaskDefinition>,
  kind: KindDefinition,
  guards: ReadonlyMap<string, Pick<GuardRecord, 'state'>>,
): string | undefined {
  const problem = stagesProblem(stages, tasks, kind);
  if (problem !== undefined) return problem;
  const twice = askedTwice(stages, header);
  if (twice !== undefined) return twice;
  const known = new Set(plan.stages.flatMap((one) => (one.tasks ?? []).map(({ id }) => id)));
  for (const one of stages)
    for (const { id } of one.tasks ?? []) if (known.has(id)) return `task ${id} of stage ${one.name} has the name of one that is there`;
  const dangerous = stages.find(
    (one) => (one.approval !== undefined || isAsked(header, one)) && plan.stages.some(({ name }) => name === one.name),
  );
  if (dangerous) return `stage ${dangerous.name} asks for an approval under the name of one that is there`;
  const open = new Set<string>();
  for (const one of plan.stages.slice(0, header.stage + 1)) {
    for (const key of one.guard?.opens ?? []) open.add(key);
    for (const key of one.guard?.ends ?? []) open.delete(key);
  }
  // One that was opened and has ended early is no more: what is emitted may open it anew, and may ask before it does.
  for (const key of open) if ((guards.get(key)?.state ?? 'open') !== 'open') open.delete(key);
  const asking = open.size > 0 ? stages.find((one) => one.approval !== undefined || isAsked(header, one)) : undefined;
  return asking && `stage ${asking.name} would wait for a person inside the guard ${[...open].join(', ')}`;
}
