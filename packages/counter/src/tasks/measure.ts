/**
 * Reads how even the services are at the end, and puts it into the report.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { counterService } from '../client/index.ts';
import { PauseMs, ServiceName } from '../params.ts';
import { PATIENT } from './settings.ts';

export interface MeasureParams {
  services: string[];
  planned: number;
  pauseMs: number;
}

export const measure: TaskDefinition<MeasureParams> = defineTask({
  name: 'counter.measure',
  role: 'rebalancer',
  params: z.strictObject({ services: z.array(ServiceName), planned: z.int().min(0), pauseMs: PauseMs }),
  retry: PATIENT,

  async run(context) {
    const { services, planned, pauseMs } = context.params;
    await context.clock.sleep(pauseMs, context.signal);
    for (const [at, name] of services.entries()) {
      await using service = context.target(name, counterService);
      const sum = (await service.list()).reduce((total, { value }) => total + (value ?? 0), 0);
      context.tally(service.service, 'holds', sum);
      context.progress(at + 1, services.length, 'services');
    }
    context.tally('all moves', 'planned', planned);
    return undefined;
  },

  undo: { none: 'it only reads' },
});
