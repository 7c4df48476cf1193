/**
 * Moves counters from one service to another while clients keep adding.
 * Verified means: the clients are at the sink, and the source has taken nothing since its last value went along.
 */
import type { KindDefinition } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS } from '../client/index.ts';
import { AddsLost } from '../errors.ts';
import { MoveParams } from '../params.ts';
import { planMove } from '../plan/move.ts';
import { snapshotOf } from './snapshot.ts';

export const move: KindDefinition<MoveParams> = defineKind({
  name: 'counter.move',
  title: 'Demonstration: move counters to another service while clients keep adding',
  role: 'migrator',
  params: MoveParams,
  tolerant: false,
  guarded: true,
  actionMs: ACTION_MS,
  columns: ['moved', 'lost'],

  async plan(context) {
    const { params } = context;
    const plan = planMove(params, await snapshotOf(context, params.source), await snapshotOf(context, params.sink));
    return { ...plan, expect: { counters: params.counters.length }, data: null };
  },

  conclude({ header, rows }) {
    const { source } = MoveParams.parse(header.params);
    const [counter, columns] = Object.entries(rows).find(([, { lost = 0 }]) => lost !== 0) ?? [];
    if (counter === undefined || columns === undefined) return { ok: true };
    return { ok: false, error: AddsLost({ counter, source, lost: columns.lost ?? 0 }).data };
  },
});
