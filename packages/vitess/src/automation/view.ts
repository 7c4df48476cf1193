/**
 * An operation of ours as the original would show it: a container with the operation itself as task 1, then a container a stage. Unlike there,
 * what is at work reads RUNNING, and so does its operation. Pure.
 */
import type { DoneRecord, OperationHeader, StoredPlan, TaskSpec } from '@longshore/core';
import { LEGACY_OPERATIONS } from '../plan/containers.ts';
import { ROOT_ID } from '../plan/legacy-stages.ts';
import type { AutomationTask, ClusterOperation } from './cluster-operation.ts';

export interface Seen {
  header: OperationHeader;
  plan: StoredPlan | undefined;
  done: readonly DoneRecord[];
  /** Ids of the tasks at work. */
  running: ReadonlySet<string>;
}

const PREFIX = 'vitess.';

export function clusterOperation(id: string, { header, plan, done, running }: Seen): ClusterOperation {
  const operation = LEGACY_OPERATIONS.find(({ kind }) => kind === header.kind);
  const known = new Set([...(operation?.required ?? []), ...(operation?.optional ?? [])]);
  const records = new Map(done.map((record) => [record.id, record]));
  const over = header.endedAt !== undefined;
  const error = over ? (header.error?.message ?? (header.state === 'cancelled' ? 'cancelled' : '')) : '';
  const task = ({ id: number, task: name, params }: TaskSpec): AutomationTask => {
    const record = records.get(number);
    const ended = record?.result === 'ok' || record?.result === 'failed';
    return {
      name: name.slice(PREFIX.length),
      parameters: params as Record<string, string>,
      id: number,
      state: ended ? 'DONE' : running.has(number) ? 'RUNNING' : 'NOT_STARTED',
      output: ended && typeof record.output === 'string' ? record.output : '',
      error: ended ? (record.error?.message ?? '') : '',
    };
  };
  const begun = header.startedAt !== undefined;
  const root: AutomationTask = {
    name: operation?.name ?? header.kind,
    parameters: Object.fromEntries(
      Object.entries(header.params as Record<string, unknown>).flatMap(([key, value]) => (known.has(key) ? [[key, String(value)]] : [])),
    ),
    id: ROOT_ID,
    state: begun || over ? 'DONE' : 'NOT_STARTED',
    output: '',
    error: begun ? '' : error,
  };
  // The original shows what an operation comes to only when it has begun.
  const stages = begun ? (plan?.stages ?? []).filter(({ tasks = [] }) => tasks.every(({ undoes }) => undoes === undefined)) : [];
  return {
    id,
    serial_tasks: [[root], ...stages.map(({ tasks = [] }) => tasks.map(task))].map((parallel_tasks) => ({
      parallel_tasks,
      concurrency: 0,
    })),
    state: over ? 'CLUSTER_OPERATION_DONE' : begun ? 'CLUSTER_OPERATION_RUNNING' : 'CLUSTER_OPERATION_NOT_STARTED',
    error,
  };
}
