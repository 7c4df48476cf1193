export type { Engine } from './advance.ts';
export { advance, jobId, sweep, totalsOf } from './advance.ts';
export { canonicalJson, planHash } from './canonical.ts';
export type { Decision } from './decide.ts';
export { decide } from './decide.ts';
export type { DecideInput } from './draft.ts';
export { retryPause } from './draft.ts';
export {
  BadOutput,
  BadParams,
  LeaseHeld,
  NoSpool,
  NoSuchOperation,
  PlanRefused,
  PoisonTask,
  SpoolAway,
  SpoolServed,
  UnknownKind,
  WrongState,
} from './errors.ts';
export { duration, explain } from './explain.ts';
export type { Registry } from './registry.ts';
export { createRegistry } from './registry.ts';
export type { WorkerSetup } from './run-task.ts';
export { runTask } from './run-task.ts';
export type { Action, OperationView, Service, Submission } from './service.ts';
export { createService } from './service.ts';
export { usableSpools } from './spools.ts';
export type { TaskView } from './task-view.ts';
