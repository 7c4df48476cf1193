/**
 * Waits until the denial is in force and all that was committed by then is confirmed at the target. Where that takes too long, clients may
 * write again, and it goes back to catching up.
 *
 * Changes: nothing, or the env of the table back to what it was.
 * Twice is harmless: what was noted is kept; the denial is looked at in every round.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { pegasusCluster } from '../client/index.ts';
import { DenialGone, NotDrained } from '../errors.ts';
import { denialKey } from '../model.ts';
import { behind } from '../plan/drain.ts';
import { approach } from '../plan/migrate.ts';
import { liftDenial } from './denial.ts';
import { type Drained, drainUntil } from './draining.ts';
import { BRISK, RoundParams, reserveMs } from './settings.ts';
import { wasSwitched } from './switched.ts';

export const drain: TaskDefinition<RoundParams> = defineTask({
  name: 'pegasus.drain',
  role: 'migrator',
  params: RoundParams,
  retry: BRISK,
  targets: ({ source }) => [source],

  async run(context) {
    const { round, ...move } = context.params;
    const { table, maxDenialMs, denials } = move;
    if (await wasSwitched(context)) {
      const before = await context.resultOf(context.task.id);
      return before === undefined ? undefined : { output: before };
    }
    const guard = await context.guard.find(denialKey(table));
    if (guard?.state !== 'open') throw DenialGone({ table, value: null });
    const denied = await context.resultOf(round === 1 ? 'deny' : `deny-${round}`);
    const takenAt = typeof denied === 'object' && denied !== null && 'takenAt' in denied ? Number(denied.takenAt) : context.clock.now();
    let result: Drained;
    {
      await using source = context.target(move.source, pegasusCluster);
      result = await drainUntil(context, source, move, takenAt, guard.openedAt + maxDenialMs - reserveMs(maxDenialMs));
    }
    const { drained, notes, partitions, inForceAt } = result;
    if (drained) return { output: { takenAt, inForceAt, drainedAt: context.clock.now(), openedAt: guard.openedAt, notes } };
    await context.event(
      'drain',
      `${behind(notes, partitions)} partitions are behind after ${Math.round(maxDenialMs / 1000)} s; clients may write again`,
    );
    await liftDenial(context, 'lift');
    if (round >= denials)
      throw NotDrained({ table, partitions: behind(notes, partitions), seconds: Math.round(maxDenialMs / 1000), denials: round });
    context.emit(approach(move, round + 1));
    return { output: { gaveUp: true, behind: behind(notes, partitions), openedAt: guard.openedAt, liftedAt: context.clock.now() } };
  },

  undo: { none: 'it only reads; the denial is lifted by the step that set it' },
});
