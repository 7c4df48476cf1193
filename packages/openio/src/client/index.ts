export { AlreadyEnabled, ContainerFrozen, NoSuchReference, NotLocated, TargetIsMaster, Unavailable } from './errors.ts';
export { Namespace, oioProxy } from './namespace.ts';
export { ACTION_MS, copyDeadlineMs } from './proxy.ts';
