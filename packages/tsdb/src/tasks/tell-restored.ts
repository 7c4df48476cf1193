/** What a restore comes to, in the report. */
import type { TaskContext } from '@longshore/core';
import type { ComparedPoints } from '@longshore/spool';

/** Counts points of a metric as restored and, as far as they were compared with the sink, as verified, missing and so on. */
export function tellRestored(
  context: Pick<TaskContext<unknown>, 'tally'>,
  metric: string,
  points: number,
  compared: ComparedPoints | undefined,
): void {
  context.tally(metric, 'restored', points);
  if (compared === undefined) return;
  const { matched, missing, extra, different, precisionLost } = compared;
  context.tally(metric, 'verified', matched + precisionLost);
  for (const [column, value] of Object.entries({ precisionLost, missing, extra, different }))
    if (value > 0) context.tally(metric, column, value);
}
