import type { StageState } from '@longshore/core';

/** A stage of which nothing has been begun. */
export function freshStage(name: string): StageState {
  return { name, state: 'pending', cursor: 0, total: 0, done: 0, failed: 0, skipped: 0 };
}
