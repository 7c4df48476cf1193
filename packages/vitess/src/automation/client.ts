/** Calls of the automation, as automation_client makes them: against Longshore, or against a Vitess that still has one. */
import type { Clock, Target } from '@longshore/core';
import { Connection } from '../client/connection.ts';
import { AUTOMATION } from '../client/protocol.ts';
import { goStatus, isServiceError } from '../client/status.ts';
import type { ClusterOperation } from './cluster-operation.ts';

const DEADLINE_MS = 30_000;

/** Its message is what a Go program prints of the error. */
export class CallFailed extends Error {
  /** Nobody answers there. */
  readonly unreachable: boolean;
  constructor(message: string, unreachable: boolean, cause: unknown) {
    super(message, { cause });
    this.unreachable = unreachable;
  }
}

export class AutomationClient implements AsyncDisposable {
  readonly #connection: Connection;

  constructor(server: string, clock: Clock, signal: AbortSignal) {
    const target: Target = { name: 'the automation', system: 'vitess', address: server, settings: {}, secrets: {} };
    this.#connection = new Connection(target, { clock, signal });
  }

  async enqueue(name: string, parameters: Record<string, string>): Promise<string> {
    return (await this.#call<{ id: string }>('EnqueueClusterOperation', { name, parameters })).id;
  }

  async details(id: string): Promise<ClusterOperation> {
    const { cluster_op } = await this.#call<{ cluster_op: ClusterOperation | null }>('GetClusterOperationDetails', { id });
    return cluster_op ?? { id, serial_tasks: [], state: 'CLUSTER_OPERATION_NOT_STARTED', error: '' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }

  async #call<Reply>(method: string, request: object): Promise<Reply> {
    try {
      return await this.#connection.unary<Reply>(AUTOMATION[method]!, request, DEADLINE_MS);
    } catch (error) {
      if (!isServiceError(error)) throw error;
      throw new CallFailed(goStatus(error), error.code === 14, error);
    }
  }
}
