/** Everything that is known of a workflow and its traffic, read at once. Changes nothing. */
import type { Json, TaskContext } from '@longshore/core';
import type { Shard, SrvKeyspace, Workflow, WorkflowStatus } from '../client/messages.ts';
import type { VtctldClient } from '../client/vtctld.ts';
import type { CopyState } from '../plan/copying.ts';
import { copyState } from '../plan/copying.ts';
import type { Place, WritesPlace } from '../plan/traffic.ts';
import { readsAre, trafficText, writesAre } from '../plan/traffic.ts';
import type { WorkflowRef } from '../workflow-ref.ts';

export interface Looked {
  status: WorkflowStatus | undefined;
  workflow: Workflow | undefined;
  /** What carries writes back once they were switched. */
  reverse: Workflow | undefined;
  cells: Record<string, SrvKeyspace>;
  targets: Record<string, Shard>;
  sources: Record<string, Shard>;
  copy: CopyState;
  reads: Place;
  writes: WritesPlace;
  /** In one line. */
  traffic: string;
}

export async function look(client: VtctldClient, ref: WorkflowRef, nowMs: number): Promise<Looked> {
  const status = await client.status(ref);
  const cells = await client.served(ref.keyspace);
  const targets = (await client.shards(ref.keyspace)) ?? {};
  const same = ref.sourceKeyspace === ref.keyspace;
  const sources = same ? targets : ((await client.shards(ref.sourceKeyspace)) ?? {});
  const all = await client.workflows(ref.keyspace);
  const back = same ? all : await client.workflows(ref.sourceKeyspace);
  const workflow = all.find(({ name }) => name === ref.workflow);
  const reads = readsAre(ref, cells, status);
  const writes = writesAre(ref, cells, status, { source: sources, target: targets });
  return {
    status,
    workflow,
    reverse: back.find(({ name }) => name === `${ref.workflow}_reverse`),
    cells,
    targets,
    sources,
    copy: copyState(ref, workflow, status, nowMs),
    reads,
    writes,
    traffic: trafficText(status, reads, writes),
  };
}

/**
 * Where clients write, and nothing else. The topology alone says it, for tables that move with its routing rules: it answers also while a tablet
 * of the workflow is dead and vtctld tells nothing of the workflow itself. Whoever has to see that clients can write must not depend on that.
 */
export async function lookAtWrites(client: VtctldClient, ref: WorkflowRef): Promise<Pick<Looked, 'writes' | 'traffic'>> {
  const cells = await client.served(ref.keyspace);
  const routes = ref.type === 'reshard' ? undefined : await Promise.all((await client.cells()).map((cell) => client.routes(cell)));
  const target = (await client.shards(ref.keyspace)) ?? {};
  const source = ref.sourceKeyspace === ref.keyspace ? target : ((await client.shards(ref.sourceKeyspace)) ?? {});
  const writes = writesAre(ref, cells, routes, { source, target });
  return { writes, traffic: `writes ${writes === 'stopped' ? 'stopped' : `at the ${writes}`}` };
}

/** For the picture: which side serves what. */
export async function showTraffic(context: Pick<TaskContext<unknown>, 'show'>, { reads, writes, copy, traffic }: Looked): Promise<void> {
  const value: Json = { reads, writes, traffic, lagSeconds: copy.lagSeconds ?? null, throttled: copy.throttled };
  await context.show('traffic', value);
}
