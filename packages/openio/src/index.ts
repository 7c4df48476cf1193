import type { SystemPackage } from '@longshore/core';

/** Moves and rebalances the meta2 bases of an OpenIO namespace. */
export const openio: SystemPackage = { name: 'openio', kinds: [], tasks: [] };
