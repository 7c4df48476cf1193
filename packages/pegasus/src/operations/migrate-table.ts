/**
 * Moves a live table to another cluster, and its clients with it.
 * Verified means: when the denial of writes was in force, every partition's last committed decree was noted, and the target has confirmed
 * each of them before the clients were pointed there.
 */
import type { KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS } from '../client/index.ts';
import { MigrateParams } from '../params.ts';
import { planMigration } from '../plan/migrate.ts';
import { snapshotOf } from '../reading/snapshot.ts';

export const migrateTable: KindDefinition<MigrateParams> = defineKind({
  name: 'pegasus.migrate-table',
  title: 'Pegasus: move a live table to another cluster, then point its clients there',
  role: 'migrator',
  params: MigrateParams,
  tolerant: false,
  guarded: true,
  actionMs: ACTION_MS,
  columns: ['committed', 'drained'],

  async plan(context) {
    const plan = planMigration(context.params, await snapshotOf(context, context.params));
    return { ...plan, expect: { partitions: plan.data.partitions }, data: JSON.parse(JSON.stringify(plan.data)) };
  },

  conclude: () => ({ ok: true }),
});
