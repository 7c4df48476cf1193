/**
 * Evens out the sums of several services by moving units of counters.
 * Verified means: every move that was planned has taken and given its units.
 */
import type { KindDefinition, StageSpec } from '@longshore/core';
import { defineKind } from '@longshore/core';
import { ACTION_MS } from '../client/index.ts';
import { Uneven } from '../errors.ts';
import { RebalanceParams } from '../params.ts';
import { planRebalance } from '../plan/rebalance.ts';
import { roundStage } from '../tasks/round.ts';
import { snapshotOf } from './snapshot.ts';

export const rebalance: KindDefinition<RebalanceParams> = defineKind({
  name: 'counter.rebalance',
  title: 'Demonstration: even out the sums of counter services',
  role: 'rebalancer',
  params: RebalanceParams,
  tolerant: false,
  actionMs: ACTION_MS,
  columns: ['planned', 'moved', 'holds'],

  async plan(context) {
    const { services, concurrency, movesPerRound, pauseMs } = context.params;
    const snapshots = [];
    for (const name of services) snapshots.push(await snapshotOf(context, name));
    const { moves, missing, findings, leases, fingerprint, sums } = planRebalance(snapshots);
    if (new Set(snapshots.map(({ identity }) => identity)).size < snapshots.length)
      findings.push({ level: 'error', text: 'two of the services are the same one under different names' });
    const units = moves.reduce((sum, move) => sum + move.units, 0);
    const stages: StageSpec[] = [];
    if (missing.length > 0)
      stages.push({
        name: 'ensure',
        title: 'make the counters that are not there yet',
        concurrency,
        tasks: missing.map((one, at) => ({
          id: `ensure-${at + 1}`,
          task: 'counter.ensure',
          params: { ...one, pauseMs },
          placement: 'role',
        })),
      });
    if (moves.length > 0) stages.push(roundStage({ round: 1, concurrency, movesPerRound, pauseMs }));
    stages.push({
      name: 'measure',
      title: 'read how even they are',
      concurrency: 1,
      tasks: [{ id: 'measure', task: 'counter.measure', params: { services, planned: units, pauseMs }, placement: 'role' }],
    });
    return {
      summary: [
        moves.length === 0 ? 'they are even already' : `${moves.length} moves of ${units} units in all, ${concurrency} at a time`,
        ...sums.map(({ service, before, after }) => `${service}: ${before} → ${after}`),
      ],
      findings,
      stages,
      leases,
      fingerprint,
      expect: { moves: moves.length },
      data: { moves },
    };
  },

  conclude({ totals }) {
    const { planned = 0, moved = 0 } = totals;
    return planned === moved ? { ok: true } : { ok: false, error: Uneven({ planned, moved }).data };
  },
});
