import type { SystemPackage } from '@longshore/core';
import { cleanup } from './operations/cleanup.ts';
import { finish, lift } from './operations/denial.ts';
import { migrateTable } from './operations/migrate-table.ts';
import { status } from './operations/status.ts';
import { catchUp } from './tasks/catch-up.ts';
import { dropTable, removeDuplication } from './tasks/cleanup.ts';
import { denyWrites } from './tasks/deny-writes.ts';
import { drain } from './tasks/drain.ts';
import { duplicate } from './tasks/duplicate.ts';
import { endDenial } from './tasks/end-denial.ts';
import { liftDenialTask } from './tasks/lift-denial.ts';
import { readStatus } from './tasks/read-status.ts';
import { report } from './tasks/report.ts';
import { setDenial } from './tasks/set-denial.ts';
import { switchClients } from './tasks/switch.ts';

/** Moves a live Pegasus table to another cluster. */
export const pegasus: SystemPackage = {
  name: 'pegasus',
  kinds: [migrateTable, cleanup, finish, lift, status],
  tasks: [
    duplicate,
    catchUp,
    denyWrites,
    drain,
    switchClients,
    endDenial,
    liftDenialTask,
    report,
    removeDuplication,
    dropTable,
    setDenial,
    readStatus,
  ],
};

export type { Codec, Envelope, PegasusCluster, Shape } from './client/index.ts';
export { decodeReply, encodeRequest, encodeRequestV1, pegasusCluster, RPCS } from './client/index.ts';
