/** The true state of a keyspace in a few sentences: who serves, what copies where, and what is unsafe. Pure. */
import type { Workflow, WorkflowStatus } from '../client/messages.ts';
import { SERVED_TYPES } from '../model.ts';
import type { KeyspaceSnapshot, ShardSnapshot } from './snapshot.ts';

export interface StatusLine {
  level: 'info' | 'warning' | 'error';
  text: string;
}

/** What the topology says: it is known whatever tablets are dead. */
export type StatusTopology = Pick<KeyspaceSnapshot, 'name' | 'served'> & { shards: Pick<ShardSnapshot, 'name' | 'primary' | 'serving'>[] };

/** `unread`: what vtctld could not say, and why. */
export function statusLines(
  seen: StatusTopology,
  workflows: readonly { workflow: Workflow; status: WorkflowStatus | undefined }[],
  unread: readonly string[] = [],
): StatusLine[] {
  const lines: StatusLine[] = SERVED_TYPES.map((type) => ({
    level: 'info',
    text: `${type} is served by ${seen.served[type].join(', ') || 'nobody'}`,
  }));
  const shards = new Map(seen.shards.map((shard) => [shard.name, shard]));
  for (const type of SERVED_TYPES)
    for (const name of seen.served[type])
      if (shards.get(name)?.primary == null)
        lines.push({ level: 'error', text: `${type} is served by ${seen.name}/${name}, which has no primary` });
  for (const name of seen.served.PRIMARY)
    if (shards.get(name)?.serving === false)
      lines.push({ level: 'error', text: `writes go to ${seen.name}/${name}, whose primary does not take them: a switch stands half-way` });
  for (const text of unread) lines.push({ level: 'error', text });
  for (const { workflow, status } of workflows) {
    const streams = Object.values(workflow.shard_streams).flatMap((one) => one.streams);
    const states = [...new Set(streams.map(({ state }) => state))].join(', ') || 'no streams';
    const ends = `${workflow.source?.keyspace}/${workflow.source?.shards.join(', ')} → ${workflow.target?.keyspace}/${workflow.target?.shards.join(', ')}`;
    lines.push({
      level: 'info',
      text: `${workflow.workflow_type} ${workflow.name}: ${ends}; ${states}; ${status?.traffic_state ?? 'its traffic is not known'}`,
    });
    for (const { table, copied, total } of Object.entries(status?.table_copy_state ?? {}).map(([name, copy]) => ({
      table: name,
      copied: copy.rows_copied,
      total: copy.rows_total,
    })))
      if (streams.some(({ state }) => state === 'Copying'))
        lines.push({ level: 'info', text: `${workflow.name} copies ${table}: ${copied} of about ${total} rows` });
    for (const stream of streams) {
      if (stream.state === 'Error')
        lines.push({ level: 'error', text: `${workflow.name} at ${stream.shard} has stopped: ${stream.message}` });
      if (stream.throttler_status?.component_throttled)
        lines.push({
          level: 'warning',
          text: `${workflow.name} at ${stream.shard} is throttled (${stream.throttler_status.component_throttled})`,
        });
    }
    const infos = Object.values(status?.shard_streams ?? {}).flatMap((one) => one.streams);
    if (infos.some(({ info }) => /VStream has not started/.test(info)))
      lines.push({ level: 'warning', text: `${workflow.name}: a stream looks as if it ran and has not begun` });
    const [type] = ['REPLICA', 'RDONLY'] as const;
    const emptyTargets = (workflow.target?.shards ?? []).filter(
      (shard) => seen.served[type].includes(shard) && !seen.served.PRIMARY.includes(shard),
    );
    if (emptyTargets.length > 0 && streams.some(({ state }) => state !== 'Running'))
      lines.push({ level: 'error', text: `reads go to ${emptyTargets.join(', ')}, and its copy does not run (${states})` });
  }
  const copying = new Set(workflows.flatMap(({ workflow }) => workflow.target?.shards ?? []));
  for (const shard of seen.served.REPLICA)
    if (!seen.served.PRIMARY.includes(shard) && !copying.has(shard) && unread.length === 0)
      lines.push({ level: 'error', text: `reads go to ${seen.name}/${shard}, and no workflow writes there: they may find nothing` });
  return lines;
}
