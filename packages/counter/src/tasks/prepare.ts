/**
 * Makes an empty counter on the sink, for its value to be copied into.
 *
 * Changes: the counter on the sink, from not being there to zero.
 * Twice is harmless: it is made only while there is none; one that the journal does not know to be ours is refused.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { counterService } from '../client/index.ts';
import { CounterExists } from '../errors.ts';
import { leaseTarget } from '../model.ts';
import { CounterName, PauseMs, ServiceName } from '../params.ts';
import { drawnOut, PATIENT } from './settings.ts';

export interface PrepareParams {
  sink: string;
  counter: string;
  pauseMs: number;
}

export const prepare: TaskDefinition<PrepareParams> = defineTask({
  name: 'counter.prepare',
  role: 'migrator',
  params: z.strictObject({ sink: ServiceName, counter: CounterName, pauseMs: PauseMs }),
  retry: PATIENT,
  targets: ({ sink }) => [sink],

  async run(context) {
    const { counter, pauseMs } = context.params;
    await using sink = context.target(context.params.sink, counterService);
    const found = await context.effect({
      key: 'make',
      what: `make ${counter} at ${sink.service}`,
      observe: async () => (await sink.get(counter)).value !== null,
      wanted: true,
      act: () =>
        drawnOut(context, pauseMs, () => sink.set(counter, 0, { ifValue: null, token: context.lease.token(leaseTarget(sink.identity)) })),
    });
    if (found) throw CounterExists({ service: sink.service, counter, value: (await sink.get(counter)).value ?? 0 });
    return undefined;
  },

  /** Deletes the counter where it was ours to make. Clients have been sent home before: what it holds then is a copy. */
  async undo(context) {
    const { counter } = context.params;
    if ((await context.journal.entries()).some(({ key, before }) => key === 'make' && before === true)) return;
    await using sink = context.target(context.params.sink, counterService);
    const token = context.lease.token(leaseTarget(sink.identity));
    await context.effect({
      key: 'make',
      what: `delete ${counter} at ${sink.service}`,
      observe: async () => (await sink.get(counter)).value !== null,
      wanted: false,
      async act() {
        const { value } = await sink.get(counter);
        if (value !== null) await sink.remove(counter, { ifValue: value, token });
      },
    });
  },
});
