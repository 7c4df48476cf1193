/**
 * How far a copy is. vtctld answers a create before anything runs, and shows a stream as Running that has not begun; so a copy counts as done
 * only when every stream of every target runs, has a position, has nothing left to copy, and does not say that it has not started. Pure.
 */
import type { Stream, Workflow, WorkflowStatus } from '../client/messages.ts';
import type { WorkflowRef } from '../workflow-ref.ts';

export interface TableCopy {
  table: string;
  copied: number;
  total: number;
}

export interface CopyState {
  /** Every target has every row, and follows the changes. */
  ready: boolean;
  /** Why it is not. */
  why: string;
  failed?: { stream: string; reason: string };
  stopped: boolean;
  throttled: boolean;
  tables: TableCopy[];
  /** Seconds behind; undefined as long as nobody can know. */
  lagSeconds: number | undefined;
}

/** Of a lag that is not known, vtctld says the least int64. */
const LEAST = -(2 ** 62);
/** A stream counts as throttled for so long after it was. */
const THROTTLED_MS = 10_000;

const nameOf = ({ shard, binlog_source }: Stream): string => `${binlog_source?.shard ?? '?'} → ${shard}`;

export function copyState(ref: WorkflowRef, workflow: Workflow | undefined, status: WorkflowStatus | undefined, nowMs: number): CopyState {
  const streams = Object.values(workflow?.shard_streams ?? {}).flatMap((one) => one.streams);
  const infos = Object.values(status?.shard_streams ?? {}).flatMap((one) => one.streams);
  const tables = Object.entries(status?.table_copy_state ?? {}).map(([table, { rows_copied, rows_total }]) => ({
    table,
    copied: Number(rows_copied),
    total: Number(rows_total),
  }));
  const broken = streams.find(({ state }) => state === 'Error');
  const without = ref.targetShards.find((shard) => !streams.some((stream) => stream.shard === shard));
  const idle = streams.find(({ state }) => state !== 'Running');
  const copying = streams.find(({ copy_states }) => copy_states.length > 0);
  const placeless = streams.find(({ position }) => position === '');
  const late = infos.some(({ info }) => /VStream has not started/.test(info));
  const why = ((): string => {
    if (!workflow || !status) return 'there is no such workflow';
    if (broken) return `${nameOf(broken)}: ${broken.message}`;
    if (without !== undefined) return `nothing writes to ${without}`;
    if (copying) return `${nameOf(copying)} copies ${copying.copy_states.map(({ table }) => table).join(', ')}`;
    if (idle) return `${nameOf(idle)} is ${idle.state}`;
    if (placeless) return `${nameOf(placeless)} has not begun`;
    return late ? 'a stream has not begun' : '';
  })();
  const lags = workflow
    ? [workflow.max_v_replication_lag, workflow.max_v_replication_transaction_lag].map(Number).filter((lag) => lag > LEAST)
    : [];
  const throttledAt = Math.max(0, ...streams.map(({ throttler_status }) => Number(throttler_status?.time_throttled?.seconds ?? 0) * 1_000));
  return {
    ready: why === '',
    why,
    ...(broken ? { failed: { stream: nameOf(broken), reason: broken.message } } : {}),
    stopped: streams.some(({ state }) => state === 'Stopped'),
    throttled: nowMs - throttledAt < THROTTLED_MS,
    tables,
    lagSeconds: lags.length > 0 ? Math.max(...lags) : undefined,
  };
}
