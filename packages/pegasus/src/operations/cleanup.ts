/**
 * Removes what a migration has left at the source: the duplication, and the table when asked.
 * Verified means: they were read to be gone.
 */
import type { Finding, KindDefinition, StageSpec } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS, pegasusCluster } from '../client/index.ts';
import { StillInUse } from '../errors.ts';
import { DENY_KEY, leaseScope, leaseTarget, SEND_AWAY } from '../model.ts';
import { CleanupParams } from '../params.ts';

export const cleanup: KindDefinition<CleanupParams> = defineKind({
  name: 'pegasus.cleanup',
  title: 'Pegasus: remove the duplication of a table that was moved, and the table at the source when asked',
  role: 'migrator',
  params: CleanupParams,
  tolerant: false,
  actionMs: ACTION_MS,
  columns: [],

  async plan(context) {
    const { table, source: name, cluster, dropTable, reserveSeconds } = context.params;
    await using source = context.target(name, pegasusCluster);
    const { name: from } = await source.info();
    const there = await source.table(table);
    const dup = (await source.duplications(table))?.find(({ remote }) => remote === cluster);
    const denied = there?.envs.get(DENY_KEY);
    const findings: Finding[] = [];
    // Nothing else says that no client is here any more.
    if (there !== undefined && denied !== SEND_AWAY) {
      const { message, data } = StillInUse({ table, why: `its clients are not sent away from ${from} (${denied ?? 'nothing is denied'})` });
      findings.push({ level: 'error', text: message, error: data });
    }
    if (there === undefined) findings.push({ level: 'info', text: `there is no table ${table} at ${from} any more` });
    const params = { table, source: name, cluster, dropTable, reserveSeconds };
    const stages: StageSpec[] = [];
    if (dup !== undefined)
      stages.push({
        name: 'remove-duplication',
        title: `remove the duplication of ${table} to ${cluster}`,
        concurrency: 1,
        approval: `remove the duplication ${dup.dupid} of ${table} to ${cluster}`,
        tasks: [{ id: 'remove-duplication', task: 'pegasus.remove-duplication', params, placement: 'role' }],
      });
    if (dropTable && there !== undefined)
      stages.push({
        name: 'drop-table',
        title: `drop ${table} at ${from}`,
        concurrency: 1,
        approval: `drop ${table} at ${from}; it can be recalled for ${reserveSeconds} s`,
        tasks: [{ id: 'drop-table', task: 'pegasus.drop-table', params, placement: 'role' }],
      });
    return {
      summary: [
        dup === undefined
          ? `${table} is not duplicated to ${cluster}`
          : `the duplication ${dup.dupid} of ${table} to ${cluster} (${dup.status}) is removed`,
        ...(dropTable
          ? [`${table} at ${from} is dropped; the servers keep its data for ${reserveSeconds} s`]
          : [`${table} at ${from} stays`]),
      ],
      findings,
      stages,
      leases: [{ target: leaseTarget(from), scope: leaseScope(table) }],
      fingerprint: { denied: denied ?? null, dup: dup?.dupid ?? null, table: there?.appId ?? null },
      expect: {},
      data: null,
    };
  },

  conclude: () => ({ ok: true }),
});
