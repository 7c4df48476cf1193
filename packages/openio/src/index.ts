import type { SystemPackage } from '@longshore/core';
import { check } from './operations/check.ts';
import { decommission } from './operations/decommission.ts';
import { moveBase } from './operations/move-base.ts';
import { rebalance } from './operations/rebalance.ts';
import { repair } from './operations/repair.ts';
import { look } from './tasks/look.ts';
import { backup } from './tasks/manual/backup.ts';
import { close, reopen } from './tasks/manual/close.ts';
import { edit } from './tasks/manual/edit.ts';
import { enable } from './tasks/manual/enable.ts';
import { freeze } from './tasks/manual/freeze.ts';
import { link } from './tasks/manual/link.ts';
import { retire } from './tasks/manual/retire.ts';
import { measure } from './tasks/measure.ts';
import { mend } from './tasks/mend.ts';
import { move } from './tasks/move.ts';

/** Moves and rebalances the meta2 bases of an OpenIO namespace. */
export const openio: SystemPackage = {
  name: 'openio',
  kinds: [moveBase, rebalance, decommission, check, repair],
  tasks: [move, measure, look, mend, freeze, close, backup, edit, link, reopen, enable, retire],
};

export type { MemberState } from './model.ts';
export { baseName, basePath, containerId, electionKey } from './names.ts';
export { beforeElection, electionProblems, synced } from './plan/election.ts';
export { distance, parseConstraint } from './plan/locations.ts';
export { planMoves } from './plan/moves.ts';
export { targetsOf } from './plan/targets.ts';
