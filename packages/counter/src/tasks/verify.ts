/**
 * Reads back what a move has come to: the sink has the counter and its clients, and the source has taken nothing since the catching up.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { counterService } from '../client/index.ts';
import { CounterMissing, DeniedBySomebodyElse, RoutedElsewhere } from '../errors.ts';
import { CounterName, PauseMs, ServiceName } from '../params.ts';
import { PATIENT } from './settings.ts';

export interface VerifyParams {
  source: string;
  sink: string;
  counter: string;
  /** The task that caught up; its output has the value that went along. */
  copiedBy: string;
  pauseMs: number;
}

const copied = z.object({ value: z.int() });

export const verify: TaskDefinition<VerifyParams> = defineTask({
  name: 'counter.verify',
  role: 'migrator',
  params: z.strictObject({ source: ServiceName, sink: ServiceName, counter: CounterName, copiedBy: z.string(), pauseMs: PauseMs }),
  retry: PATIENT,

  async run(context) {
    const { counter, copiedBy, pauseMs } = context.params;
    await using source = context.target(context.params.source, counterService);
    await using sink = context.target(context.params.sink, counterService);
    const { value } = copied.parse(await context.resultOf(copiedBy));
    await context.clock.sleep(pauseMs, context.signal);
    const here = await source.get(counter);
    const there = await sink.get(counter);
    if (there.value === null) throw CounterMissing({ service: sink.service, counter });
    if (there.route !== null) throw RoutedElsewhere({ service: sink.service, counter, route: there.route });
    if (here.route !== sink.identity)
      throw RoutedElsewhere({ service: source.service, counter, route: here.route ?? `${source.service} itself` });
    for (const { denial, service } of [
      { ...here, service: source.service },
      { ...there, service: sink.service },
    ])
      if (denial !== null) throw DeniedBySomebodyElse({ service, counter, by: denial.by, note: denial.note });
    context.tally(counter, 'moved', value);
    context.tally(counter, 'lost', (here.value ?? value) - value);
    return undefined;
  },

  undo: { none: 'it only reads' },
});
