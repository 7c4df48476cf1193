/** Ops as rows of text, as OpenMLDB's own command line prints them. Pure. */
import type { Op } from '../model.ts';

export const OP_COLUMNS: string[] = [
  'db',
  'op_id',
  'op_type',
  'name',
  'pid',
  'status',
  'start_time',
  'execute_time',
  'end_time',
  'cur_task',
  'for_replica_cluster',
];

export function opRows(ops: readonly Op[], nowMs: number): string[][] {
  return ops.map(({ db, id, type, table, pid, status, startTime, endTime, task, forReplicaCluster }) => [
    db,
    String(id),
    type,
    table,
    String(pid),
    status,
    timeOf(startTime),
    startTime === 0n ? '-' : `${(endTime === 0n ? BigInt(Math.floor(nowMs / 1000)) : endTime) - startTime}s`,
    timeOf(endTime),
    task === '' ? '-' : task,
    forReplicaCluster ? 'yes' : 'no',
  ]);
}

/** Local time, as `20260131235959`; `-` when not yet. */
function timeOf(seconds: bigint): string {
  if (seconds === 0n) return '-';
  const at = new Date(Number(seconds) * 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
}
