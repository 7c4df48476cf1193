import type { SystemPackage } from '@longshore/core';

/** Recovers, scales and upgrades the tablets of an OpenMLDB cluster. */
export const openmldb: SystemPackage = { name: 'openmldb', kinds: [], tasks: [] };
