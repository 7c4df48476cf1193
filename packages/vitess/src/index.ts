import type { SystemPackage } from '@longshore/core';
import { horizontalResharding, verticalSplit } from './operations/legacy.ts';
import { moveTables } from './operations/move-tables.ts';
import { reshard } from './operations/reshard.ts';
import { statusKind } from './operations/status.ts';
import { complete } from './tasks/complete.ts';
import { copy } from './tasks/copy.ts';
import { create } from './tasks/create.ts';
import { remoteCommands } from './tasks/remote-command.ts';
import { settleMigration } from './tasks/settle-migration.ts';
import { settleWrites } from './tasks/settle-writes.ts';
import { status } from './tasks/status.ts';
import { switchReads } from './tasks/switch-reads.ts';
import { switchWrites } from './tasks/switch-writes.ts';
import { verify } from './tasks/verify.ts';
import { watch } from './tasks/watch.ts';

/** Reshards a Vitess keyspace, the old way and today's. */
export const vitess: SystemPackage = {
  name: 'vitess',
  kinds: [reshard, moveTables, statusKind, horizontalResharding, verticalSplit],
  tasks: [create, copy, verify, switchReads, switchWrites, settleWrites, settleMigration, watch, complete, status, ...remoteCommands],
};

export type { Automation, AutomationPort, Life, Registered } from './automation/automation.ts';
export { automation, REGISTERED } from './automation/automation.ts';
export { AutomationClient, CallFailed } from './automation/client.ts';
export type { ClusterOperation } from './automation/cluster-operation.ts';
export { detailsText, requestText } from './automation/proto-text.ts';
export type { AutomationServer } from './automation/server.ts';
export { serveAutomation } from './automation/server.ts';
export { clusterOperation } from './automation/view.ts';
export { LEAF_TASKS } from './plan/leaf-tasks.ts';
