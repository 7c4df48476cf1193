import type { OperationHeader, TaskRecord } from '@longshore/core';
import type { WorkerSetup } from './engine.ts';

/** One delivery as the context needs it. */
export interface AttemptScope {
  setup: WorkerSetup;
  header: OperationHeader;
  task: TaskRecord;
  generation: number;
  signal: AbortSignal;
  /** Another attempt has taken over: this one stops. */
  superseded(): void;
  /** Asks the store what is wanted of this attempt, and stops it where it is not wanted. */
  ask(): Promise<void>;
  /** A change goes out to the target; undefined: what it came to is known. */
  sent(at: number | undefined): void;
  /** The task goes back to the queue: an order keeps it from going on. */
  handBack(): void;
}
