/**
 * Ends the workflow for good: the reverse streams go, and with them every way back. For a reshard the source shards leave the topology; for tables
 * that moved, the old ones are dropped.
 *
 * Changes: the topology, and the tables at the source. There is no undo.
 * Twice is harmless: a second call is refused by vtctld, and where workflow and source are gone it counts as done.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { NoSuchWorkflow, NotSwitched } from '../client/errors.ts';
import { vtctld } from '../client/vtctld.ts';
import { Completed } from '../errors.ts';
import { WorkflowRef } from '../workflow-ref.ts';
import type { Looked } from './look.ts';
import { look } from './look.ts';
import { PATIENT } from './settings.ts';

export interface CompleteParams {
  ref: WorkflowRef;
}

/** The workflow is gone, and what served before is gone with it. */
function isCompleted(ref: WorkflowRef, { status, sources }: Looked): boolean {
  if (status !== undefined) return false;
  return ref.type === 'move-tables' || ref.sourceShards.every((shard) => sources[shard] === undefined);
}

export const complete: TaskDefinition<CompleteParams> = defineTask({
  name: 'vitess.complete',
  role: 'migrator',
  params: z.strictObject({ ref: WorkflowRef }),
  retry: PATIENT,
  targets: ({ ref }) => [ref.cluster],
  final: ({ ref }) => Completed({ workflow: ref.workflow }).message,

  async run(context) {
    const { ref } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    await context.effect<boolean>({
      key: 'complete',
      what: `complete ${ref.workflow}, which deletes the source`,
      observe: async () => isCompleted(ref, await look(client, ref, context.clock.now())),
      wanted: true,
      async act() {
        const { reads, writes, traffic, status } = await look(client, ref, context.clock.now());
        if (status && (reads !== 'target' || writes !== 'target'))
          throw NotSwitched({ what: `complete ${ref.workflow}`, server: client.server, answer: traffic });
        try {
          await client.complete(ref);
        } catch (error) {
          // Done before; what is left in the topology is looked at next.
          if (!NoSuchWorkflow.is(error)) throw error;
        }
      },
    });
    await context.show('traffic', { reads: 'target', writes: 'target', traffic: 'completed', lagSeconds: null, throttled: false });
    return undefined;
  },

  /** Where it has not ended well it may have happened all the same: then nothing is taken back, and a person is told. */
  async undo(context) {
    const { ref } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    if (isCompleted(ref, await look(client, ref, context.clock.now()))) throw Completed({ workflow: ref.workflow });
  },
});
