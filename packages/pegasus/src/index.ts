import type { SystemPackage } from '@longshore/core';

/** Moves a live Pegasus table to another cluster. */
export const pegasus: SystemPackage = { name: 'pegasus', kinds: [], tasks: [] };
