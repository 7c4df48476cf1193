/** Spools whose machine has died: the operation says so after a while, and goes on by itself when it comes back. */

import type { TaskRecord } from '@longshore/core';
import { SPOOL_AWAY_MS } from '@longshore/core';
import type { DecideInput, Draft } from './draft.ts';
import { SpoolAway } from './errors.ts';

/** The spool a task was placed on. */
export function spoolOf(task: Pick<TaskRecord, 'placement' | 'queue'>): string | undefined {
  return task.placement === 'spool' ? task.queue.slice(task.queue.indexOf('.') + 1) : undefined;
}

export function watchSpools(draft: Draft, input: DecideInput): void {
  const { header } = draft;
  if (header.state !== 'running' && header.state !== 'needs-attention') return;
  const away: Record<string, number> = {};
  let worst: { spool: string; sinceMs: number; tasks: number } | undefined;
  for (const [spool, tasks] of Map.groupBy(draft.tasks.values(), (task) => spoolOf(task))) {
    if (spool === undefined) continue;
    const lacking = new Set(tasks.map(({ role }) => role)).values().filter((role) => !input.spools([role]).includes(spool));
    if (lacking.next().done) continue;
    const sinceMs = header.spoolsAway?.[spool] ?? input.now;
    away[spool] = sinceMs;
    if (input.now - sinceMs >= SPOOL_AWAY_MS) worst ??= { spool, sinceMs, tasks: tasks.length };
    else draft.wake(sinceMs + SPOOL_AWAY_MS);
  }
  if (JSON.stringify(away) !== JSON.stringify(header.spoolsAway ?? {})) {
    if (Object.keys(away).length > 0) header.spoolsAway = away;
    else delete header.spoolsAway;
    draft.touched = true;
  }
  const told = header.attention?.error.code === SpoolAway.code;
  if (worst && !told && header.attention === undefined) draft.attention(SpoolAway(worst).data);
  else if (!worst && told) draft.mended();
}
