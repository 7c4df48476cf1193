/** The shapes of the recorded cases of Vitess' automation, read from what the real one did. */
import { z } from 'zod';

const parameters = z.record(z.string(), z.string());

const task = z.strictObject({
  id: z.string(),
  name: z.string(),
  parameters,
  state: z.enum(['NOT_STARTED', 'RUNNING', 'DONE']),
  output: z.string(),
  error: z.string(),
});

const operation = z.strictObject({
  id: z.string(),
  serial_tasks: z.array(z.strictObject({ concurrency: z.number(), parallel_tasks: z.array(task) })),
  state: z.enum(['CLUSTER_OPERATION_NOT_STARTED', 'CLUSTER_OPERATION_RUNNING', 'CLUSTER_OPERATION_DONE']),
  error: z.string(),
});
export type RecordedOperation = z.infer<typeof operation>;

const command = z.strictObject({
  rpc: z.enum(['vtctl', 'vtworker']),
  endpoint: z.string(),
  args: z.array(z.string()),
  console_events: z.array(z.string()).default([]),
  stream_error: z.string().optional(),
});
export type RecordedCommand = z.infer<typeof command>;

const told = { description: z.string(), source: z.string() };

export const builtinTasks = z.strictObject({
  ...told,
  kind: z.literal('builtin_tasks'),
  enqueue: z.strictObject({ name: z.string(), parameters }),
  enqueue_response: z.strictObject({ id: z.string() }),
  remote_commands_in_order: z.array(command),
  final: operation,
});
export type BuiltinTasks = z.infer<typeof builtinTasks>;

const leafCase = z.strictObject({
  task: z.string(),
  parameters,
  required: z.array(z.string()),
  optional: z.array(z.string()),
  emits: z.number(),
  output: z.string(),
  error: z.string(),
  remote_commands: z.array(command),
});
export const leafTasks = z.strictObject({ ...told, kind: z.literal('leaf_tasks'), cases: z.array(leafCase).min(1) });
export type LeafTasks = z.infer<typeof leafTasks>;

const enqueueCase = z.strictObject({
  case: z.string(),
  name: z.string().optional(),
  parameters: parameters.nullish(),
  id: z.string().optional(),
  error: z.string().optional(),
});
export const enqueue = z.strictObject({
  ...told,
  kind: z.literal('enqueue'),
  cases: z.array(enqueueCase).min(1),
  /** Of the original; here a second shutdown is nothing. */
  second_ShutdownAndWait_after_complete_shutdown_panics_with: z.string().optional(),
});
export type Enqueue = z.infer<typeof enqueue>;

const definition = z.strictObject({
  required: z.array(z.string()),
  optional: z.array(z.string()),
  output: z.string(),
  error: z.string(),
  emits: z.array(z.strictObject({ parallel_tasks: z.array(z.strictObject({ name: z.string(), parameters })) })),
});
const definitions = z.record(z.string(), definition);

export const scriptedTasks = z.strictObject({
  ...told,
  kind: z.literal('scripted_tasks'),
  enqueue: z.strictObject({ name: z.string(), parameters }),
  task_definitions: definitions,
  execution_order: z.array(z.string()),
  visible_state_while_running: z.array(z.strictObject({ while_running: z.string(), visible: operation })).optional(),
  final: operation,
});
export type ScriptedTasks = z.infer<typeof scriptedTasks>;

const resumed = z.strictObject({
  case: z.string(),
  before: operation,
  after: operation,
  execution_order: z.array(z.string()),
  in_active: z.boolean(),
  in_finished: z.boolean(),
});
export const resume = z.strictObject({ ...told, kind: z.literal('resume'), task_definitions: definitions, cases: z.array(resumed).min(1) });
export type Resume = z.infer<typeof resume>;

const byId = z.record(z.string(), operation);
export const queue = z.strictObject({
  ...told,
  kind: z.literal('queue'),
  ids: z.array(z.string()).min(1),
  started_while_first_blocked: z.array(z.string()),
  visible_while_first_blocked: byId,
  final: byId,
  final_order: z.array(z.string()),
  enqueue_error_while_shutting_down: z.string(),
});
export type Queue = z.infer<typeof queue>;

/** Every shape there is, told apart by `kind`; any other fails. */
export const anyCase = z.discriminatedUnion('kind', [builtinTasks, leafTasks, enqueue, scriptedTasks, resume, queue]);
