export type { AccessRole, AuditEntry, TokenRecord } from './access.ts';
export { ACCESS_ROLES, auditText, mayAs } from './access.ts';
export type { ErrorData, ErrorEntry, ExitCode } from './errors.ts';
export { defineError, EXIT, errorCatalogue, errorData, InternalError, LongshoreError } from './errors.ts';
export {
  ACTION_MS,
  APPROVAL_LIFE_MS,
  APPROVAL_WAIT_MS,
  ATTEMPT_SILENCE_MS,
  ATTENTION_RETRY_MS,
  CLOSING_DEADLINE_MS,
  EVENTS_KEPT,
  EXHIBIT_CHARS,
  LIVE_UNITS,
  NOTES_KEPT,
  PLAN_FRESH_MS,
  SAMPLES_KEPT,
  SPOOL_AWAY_MS,
  TASK_DEADLINE_MS,
  UNDO_DEADLINE_MS,
} from './limits.ts';
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
  Durability,
  Handled,
  LeaseGrant,
  LeaseRefusal,
  Opened,
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
export type { ListPlace } from './query.ts';
export { cursorOf, fits, isBehind, placeOf } from './query.ts';
export { systemClock, systemRandom } from './system.ts';
export type {
  Confirming,
  Effect,
  GuardRequest,
  Guards,
  Journal,
  KindDefinition,
  Lease,
  Log,
  OtherOperation,
  Place,
  PlanDraft,
  RetryPolicy,
  SpoolMount,
  SystemPackage,
  Target,
  TargetSystem,
  TaskContext,
  TaskDefinition,
  TaskEnd,
  Undone,
  Verdict,
} from './task.ts';
export { defineKind, defineTask, GateClosed } from './task.ts';
export type {
  Approval,
  ApprovalPolicy,
  AttemptRecord,
  Bulk,
  DeadLetter,
  DoneRecord,
  Finding,
  GateNote,
  GuardRecord,
  Intent,
  JournalEntry,
  Json,
  LeaseRequest,
  Note,
  OperationEvent,
  OperationHeader,
  OperationState,
  Order,
  Outcome,
  Picture,
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
export { APPROVAL_POLICIES, assertTransition, FINAL_STATES, isAtRest, isHeldBack, lagMs, ROLES } from './words.ts';
