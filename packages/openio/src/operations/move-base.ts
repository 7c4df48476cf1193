/**
 * Moves one replica of one container from one meta2 service to another.
 * Verified means: meta1, sys.peers, the election, versions and files say the same on every service, and none of the old replica is left.
 */
import type { Finding, KindDefinition, PlanDraft, StageSpec } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS } from '../client/index.ts';
import { Unfinished } from '../errors.ts';
import { cidOf } from '../inventory.ts';
import { joined, leaseScope, leaseTarget } from '../model.ts';
import { containerId } from '../names.ts';
import { observe } from '../observe.ts';
import { openNamespace } from '../open.ts';
import { MoveParams } from '../params.ts';
import type { Facts } from '../plan/facts.ts';
import { hostsOf, nameOf } from '../plan/facts.ts';
import { fittest, nativeProblems, replaced } from '../plan/preflight.ts';
import { manualDraft } from './manual.ts';
import { constraintOf } from './moves.ts';

export const moveBase: KindDefinition<MoveParams> = defineKind({
  name: 'openio.move-base',
  title: 'OpenIO: move the base of a container to another meta2 service',
  role: 'rebalancer',
  params: MoveParams,
  tolerant: false,
  guarded: true,
  actionMs: ACTION_MS,
  columns: ['moved', 'leftovers'],

  async plan(context) {
    const { params } = context;
    await using namespace = openNamespace(context, params);
    const cid = params.cid ?? (params.container === undefined ? cidOf('') : containerId(params.account!, params.container));
    const facts = await observe(namespace, cid);
    const constraint = constraintOf(params);
    const to = params.to ?? fittest(facts, params.from, constraint);
    const findings: Finding[] = [];
    if (params.mode === 'manual' && to !== undefined) return manualDraft(context, namespace, facts, to);
    if (to === undefined) findings.push({ level: 'error', text: `no service suits in place of ${params.from}` });
    else
      for (const text of nativeProblems(facts, { from: params.from, to, constraint, replicas: params.replicas }))
        findings.push({ level: 'error', text });
    return draft(params, namespace.name, facts, to ?? '', findings);
  },

  conclude({ totals }) {
    const { moved = 0 } = totals;
    return moved === 1 ? { ok: true } : { ok: false, error: Unfinished({ planned: 1, moved }).data };
  },
});

function draft(params: MoveParams, namespace: string, facts: Facts, to: string, findings: Finding[]): PlanDraft {
  const { cid } = facts;
  const { from, proxies, replicas, location, minDistance, rdir, pauseMs } = params;
  const hosts = hostsOf(facts) ?? [];
  const after = replaced(hosts, { from, to });
  const place = { replicas, minDistance, ...(location === undefined ? {} : { location }) };
  const stages: StageSpec[] =
    findings.length > 0
      ? []
      : [
          {
            name: 'move',
            title: `move ${nameOf(facts)} from ${from} to ${to}`,
            concurrency: 1,
            tasks: [
              {
                id: 'move',
                task: 'openio.move',
                params: { proxies, namespace, ...place, cid, from, to, perService: 1, pauseMs, ...(rdir === undefined ? {} : { rdir }) },
                placement: 'role',
              },
            ],
          },
        ];
  return {
    summary: [`${nameOf(facts)} (${cid})`, `${joined(hosts)} → ${joined(after)}`, 'through the services, while clients read and write'],
    findings,
    stages,
    leases: [{ target: leaseTarget(namespace), scope: leaseScope(cid) }],
    fingerprint: { hosts, from, to },
    expect: { moves: 1 },
    data: { namespace, cid, name: nameOf(facts), before: hosts, after, from, to },
  };
}
