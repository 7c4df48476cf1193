export { advance, advanceAndCount, jobId, sweep, totalsOf } from './advance.ts';
export { canonicalJson, planHash } from './canonical.ts';
export type { Decision } from './decide.ts';
export { decide } from './decide.ts';
export type { DecideInput } from './draft.ts';
export { retryPause } from './draft.ts';
export type { Engine, EngineSettings, WorkerSetup } from './engine.ts';
export {
  ApprovalMissing,
  ApprovalNotYours,
  BadOutput,
  BadParams,
  FleetDraining,
  GuardLeftOpen,
  GuardRefused,
  GuardTimedOut,
  KeyReused,
  LeaseHeld,
  LeaseLost,
  NoSpool,
  NoSuchOperation,
  NoSuchSpool,
  NotConfirmed,
  NothingEndless,
  NothingToRetry,
  NothingToRevert,
  NoWayBack,
  PlanRefused,
  PlanStale,
  PoisonTask,
  SpoolAway,
  SpoolServed,
  StoreNotDurable,
  TargetChanged,
  UndoFailed,
  UnknownKind,
  WrongState,
} from './errors.ts';
export { duration, explain } from './explain.ts';
export type { FleetDrain } from './fleet-drain.ts';
export { problemOf } from './problem.ts';
export type { Registry } from './registry.ts';
export { createRegistry } from './registry.ts';
export type { RevertPlan, RevertStep } from './revert.ts';
export { runTask } from './run-task.ts';
export type { Action, ActOptions, ApprovalRequest, OperationView, Service, Submission } from './service.ts';
export { createService } from './service.ts';
export { usableSpools } from './spools.ts';
export type { TaskView } from './task-view.ts';
