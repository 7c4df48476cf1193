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
  /** A change goes out to the target. What it gives is called when what came of it is known. */
  sending(at: number): () => void;
  /** The task goes back to the queue: an order keeps it from going on. */
  handBack(): void;
}
