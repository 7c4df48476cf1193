/**
 * Says in the report how many moves there were to be.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { PATIENT } from './settings.ts';

export interface MeasureParams {
  planned: number;
}

export const measure: TaskDefinition<MeasureParams> = defineTask({
  name: 'openio.measure',
  role: 'rebalancer',
  params: z.strictObject({ planned: z.int().min(0) }),
  retry: PATIENT,

  async run(context) {
    context.tally('all moves', 'planned', context.params.planned);
    return undefined;
  },

  undo: { none: 'it changes nothing' },
});
