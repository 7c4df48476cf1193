/** What a workflow is taken through, for a reshard and for tables that move alike. Pure. */
import type { Json, StageSpec, TaskSpec } from '@longshore/core';
import { stoppedWritesKey } from '../model.ts';
import type { WorkflowOptions } from '../params.ts';
import type { WorkflowRef } from '../workflow-ref.ts';

export function workflowStages(ref: WorkflowRef, options: WorkflowOptions, throttlerOn: boolean): StageSpec[] {
  const { maxLagSeconds, switchTimeoutMs, vtgates, gateRefreshMs, maxStopMs, watchMs, pollMs, load } = options;
  const settings = { maxLagSeconds, switchTimeoutMs, vtgates, gateRefreshMs };
  const named = `${ref.keyspace}/${ref.targetShards.join(', ')}`;
  const source = `${ref.sourceKeyspace}/${ref.sourceShards.join(', ')}`;
  const what =
    ref.type === 'reshard' ? ref.keyspace : ref.tables.length > 0 ? ref.tables.join(', ') : `all tables of ${ref.sourceKeyspace}`;
  const task = (id: string, own: object = {}): TaskSpec => ({
    id,
    task: `vitess.${id}`,
    params: { ref, ...own } as unknown as Json,
    placement: 'role',
  });
  const stage = (spec: Omit<StageSpec, 'concurrency'>): StageSpec => ({ concurrency: 1, ...spec });
  const guard = stoppedWritesKey(ref.sourceKeyspace);
  const stages = [
    stage({ name: 'create', title: `create the workflow ${ref.workflow}`, tasks: [task('create')] }),
    stage({
      name: 'copy',
      title: `copy the rows to ${named}, and follow the changes`,
      tasks: [task('copy', { load: throttlerOn ? load : null, pollMs })],
    }),
    stage({ name: 'verify', title: 'compare source and targets row by row', tasks: [task('verify', { pollMs })] }),
    stage({
      name: 'switch-reads',
      title: `send reads to ${named}`,
      approval: `send the reads of ${what} to ${named}; they can be sent back`,
      tasks: [task('switch-reads', { settings })],
    }),
    stage({
      name: 'switch-writes',
      title: `send writes to ${named}`,
      approval: `send the writes of ${what} to ${named}; they stop for a moment, at most ${switchTimeoutMs / 1_000} s, and can be sent back`,
      guard: { opens: [guard], ends: [guard] },
      tasks: [task('switch-writes', { settings, maxStopMs })],
    }),
    stage({ name: 'watch', title: `watch the way back for ${watchMs / 1_000} s`, tasks: [task('watch', { watchMs, pollMs })] }),
  ];
  if (options.complete)
    stages.push(
      stage({
        name: 'complete',
        title: ref.type === 'reshard' ? `delete ${source}` : `drop ${what} at ${source}`,
        approval: `${ref.type === 'reshard' ? `delete ${source} from the topology` : `drop ${what} at ${source}`}; after that there is no way back`,
        tasks: [task('complete')],
      }),
    );
  return stages;
}
