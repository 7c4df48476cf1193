/**
 * Empties one meta2 service: each of its bases goes to the fittest of the others.
 * Verified means: every base that was to be moved is where it should be, and its election, peers, versions and files say so.
 */
import type { KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS } from '../client/index.ts';
import { Unfinished } from '../errors.ts';
import { openNamespace } from '../open.ts';
import { DecommissionParams } from '../params.ts';
import { planMoves } from '../plan/moves.ts';
import { constraintOf, draftOf, snapshotOf } from './moves.ts';

export const decommission: KindDefinition<DecommissionParams> = defineKind({
  name: 'openio.decommission',
  title: 'OpenIO: empty a meta2 service',
  role: 'rebalancer',
  params: DecommissionParams,
  tolerant: false,
  actionMs: ACTION_MS,
  columns: ['planned', 'moved', 'leftovers'],

  async plan(context) {
    const { params } = context;
    const { from, keepPercent } = params;
    await using namespace = openNamespace(context, params);
    const snapshot = await snapshotOf(context, namespace);
    const service = snapshot.services.find(({ id }) => id === from);
    if (!service) snapshot.findings.push({ level: 'error', text: `the conscience knows no meta2 ${from}` });
    else if (!service.up)
      snapshot.findings.push({ level: 'error', text: `${from} is down: move its bases one by one with \`longshore openio move\`` });
    else if (service.score > 0)
      snapshot.findings.push({
        level: 'warning',
        text: `${from} has a score of ${service.score}: new containers go on being placed there. Lock it at 0 first`,
      });
    const plan = planMoves({
      services: snapshot.services,
      containers: snapshot.containers,
      constraint: constraintOf(params),
      tolerancePercent: 0,
      drain: { ids: [from], keepPercent },
      sources: [from],
    });
    return draftOf(params, namespace.name, plan, snapshot);
  },

  conclude({ totals }) {
    const { planned = 0, moved = 0 } = totals;
    return planned === moved ? { ok: true } : { ok: false, error: Unfinished({ planned, moved }).data };
  },
});
