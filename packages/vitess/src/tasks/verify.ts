/**
 * Compares source and targets row by row (VDiff) and stops the operation where they differ: to vtctld the result is advice.
 *
 * Changes: a record of the comparison in the workflow, which goes with it.
 * Twice is harmless: an attempt goes on with the comparison that the one before it began.
 */
import { createHash } from 'node:crypto';
import type { Json, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { vtctld } from '../client/vtctld.ts';
import { Differs, DiffFailed } from '../errors.ts';
import type { TableDiff } from '../plan/diff-result.ts';
import { diffState } from '../plan/diff-result.ts';
import { WorkflowRef } from '../workflow-ref.ts';
import { PATIENT } from './settings.ts';

export interface VerifyParams {
  ref: WorkflowRef;
  pollMs: number;
}

const DEADLINE_MS = 7 * 86_400_000;

/** A comparison is named by a UUID of its client's. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const wrong = ({ table, shard, mismatched, extraSource, extraTarget }: TableDiff): string =>
  `${table} at ${shard} (${mismatched} different, ${extraSource} missing, ${extraTarget} too much)`;

export const verify: TaskDefinition<VerifyParams> = defineTask({
  name: 'vitess.verify',
  role: 'migrator',
  params: z.strictObject({ ref: WorkflowRef, pollMs: z.int().positive() }),
  retry: PATIENT,
  deadlineMs: DEADLINE_MS,
  targets: ({ ref }) => [ref.cluster],

  async run(context) {
    const { ref, pollMs } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    const kept = await context.checkpoint.load<{ uuid: string | null }>();
    const uuid = kept?.uuid ?? uuidOf(`${context.operation.id}/${context.task.id}/${context.generation}`);
    // Kept before it is begun, so that no attempt begins a second one.
    if (!kept?.uuid) await context.checkpoint.save({ uuid });
    if (Object.values(await client.diff(ref, uuid)).every((rows) => rows.length === 0)) {
      await context.lease.assertHeld();
      await client.createDiff(ref, uuid, ref.tables);
    }
    for (;;) {
      const state = diffState(await client.diff(ref, uuid), ref.targetShards);
      const compared = state.tables.reduce((sum, table) => sum + table.compared, 0);
      context.progress(compared, undefined, 'rows');
      await context.show('diff', { through: state.through, tables: state.tables as unknown as Json });
      if (state.failed) {
        await context.checkpoint.save({ uuid: null });
        throw DiffFailed({ workflow: ref.workflow, ...state.failed });
      }
      if (state.through && state.different.length > 0) {
        for (const table of state.different)
          context.note({ level: 'error', row: table.table, text: `source and targets differ: ${wrong(table)}` });
        await context.event('note', `source and targets differ: ${state.different.map(wrong).join(', ')}`);
        // Tried again by hand, it is compared anew.
        await context.checkpoint.save({ uuid: null });
        throw Differs({ workflow: ref.workflow, tables: state.different.map(wrong).join(', ') });
      }
      if (state.through) {
        for (const { table, compared: rows } of state.tables) context.tally(table, 'compared', rows);
        return { output: { uuid, tables: state.tables as unknown as Json } };
      }
      await context.clock.sleep(pollMs, context.signal);
    }
  },

  undo: { none: 'it only looks' },
});
