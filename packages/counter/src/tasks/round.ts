/**
 * Begins the next moves of a rebalancing: puts a stage with some of them, and a stage with the round after that, behind this one.
 *
 * Changes: nothing outside. Twice is harmless: stages are put in once, with the outcome.
 */
import type { StageSpec, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { PauseMs } from '../params.ts';
import type { Move } from '../plan/rebalance.ts';
import { PATIENT } from './settings.ts';

export interface RoundParams {
  round: number;
  concurrency: number;
  movesPerRound: number;
  pauseMs: number;
}

const moves: z.ZodType<{ moves: Move[] }> = z.object({
  moves: z.array(z.object({ from: z.string(), to: z.string(), counter: z.string(), units: z.int().positive() })),
});

/** The stage that begins a round. */
export function roundStage(params: RoundParams): StageSpec {
  const { round } = params;
  return {
    name: `round-${round}`,
    title: `begin round ${round}`,
    concurrency: 1,
    tasks: [{ id: `round-${round}`, task: 'counter.round', params: { ...params }, placement: 'role' }],
  };
}

export const round: TaskDefinition<RoundParams> = defineTask({
  name: 'counter.round',
  role: 'rebalancer',
  params: z.strictObject({
    round: z.int().positive(),
    concurrency: z.int().positive(),
    movesPerRound: z.int().positive(),
    pauseMs: PauseMs,
  }),
  retry: PATIENT,

  async run(context) {
    const { params } = context;
    const { round: number, concurrency, movesPerRound, pauseMs } = params;
    const all = moves.parse(context.plan).moves;
    const first = (number - 1) * movesPerRound;
    const mine = all.slice(first, first + movesPerRound);
    await context.clock.sleep(pauseMs, context.signal);
    const stages: StageSpec[] = [];
    if (mine.length > 0)
      stages.push({
        name: `move-${number}`,
        title: `move units, round ${number}`,
        concurrency,
        // The others go on: each move makes it more even by itself, and the report says which one failed.
        tolerant: true,
        tasks: mine.map((move, at) => ({
          id: `move-${first + at + 1}`,
          task: 'counter.transfer',
          params: { ...move, pauseMs },
          placement: 'role',
        })),
      });
    if (first + movesPerRound < all.length) stages.push(roundStage({ ...params, round: number + 1 }));
    context.emit(stages);
    return { output: { moves: mine.length } };
  },

  undo: { none: 'it only says what is to be done next' },
});
