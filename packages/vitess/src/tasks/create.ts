/**
 * Creates the workflow: vtctld copies the schema, and streams begin to copy rows.
 *
 * Changes: streams on the targets, and their tables. Clients notice nothing: the targets serve nobody.
 * Twice is harmless: it is created only while there is none of that name; one that the journal does not know to be ours is refused.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { NoSuchWorkflow } from '../client/errors.ts';
import { vtctld } from '../client/vtctld.ts';
import { StillSwitched, WorkflowExists } from '../errors.ts';
import { WorkflowRef } from '../workflow-ref.ts';
import { look } from './look.ts';
import { PATIENT } from './settings.ts';

export interface CreateParams {
  ref: WorkflowRef;
}

export const create: TaskDefinition<CreateParams> = defineTask({
  name: 'vitess.create',
  role: 'migrator',
  params: z.strictObject({ ref: WorkflowRef }),
  retry: PATIENT,
  targets: ({ ref }) => [ref.cluster],

  async run(context) {
    const { ref } = context.params;
    await using client = context.target(ref.cluster, vtctld);
    const found = await context.effect<boolean>({
      key: 'create',
      what: `create the workflow ${ref.workflow} in ${ref.keyspace}`,
      observe: async () => (await client.status(ref)) !== undefined,
      wanted: true,
      act: () =>
        ref.type === 'reshard'
          ? client.createReshard(ref, ref.sourceShards, ref.targetShards)
          : client.createMoveTables(ref, ref.sourceKeyspace, ref.tables.length > 0 ? ref.tables : 'all'),
    });
    if (found) throw WorkflowExists({ keyspace: ref.keyspace, workflow: ref.workflow });
    return undefined;
  },

  /** Deletes it with what was copied, and only while no traffic is on the targets: vtctld would delete it all the same. */
  async undo(context) {
    const { ref } = context.params;
    if ((await context.journal.entries()).some(({ key, before }) => key === 'create' && before === true)) return;
    await using client = context.target(ref.cluster, vtctld);
    await context.effect<boolean>({
      key: 'create',
      what: `delete the workflow ${ref.workflow} in ${ref.keyspace} with its copy`,
      observe: async () => (await client.status(ref)) !== undefined,
      wanted: false,
      always: true,
      async act() {
        const { reads, writes, traffic, status } = await look(client, ref, context.clock.now());
        if (status === undefined) return;
        if (reads !== 'source' || writes !== 'source') throw StillSwitched({ workflow: ref.workflow, traffic });
        try {
          await client.deleteWorkflow(ref);
        } catch (error) {
          if (!NoSuchWorkflow.is(error)) throw error;
        }
      },
    });
    const { reads, writes, traffic } = await look(client, ref, context.clock.now());
    // Where tables move, the rules go with the workflow, and what is left is where they came from.
    if (ref.type === 'reshard' && (reads !== 'source' || writes !== 'source')) throw StillSwitched({ workflow: ref.workflow, traffic });
  },
});
