/** What the API takes and answers with, as types only: nothing of the server's code reaches the browser. */
export type { ApiRequest, Call, KindInfo, ListFilter, Me, TargetInfo } from '@longshore/contract';
export type {
  AuditEntry,
  DeadLetter,
  DoneRecord,
  ErrorData,
  GuardRecord,
  Json,
  OperationEvent,
  OperationHeader,
  OperationState,
  Picture as Shown,
  Presence,
  Report,
  SpoolRecord,
  StageSpec,
  StageState,
  StoredPlan,
} from '@longshore/core';
export type { FleetDrain, OperationView, RevertStep, TaskView } from '@longshore/operations';
