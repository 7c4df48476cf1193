export { ANSWERS, OPERATION } from './answers.ts';
export type { ApiRequest, Call, Send } from './caller.ts';
export { caller, pathOf } from './caller.ts';
export type {
  AnswerOf,
  ApprovalGiven,
  AuditFilter,
  InputOf,
  KindInfo,
  ListFilter,
  Me,
  RouteKey,
  Routes,
  Submission,
  TargetInfo,
  TokenInfo,
  TokenWanted,
} from './routes.ts';
export { MAX_AUDIT_PAGE, SCHEMAS } from './schemas.ts';
