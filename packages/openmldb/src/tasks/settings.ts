/** Bounds of the tasks, and their names; one place. */
import type { RetryPolicy, Role } from '@longshore/core';

/** Servers may be away for a while: a nameserver that is followed by another, a tablet that restarts. */
export const PATIENT: RetryPolicy = { attempts: 8, firstPauseMs: 500, maxPauseMs: 15_000 };

/** An exclusive right to a whole cluster: its queues are shared by all tables. */
export function leaseTarget(identity: string): string {
  return `openmldb:${identity}`;
}

export const FAILOVER_KEY = 'auto_failover';

/** Kinds run on two roles, and a task belongs to one: each has its own of the same making. */
export type OwnRole = Extract<Role, 'migrator' | 'rebalancer'>;
export const OWN_ROLES: readonly OwnRole[] = ['rebalancer', 'migrator'];

export function taskName(role: OwnRole, task: string): string {
  return `openmldb.${role}-${task}`;
}
