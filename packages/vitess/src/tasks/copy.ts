/**
 * Waits until every target has every row and follows the changes, shows how far it is table by table, and keeps the load of the source in
 * bounds.
 *
 * Changes: the throttler's rule for copying, which lapses by itself; a stream that had stopped is started again when this is tried again.
 * Twice is harmless: it looks.
 */
import type { Json, TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask, GateClosed } from '@longshore/core';
import { z } from 'zod';
import { vtctld } from '../client/vtctld.ts';
import { StreamFailed, WorkflowGone } from '../errors.ts';
import type { CopyState } from '../plan/copying.ts';
import { WorkflowRef } from '../workflow-ref.ts';
import { look, showTraffic } from './look.ts';
import { PATIENT } from './settings.ts';
import { Backpressure, LoadSignal } from './throttle.ts';

export interface CopyParams {
  ref: WorkflowRef;
  load: LoadSignal | null;
  pollMs: number;
}

/** Ready must be seen so often in a row: one answer can come from between two states. */
const IN_A_ROW = 2;
const STOPPED_MS = 10_000;
const DEADLINE_MS = 30 * 86_400_000;

export const copy: TaskDefinition<CopyParams> = defineTask({
  name: 'vitess.copy',
  role: 'migrator',
  params: z.strictObject({ ref: WorkflowRef, load: LoadSignal.nullable(), pollMs: z.int().positive() }),
  retry: PATIENT,
  // Rows are copied for as long as it takes.
  deadlineMs: DEADLINE_MS,
  targets: ({ ref }) => [ref.cluster],

  async run(context) {
    const { ref, load, pollMs } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    const pressure = new Backpressure(context, client, ref, load);
    // Streams that stopped with an error are started again by whoever tries this again: its cause is mended then.
    const before = (await context.resultOf(context.task.id)) as { failed?: string } | undefined;
    const failedBefore = before?.failed !== undefined;
    let started = false;
    let ready = 0;
    try {
      for (;;) {
        const looked = await look(client, ref, context.clock.now());
        const state = looked.copy;
        if (looked.status === undefined) throw WorkflowGone({ keyspace: ref.keyspace, workflow: ref.workflow });
        await tell(context, state);
        await showTraffic(context, looked);
        if (state.failed && failedBefore && !started) {
          started = true;
          await context.lease.assertHeld();
          await client.startStreams(ref);
        } else if (state.failed) {
          return { output: { failed: state.failed.reason }, error: StreamFailed({ workflow: ref.workflow, ...state.failed }) };
        } else if (state.stopped)
          throw new GateClosed(
            'source',
            `streams of ${ref.workflow} are stopped: somebody has stopped them, and nothing is copied meanwhile`,
            STOPPED_MS,
          );
        ready = state.ready ? ready + 1 : 0;
        if (ready >= IN_A_ROW) {
          for (const { table, copied } of state.tables) context.tally(table, 'rows', copied);
          return { output: { tables: state.tables as unknown as Json } };
        }
        await pressure.regulate(ref.sourceShards.flatMap((shard) => looked.sources[shard]?.shard?.primary_alias ?? []));
        await context.clock.sleep(pollMs, context.signal);
      }
    } finally {
      await pressure.release().catch((error: unknown) => context.log.warn({ err: error }, 'the throttler keeps its rule until it lapses'));
    }
  },

  undo: { none: 'what was copied goes with the workflow' },
});

async function tell(context: TaskContext<CopyParams>, { tables, why, throttled }: CopyState): Promise<void> {
  const sum = (part: 'copied' | 'total'): number => tables.reduce((all, table) => all + table[part], 0);
  // MySQL's count of rows is an estimate; what is copied is counted.
  const total = Math.max(sum('total'), sum('copied'));
  context.progress(sum('copied'), total > 0 ? total : undefined, 'rows');
  await context.show('copy', { tables: tables as unknown as Json, why, throttled });
}
