/** Reads the state of a keyspace and puts it into the report. Changes nothing; twice is harmless. */
import type { Json, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { NodeMissing } from '../client/errors.ts';
import type { Workflow, WorkflowStatus } from '../client/messages.ts';
import { vtctld } from '../client/vtctld.ts';
import { keyspaceSnapshot } from '../operations/snapshot.ts';
import { StatusParams } from '../params.ts';
import { statusLines } from '../plan/status.ts';
import { PATIENT } from './settings.ts';

export const status: TaskDefinition<StatusParams> = defineTask({
  name: 'vitess.read-status',
  role: 'migrator',
  params: StatusParams,
  retry: PATIENT,
  targets: ({ cluster }) => [cluster],

  async run(context) {
    const { cluster, keyspace } = context.params;
    await using client = context.target(cluster, vtctld);
    const seen = await keyspaceSnapshot(client, keyspace, {});
    if (!seen) throw NodeMissing({ what: `read the status of ${keyspace}`, server: client.server, answer: `no keyspace ${keyspace}` });
    const workflows: { workflow: Workflow; status: WorkflowStatus | undefined }[] = [];
    for (const workflow of await client.workflows(keyspace))
      workflows.push({ workflow, status: await client.status({ keyspace, workflow: workflow.name }) });
    const lines = statusLines(seen, workflows);
    for (const { level, text } of lines) context.note({ level, row: keyspace, text });
    return { output: { lines: lines as unknown as Json, served: seen.served as unknown as Json } };
  },

  undo: { none: 'it only looks' },
});
