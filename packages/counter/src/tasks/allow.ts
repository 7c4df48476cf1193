/**
 * Lets clients write to a counter again, wherever they are sent by now. Closes the guard, in its place in the plan and whenever the
 * operation cannot go on.
 *
 * Changes: the counter's denial; and where its clients have been sent to the other service, that one's route, so that they may stay there.
 * Twice is harmless: both are set, not toggled; a denial of somebody else is left alone.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { counterService } from '../client/index.ts';
import type { Denial } from '../model.ts';
import { denialKey, leaseTarget } from '../model.ts';
import { CounterName, PauseMs, ServiceName } from '../params.ts';
import { drawnOut, PATIENT } from './settings.ts';

export interface AllowParams {
  service: string;
  movedTo: string;
  counter: string;
  pauseMs: number;
}

export const allow: TaskDefinition<AllowParams> = defineTask({
  name: 'counter.allow',
  role: 'migrator',
  params: z.strictObject({ service: ServiceName, movedTo: ServiceName, counter: CounterName, pauseMs: PauseMs }),
  retry: PATIENT,
  targets: ({ service }) => [service],

  async run(context) {
    const { counter, pauseMs } = context.params;
    await using service = context.target(context.params.service, counterService);
    await using other = context.target(context.params.movedTo, counterService);
    const target = leaseTarget(service.identity);
    const { denial, route } = await service.get(counter);
    if (route === other.identity)
      await context.effect<string | null>({
        key: 'stay',
        what: `let the clients of ${counter} stay at ${other.service}`,
        observe: async () => (await other.get(counter)).route,
        wanted: null,
        act: () => other.setRoute(counter, null, { token: context.lease.token(leaseTarget(other.identity)) }),
      });
    if (denial === null || denial.by === context.operation.id)
      await context.effect<Denial | null>({
        key: 'allow',
        what: `allow writes to ${counter} at ${service.service}`,
        observe: async () => (await service.get(counter)).denial,
        wanted: null,
        act: () => drawnOut(context, pauseMs, () => service.setDenial(counter, null, { token: context.lease.token(target) })),
      });
    for (const key of [denialKey(counter), `${denialKey(counter)}:back`]) {
      const guard = await context.guard.find(key);
      if (guard?.state === 'open' && guard.target === target) await context.guard.close(key);
    }
    return undefined;
  },

  undo: { none: 'that writes are allowed is how it was; the way back denies them anew where it has to' },
});
