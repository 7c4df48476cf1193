export { AlreadyEnabled, ContainerFrozen, NoSuchReference, NotLocated, TargetIsMaster, Unavailable } from './errors.ts';
export { Namespace, oioProxy } from './namespace.ts';
export { ACTION_MS } from './proxy.ts';
