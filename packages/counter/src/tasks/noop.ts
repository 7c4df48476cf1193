/**
 * Does nothing, for so long: what it takes to have it done is the engine's own.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { PauseMs } from '../params.ts';
import { PATIENT } from './settings.ts';

export interface NoopTaskParams {
  pauseMs: number;
}

export const noop: TaskDefinition<NoopTaskParams> = defineTask({
  name: 'counter.noop',
  role: 'migrator',
  params: z.strictObject({ pauseMs: PauseMs }),
  retry: PATIENT,

  async run({ params, clock, signal, count }) {
    if (params.pauseMs > 0) await clock.sleep(params.pauseMs, signal);
    count('noops', 1);
    return undefined;
  },

  undo: { none: 'it does nothing' },
});
