/**
 * Makes sure that a counter is there to be added to.
 *
 * Changes: a counter that is not there, to zero. Twice is harmless: one that is there is left as it is.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { counterService } from '../client/index.ts';
import { leaseTarget } from '../model.ts';
import { CounterName, PauseMs, ServiceName } from '../params.ts';
import { drawnOut, PATIENT } from './settings.ts';

export interface EnsureParams {
  service: string;
  counter: string;
  pauseMs: number;
}

export const ensure: TaskDefinition<EnsureParams> = defineTask({
  name: 'counter.ensure',
  role: 'rebalancer',
  params: z.strictObject({ service: ServiceName, counter: CounterName, pauseMs: PauseMs }),
  retry: PATIENT,
  targets: ({ service }) => [service],

  async run(context) {
    const { counter, pauseMs } = context.params;
    await using service = context.target(context.params.service, counterService);
    await context.effect({
      key: 'make',
      what: `make ${counter} at ${service.service}`,
      observe: async () => (await service.get(counter)).value !== null,
      wanted: true,
      act: () =>
        drawnOut(context, pauseMs, () =>
          service.set(counter, 0, { ifValue: null, token: context.lease.token(leaseTarget(service.identity)) }),
        ),
    });
    return undefined;
  },

  /** Deletes it where it was made by us and is empty again; what clients have added meanwhile is not ours to delete. */
  async undo(context) {
    const { counter } = context.params;
    if ((await context.journal.entries()).some(({ key, before }) => key === 'make' && before === true)) return;
    await using service = context.target(context.params.service, counterService);
    const { value } = await service.get(counter);
    if (value !== null && value > 0) {
      context.note({ level: 'warning', row: counter, text: `${counter} stays at ${service.service}: clients have added ${value} to it` });
      return;
    }
    await context.effect({
      key: 'make',
      what: `delete ${counter} at ${service.service}`,
      observe: async () => (await service.get(counter)).value !== null,
      wanted: false,
      act: () => service.remove(counter, { ifValue: 0, token: context.lease.token(leaseTarget(service.identity)) }),
    });
  },
});
