import type { Presence, Role } from '@longshore/core';

/** Spools that live workers of every one of these roles serve, by name. */
export function usableSpools(workers: readonly Presence[], roles: readonly Role[]): string[] {
  const served = roles.map((role) => new Set(workers.filter((worker) => worker.role === role).flatMap((worker) => worker.spools)));
  const [first, ...others] = served;
  return [...(first ?? [])].filter((spool) => others.every((spools) => spools.has(spool))).sort();
}
