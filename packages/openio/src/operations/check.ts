/**
 * Looks at every container and says where meta1, sys.peers, election and files disagree, and what would mend each.
 * Verified means: every container was looked at. What was found is the answer; it ends with an error when there is something.
 */
import type { Finding, KindDefinition, TaskSpec } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { TroubleFound } from '../errors.ts';
import { takeInventory } from '../inventory.ts';
import { openNamespace } from '../open.ts';
import { CheckParams } from '../params.ts';

/** Containers that one task looks at. */
const GROUP = 50;

export const check: KindDefinition<CheckParams> = defineKind({
  name: 'openio.check',
  title: 'OpenIO: find containers whose directory, peers, election and files disagree',
  role: 'rebalancer',
  params: CheckParams,
  tolerant: false,
  reads: true,
  columns: ['containers', 'troubles'],

  async plan(context) {
    const { proxies, concurrency } = context.params;
    await using namespace = openNamespace(context, context.params);
    const services = await namespace.services();
    const { cids, unlisted } = await takeInventory(context, namespace, services, context.params);
    const tasks: TaskSpec[] = [];
    for (let at = 0; at < cids.length; at += GROUP)
      tasks.push({
        id: `check-${at / GROUP + 1}`,
        task: 'openio.look',
        params: { proxies, namespace: namespace.name, cids: cids.slice(at, at + GROUP) },
        placement: 'role',
      });
    return {
      summary: [`${cids.length} containers of ${namespace.name} on ${services.length} services are looked at; nothing is changed`],
      findings: unlisted.map(
        ({ service, why }): Finding => ({ level: 'warning', text: `the bases of ${service} could not be listed: ${why}` }),
      ),
      stages: tasks.length === 0 ? [] : [{ name: 'check', title: 'look at every container', concurrency, tasks }],
      expect: { containers: cids.length },
      data: { namespace: namespace.name, services: services.map(({ id }) => id) },
    };
  },

  conclude({ rows, totals }) {
    const { troubles = 0 } = totals;
    const containers = Object.values(rows).filter((row) => (row.troubles ?? 0) > 0).length;
    return troubles === 0 ? { ok: true } : { ok: false, error: TroubleFound({ containers, troubles }).data };
  },
});
