/** Reads the state of a keyspace and puts it into the report. Changes nothing; twice is harmless. */
import type { Json, LongshoreError, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { MysqlDown, NoPrimary, Unreachable } from '../client/errors.ts';
import type { Workflow, WorkflowStatus } from '../client/messages.ts';
import { aliasName } from '../client/messages.ts';
import { vtctld } from '../client/vtctld.ts';
import { NoKeyspace } from '../errors.ts';
import { keyspaceTopology } from '../operations/snapshot.ts';
import { StatusParams } from '../params.ts';
import { statusLines } from '../plan/status.ts';
import { SOON } from './settings.ts';

export const status: TaskDefinition<StatusParams> = defineTask({
  name: 'vitess.read-status',
  role: 'migrator',
  params: StatusParams,
  retry: SOON,
  targets: ({ cluster }) => [cluster],

  async run(context) {
    const { cluster, keyspace } = context.params;
    await using client = context.target(cluster, vtctld);
    const found = await keyspaceTopology(client, keyspace);
    if (!found) throw NoKeyspace({ keyspace, server: client.server, known: await client.keyspaces() });
    const { served } = found;
    const shards = Object.values(found.shards).map(({ name, shard }) => ({
      name,
      primary: shard?.primary_alias ? aliasName(shard.primary_alias) : null,
      serving: shard?.is_primary_serving ?? false,
    }));
    const unread: string[] = [];
    /** Looked at when something is wrong: what one dead tablet keeps from being answered must not hide the rest. */
    const orUnread = async <T>(ask: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await ask();
      } catch (error) {
        if (![NoPrimary, Unreachable, MysqlDown].some((one) => one.is(error))) throw error;
        unread.push(`${(error as Error).message}. ${(error as LongshoreError).data.fix}`);
        return undefined;
      }
    };
    const workflows: { workflow: Workflow; status: WorkflowStatus | undefined }[] = [];
    for (const workflow of (await orUnread(() => client.workflows(keyspace))) ?? [])
      workflows.push({ workflow, status: await orUnread(() => client.status({ keyspace, workflow: workflow.name })) });
    const lines = statusLines({ name: keyspace, served, shards }, workflows, unread);
    for (const { level, text } of lines) context.note({ level, row: keyspace, text });
    return { output: { lines: lines as unknown as Json, served: served as unknown as Json } };
  },

  undo: { none: 'it only looks' },
});
