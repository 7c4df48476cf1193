import type { SystemPackage } from '@longshore/core';
import { recoverData } from './operations/recover-data.ts';
import { scaleIn } from './operations/scale-in.ts';
import { scaleOut } from './operations/scale-out.ts';
import { showOpStatusKind, showTableStatusKind } from './operations/show.ts';
import { postUpgrade, preUpgrade } from './operations/upgrade.ts';
import { awaitTablet } from './tasks/await-tablet.ts';
import { beginTask } from './tasks/begin.ts';
import { holdFailoverTask, releaseFailoverTask } from './tasks/failover.ts';
import { measureTask } from './tasks/measure.ts';
import { pruneRecord, record } from './tasks/record.ts';
import { roundTask } from './tasks/round.ts';
import { OWN_ROLES } from './tasks/settings.ts';
import { settleTask } from './tasks/settle.ts';
import { showOpStatus, showTableStatus } from './tasks/show.ts';

/** Recovers, scales and upgrades the tablets of an OpenMLDB cluster. */
export const openmldb: SystemPackage = {
  name: 'openmldb',
  kinds: [recoverData, scaleOut, scaleIn, preUpgrade, postUpgrade, showOpStatusKind, showTableStatusKind],
  tasks: [
    ...OWN_ROLES.flatMap((role) => [
      beginTask(role),
      holdFailoverTask(role),
      roundTask(role),
      settleTask(role),
      releaseFailoverTask(role),
      measureTask(role),
    ]),
    record,
    pruneRecord,
    awaitTablet,
    showOpStatus,
    showTableStatus,
  ],
};

export type { OpenmldbClient } from './client/index.ts';
export { openmldbCluster } from './client/index.ts';
export type { StatLine } from './stat-file.ts';
export { formatStatLine, parseStatLine } from './stat-file.ts';
export type { Shown } from './tasks/show.ts';
