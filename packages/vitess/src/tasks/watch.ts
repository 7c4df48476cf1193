/**
 * Watches the way back for a while before anything is deleted: the reverse workflow must run. How far it is behind is left to
 * vtctld, which refuses to switch back to a source that lags.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { vtctld } from '../client/vtctld.ts';
import { ReverseMissing, WorkflowGone } from '../errors.ts';
import { withoutWayBack } from '../plan/traffic.ts';
import { WorkflowRef } from '../workflow-ref.ts';
import { look, showTraffic } from './look.ts';
import { PATIENT } from './settings.ts';

export interface WatchParams {
  ref: WorkflowRef;
  watchMs: number;
  pollMs: number;
}

export const watch: TaskDefinition<WatchParams> = defineTask({
  name: 'vitess.watch',
  role: 'migrator',
  params: z.strictObject({ ref: WorkflowRef, watchMs: z.int().min(0), pollMs: z.int().positive() }),
  retry: PATIENT,
  targets: ({ ref }) => [ref.cluster],

  async run(context) {
    const { ref, watchMs, pollMs } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    // A worker that dies does not make it longer.
    const begun = (await context.checkpoint.load<{ at: number }>())?.at ?? context.clock.now();
    await context.checkpoint.save({ at: begun });
    for (;;) {
      const looked = await look(client, ref, context.clock.now());
      if (looked.status === undefined) throw WorkflowGone({ keyspace: ref.keyspace, workflow: ref.workflow });
      const shards = withoutWayBack(ref, looked.reverse);
      if (shards.length > 0) throw ReverseMissing({ workflow: ref.workflow, shards: shards.join(', ') });
      await showTraffic(context, looked);
      const passed = context.clock.now() - begun;
      context.progress(Math.min(watchMs, passed) / 1_000, watchMs / 1_000, 'seconds');
      if (passed >= watchMs) return undefined;
      await context.clock.sleep(Math.min(pollMs, watchMs - passed), context.signal);
    }
  },

  undo: { none: 'it only looks' },
});
