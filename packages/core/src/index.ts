export type { ErrorData, ErrorEntry, ExitCode } from './errors.ts';
export { defineError, EXIT, errorCatalogue, errorData, InternalError, LongshoreError } from './errors.ts';
export { ATTEMPT_SILENCE_MS, EVENTS_KEPT, LIVE_UNITS, NOTES_KEPT, SPOOL_AWAY_MS } from './limits.ts';
export { ManualClock, seededRandom } from './memory/clock.ts';
export { memoryStore } from './memory/store.ts';
export type { MemoryTransport } from './memory/transport.ts';
export { memoryTransport } from './memory/transport.ts';
export type {
  Beat,
  Change,
  Claim,
  Clock,
  Consumer,
  Delivery,
  Handled,
  OperationQuery,
  OperationSnapshot,
  Presence,
  Random,
  SpoolRecord,
  SpoolUse,
  Store,
  TaskJob,
  Transport,
} from './ports.ts';
export { systemClock, systemRandom } from './system.ts';
export type {
  KindDefinition,
  Log,
  PlanDraft,
  RetryPolicy,
  SpoolMount,
  SystemPackage,
  Target,
  TargetSystem,
  TaskContext,
  TaskDefinition,
  TaskEnd,
  Verdict,
} from './task.ts';
export { defineKind, defineTask, GateClosed } from './task.ts';
export type {
  AttemptRecord,
  Bulk,
  DoneRecord,
  Finding,
  GateNote,
  Intent,
  Json,
  LeaseRequest,
  Note,
  OperationEvent,
  OperationHeader,
  OperationState,
  Outcome,
  Plan,
  Progress,
  Report,
  Role,
  StageSpec,
  StageState,
  StoredPlan,
  Tally,
  TaskRecord,
  TaskSpec,
} from './words.ts';
export { assertTransition, FINAL_STATES, isAtRest, ROLES } from './words.ts';
