/**
 * Evens out the bases of the meta2 services by score and location.
 * Verified means: every base that was to be moved is where it should be, and its election, peers, versions and files say so.
 */
import type { KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS } from '../client/index.ts';
import { Unfinished } from '../errors.ts';
import { openNamespace } from '../open.ts';
import { RebalanceParams } from '../params.ts';
import { planMoves } from '../plan/moves.ts';
import { constraintOf, draftOf, snapshotOf } from './moves.ts';

export const rebalance: KindDefinition<RebalanceParams> = defineKind({
  name: 'openio.rebalance',
  title: 'OpenIO: even out the bases of meta2 services',
  role: 'rebalancer',
  params: RebalanceParams,
  tolerant: false,
  actionMs: ACTION_MS,
  columns: ['planned', 'moved', 'leftovers'],

  async plan(context) {
    const { params } = context;
    await using namespace = openNamespace(context, params);
    const snapshot = await snapshotOf(context, namespace);
    const plan = planMoves({
      services: snapshot.services,
      containers: snapshot.containers,
      constraint: constraintOf(params),
      tolerancePercent: params.tolerancePercent,
      ...(params.from === undefined ? {} : { sources: params.from }),
      ...(params.maxMoves === undefined ? {} : { maxMoves: params.maxMoves }),
    });
    const unknown = (params.from ?? []).filter((id) => !snapshot.services.some((service) => service.id === id));
    for (const id of unknown) snapshot.findings.push({ level: 'error', text: `the conscience knows no meta2 ${id}` });
    return draftOf(params, namespace.name, plan, snapshot);
  },

  conclude({ totals }) {
    const { planned = 0, moved = 0 } = totals;
    return planned === moved ? { ok: true } : { ok: false, error: Unfinished({ planned, moved }).data };
  },
});
