export { ACTION_MS } from './brpc.ts';
export type { OpenmldbClient, PartitionRef, TabletInfo } from './client.ts';
export { openmldbCluster, tableOf } from './client.ts';
export { Unanswered } from './errors.ts';
export type { TableInfo } from './wire.ts';
