/** Operations as the automation of Vitess up to version 7 shows them. One that has failed is DONE and has an error. */

export type ClusterOperationState = 'CLUSTER_OPERATION_NOT_STARTED' | 'CLUSTER_OPERATION_RUNNING' | 'CLUSTER_OPERATION_DONE';

export interface AutomationTask {
  name: string;
  parameters: Record<string, string>;
  id: string;
  state: 'NOT_STARTED' | 'RUNNING' | 'DONE';
  output: string;
  error: string;
}

export interface ClusterOperation {
  id: string;
  serial_tasks: { parallel_tasks: AutomationTask[]; concurrency: number }[];
  state: ClusterOperationState;
  error: string;
}
