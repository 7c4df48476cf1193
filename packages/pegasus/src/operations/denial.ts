/** What an operator does with a denial that was handed over: bring the switch to its end, or give it up. */
import type { Finding, KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS, pegasusCluster } from '../client/index.ts';
import { PreflightFailed } from '../errors.ts';
import { DENY_KEY, DENY_WRITES, leaseScope, leaseTarget, SEND_AWAY } from '../model.ts';
import { DenialParams } from '../params.ts';

function kind(name: string, title: string, wanted: string | null): KindDefinition<DenialParams> {
  return defineKind({
    name,
    title,
    role: 'migrator',
    params: DenialParams,
    tolerant: false,
    actionMs: ACTION_MS,
    columns: [],

    async plan(context) {
      const { table, source: service } = context.params;
      await using source = context.target(service, pegasusCluster);
      const { name: from } = await source.info();
      const there = await source.table(table);
      const denied = there?.envs.get(DENY_KEY) ?? null;
      const findings: Finding[] = [];
      const refuse = (what: string, remedy: string): void => {
        findings.push({ level: 'error', text: what, error: PreflightFailed({ what, remedy }).data });
      };
      if (there === undefined) refuse(`there is no table ${table} at ${from}`, 'Check the name and the cluster.');
      else if (wanted === SEND_AWAY && denied !== DENY_WRITES && denied !== SEND_AWAY)
        refuse(
          `writes to ${table} at ${from} are not denied (${denied ?? 'nothing is set'}), so that clients may have written since it was drained`,
          'Migrate it again; only a table whose writes are denied can be finished.',
        );
      else if (wanted === null && denied === SEND_AWAY)
        findings.push({
          level: 'warning',
          text: `the clients of ${table} are sent away from ${from}; where they write elsewhere by now, they must not come back`,
        });
      return {
        summary: [
          `${DENY_KEY} of ${table} at ${from}: ${denied ?? 'not set'} → ${wanted ?? 'deleted'}`,
          wanted === null ? 'clients may write there again' : 'all clients of the source are made to look up where the table is',
        ],
        findings,
        stages: [
          {
            name: 'set',
            title: wanted === null ? 'let clients write again' : 'send the clients away',
            concurrency: 1,
            approval: `${wanted === null ? 'let clients write' : 'send all clients away'} at ${from}, table ${table}`,
            tasks: [{ id: 'set', task: 'pegasus.set-denial', params: { table, source: service, value: wanted }, placement: 'role' }],
          },
        ],
        leases: [{ target: leaseTarget(from), scope: leaseScope(table) }],
        fingerprint: { denied },
        expect: {},
        data: null,
      };
    },

    conclude: () => ({ ok: true }),
  });
}

export const finish: KindDefinition<DenialParams> = kind(
  'pegasus.finish',
  'Pegasus: end a switch that was made by hand, by sending the clients of the source away',
  SEND_AWAY,
);
export const lift: KindDefinition<DenialParams> = kind('pegasus.lift', 'Pegasus: let the clients of a table write again', null);
