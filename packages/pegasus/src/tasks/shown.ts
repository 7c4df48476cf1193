/** What a migration shows of itself: the backlog as a curve, and its partitions with the nodes that serve them. */
import type { TaskContext } from '@longshore/core';
import { type DuplicationProgress, pendingOf } from '../model.ts';
import type { Notes } from '../plan/drain.ts';

/** Partitions that are told one by one; of a larger table the curve must do. */
const MOST = 4_096;

/** `inForceAt`: since when every replica denies writes, while they are denied. */
export async function showPartitions(
  context: Pick<TaskContext<unknown>, 'show' | 'sample'>,
  seen: DuplicationProgress,
  notes: Notes = {},
  inForceAt?: number,
): Promise<void> {
  await context.sample(
    'backlog',
    seen.partitions.reduce((sum, one) => sum + (pendingOf(one) ?? 0), 0),
  );
  await context.show('partitions', {
    at: seen.at,
    ...(inForceAt === undefined ? {} : { inForceAt }),
    partitions: seen.partitions
      .slice(0, MOST)
      .map((one) => [one.partition, one.primary ?? '', pendingOf(one), notes[one.partition]?.drained ?? false]),
  });
}
