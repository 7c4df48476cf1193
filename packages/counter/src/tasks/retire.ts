/**
 * Deletes the source's copy of a counter whose clients have moved.
 *
 * Changes: the counter on the source, from its last value to not being there. Its route stays: it leads stragglers to the sink.
 * Twice is harmless: what is gone is gone; it is deleted only while it holds what the journal says.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { counterService } from '../client/index.ts';
import { CounterMissing, RoutedElsewhere } from '../errors.ts';
import { leaseTarget } from '../model.ts';
import { CounterName, PauseMs, ServiceName } from '../params.ts';
import { drawnOut, PATIENT } from './settings.ts';

export interface RetireParams {
  source: string;
  sink: string;
  counter: string;
  pauseMs: number;
}

export const retire: TaskDefinition<RetireParams> = defineTask({
  name: 'counter.retire',
  role: 'migrator',
  params: z.strictObject({ source: ServiceName, sink: ServiceName, counter: CounterName, pauseMs: PauseMs }),
  retry: PATIENT,
  targets: ({ source }) => [source],

  async run(context) {
    const { counter, pauseMs } = context.params;
    await using source = context.target(context.params.source, counterService);
    await using sink = context.target(context.params.sink, counterService);
    const { route } = await source.get(counter);
    if (route !== sink.identity) throw RoutedElsewhere({ service: source.service, counter, route: route ?? `${source.service} itself` });
    if ((await sink.get(counter)).value === null) throw CounterMissing({ service: sink.service, counter });
    let there: number | null = null;
    await context.effect<number | null>({
      key: 'delete',
      what: `delete ${counter} at ${source.service}`,
      async observe() {
        there = (await source.get(counter)).value;
        return there;
      },
      wanted: null,
      act: () =>
        drawnOut(context, pauseMs, () =>
          source.remove(counter, { ifValue: there, token: context.lease.token(leaseTarget(source.identity)) }),
        ),
    });
    return undefined;
  },

  /** Writes the value back from the journal. Clients are still sent to the sink: bringing them back brings what they added there. */
  async undo(context) {
    const { counter } = context.params;
    const before = (await context.journal.entries()).find(({ key }) => key === 'delete')?.before;
    if (typeof before !== 'number') return;
    await using source = context.target(context.params.source, counterService);
    let there: number | null = null;
    await context.effect<boolean>({
      key: 'delete',
      what: `write ${counter} back at ${source.service}`,
      async observe() {
        there = (await source.get(counter)).value;
        return there !== null;
      },
      wanted: true,
      act: () => source.set(counter, before, { ifValue: there, token: context.lease.token(leaseTarget(source.identity)) }),
    });
  },
});
