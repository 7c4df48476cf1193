export {
  AlreadyEnabled,
  ContainerFrozen,
  NoSuchReference,
  NotLocated,
  ServiceAway,
  TargetIsMaster,
  Unavailable,
} from './errors.ts';
export { MASTER_ELSEWHERE, Namespace, oioProxy } from './namespace.ts';
export type { OioProxy } from './proxy.ts';
export { ACTION_MS } from './proxy.ts';
