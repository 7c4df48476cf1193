import type { SystemPackage } from '@longshore/core';

/** Reshards a Vitess keyspace. */
export const vitess: SystemPackage = { name: 'vitess', kinds: [], tasks: [] };
