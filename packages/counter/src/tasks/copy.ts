/**
 * Copies a counter's value to the sink while clients go on adding at the source: the bulk of the work, outside the guard.
 *
 * Changes: the counter's value on the sink, which no client uses yet.
 * Twice is harmless: the value is set, not added; and every try sets the value that the first one read, so that one that landed is enough.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { counterService } from '../client/index.ts';
import { CounterMissing } from '../errors.ts';
import { CounterName, PauseMs, ServiceName } from '../params.ts';
import { COPY_KEY, copyValue } from './copy-value.ts';
import { PATIENT } from './settings.ts';

export interface CopyParams {
  source: string;
  sink: string;
  counter: string;
  pauseMs: number;
}

export const copy: TaskDefinition<CopyParams> = defineTask({
  name: 'counter.copy',
  role: 'migrator',
  params: z.strictObject({ source: ServiceName, sink: ServiceName, counter: CounterName, pauseMs: PauseMs }),
  retry: PATIENT,
  targets: ({ source, sink }) => [source, sink],

  async run(context) {
    const { counter } = context.params;
    await using source = context.target(context.params.source, counterService);
    await using sink = context.target(context.params.sink, counterService);
    const begun = (await context.journal.entries()).find(({ key }) => key === COPY_KEY)?.after;
    const value = typeof begun === 'number' ? begun : (await source.get(counter)).value;
    if (value === null) throw CounterMissing({ service: source.service, counter });
    await copyValue(context, source, sink, value);
    context.progress(1, 1, 'counters');
    return { output: { value } };
  },

  undo: { none: 'the copy goes with the counter that was made for it on the sink' },
});
