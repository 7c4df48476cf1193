/**
 * Begins the next partitions of a plan: puts a stage with some of them, and a stage with the round after that, behind this one.
 *
 * Changes: nothing outside. Twice is harmless: stages are put in once, with the outcome.
 */
import type { StageSpec, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { ClusterName } from '../params.ts';
import { changesOf } from '../plan/data.ts';
import { type OwnRole, PATIENT, taskName } from './settings.ts';

/** Partitions that are queued together: their records are kept, and a stage is one line on the page. */
const A_ROUND = 200;

export interface RoundParams {
  cluster: string;
  round: number;
  concurrency: number;
  opDeadlineMs: number;
  unsettledMs: number;
  mayPromote: boolean;
}

export function roundStage(role: OwnRole, params: RoundParams): StageSpec {
  const { round } = params;
  return {
    name: `round-${round}`,
    title: `begin round ${round}`,
    concurrency: 1,
    tasks: [{ id: `round-${round}`, task: taskName(role, 'round'), params: { ...params }, placement: 'role' }],
  };
}

export function roundTask(role: OwnRole): TaskDefinition<RoundParams> {
  return defineTask<RoundParams>({
    name: taskName(role, 'round'),
    role,
    params: z.strictObject({
      cluster: ClusterName,
      round: z.int().positive(),
      concurrency: z.int().positive(),
      opDeadlineMs: z.int().positive(),
      unsettledMs: z.int().nonnegative(),
      mayPromote: z.boolean(),
    }),
    retry: PATIENT,

    async run(context) {
      const { params } = context;
      const { round, concurrency, cluster, opDeadlineMs, unsettledMs, mayPromote } = params;
      const all = changesOf(context.plan);
      const first = (round - 1) * A_ROUND;
      const mine = all.slice(first, first + A_ROUND);
      const stages: StageSpec[] = [];
      if (mine.length > 0)
        stages.push({
          name: `settle-${round}`,
          title:
            all.length <= A_ROUND ? 'settle the partitions' : `settle partitions, round ${round} of ${Math.ceil(all.length / A_ROUND)}`,
          concurrency,
          // Recovery goes on with the others: each that is well again is a gain, and the report names those that are not.
          ...(mayPromote ? { tolerant: true } : {}),
          tasks: mine.map(({ db, table, tid, pid, goal }) => ({
            id: `settle-${db}.${table}-${tid}-${pid}`,
            task: taskName(role, 'settle'),
            params: { cluster, db, table, tid, pid, goal, mayPromote, opDeadlineMs, unsettledMs },
            placement: 'role',
          })),
        });
      if (first + A_ROUND < all.length) stages.push(roundStage(role, { ...params, round: round + 1 }));
      context.emit(stages);
      return { output: { partitions: mine.length } };
    },

    undo: { none: 'it only says what is to be done next' },
  });
}
