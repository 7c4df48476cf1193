import type { SystemPackage } from '@longshore/core';
import { decommission } from './operations/decommission.ts';
import { moveBase } from './operations/move-base.ts';
import { rebalance } from './operations/rebalance.ts';
import { measure } from './tasks/measure.ts';
import { move } from './tasks/move.ts';

/** Moves and rebalances the meta2 bases of an OpenIO namespace. */
export const openio: SystemPackage = {
  name: 'openio',
  kinds: [moveBase, rebalance, decommission],
  tasks: [move, measure],
};

export type { MemberState } from './model.ts';
export { baseName, basePath, containerId, electionKey } from './names.ts';
export { beforeElection, electionProblems, synced } from './plan/election.ts';
export { distance, parseConstraint } from './plan/locations.ts';
export type { MovesRequest } from './plan/moves.ts';
export { planMoves } from './plan/moves.ts';
export { targetsOf } from './plan/targets.ts';
