/**
 * Copies once more what clients have added since the copy. Writes are denied: what is read now is the last word of the source.
 *
 * Changes: the counter's value on the sink, which no client uses yet.
 * Twice is harmless: the value is set, not added, and it does not change any more.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { counterService } from '../client/index.ts';
import { CounterMissing, NotInsideGuard } from '../errors.ts';
import { CounterName, PauseMs, ServiceName } from '../params.ts';
import type { CopyParams } from './copy.ts';
import { copyValue } from './copy-value.ts';
import { BRISK } from './settings.ts';

export const catchUp: TaskDefinition<CopyParams> = defineTask({
  name: 'counter.catch-up',
  role: 'migrator',
  params: z.strictObject({ source: ServiceName, sink: ServiceName, counter: CounterName, pauseMs: PauseMs }),
  retry: BRISK,
  targets: ({ source, sink }) => [source, sink],

  async run(context) {
    const { counter } = context.params;
    await using source = context.target(context.params.source, counterService);
    await using sink = context.target(context.params.sink, counterService);
    const { value, denial } = await source.get(counter);
    if (denial?.by !== context.operation.id) throw NotInsideGuard({ service: source.service, counter });
    if (value === null) throw CounterMissing({ service: source.service, counter });
    await copyValue(context, source, sink, value);
    return { output: { value } };
  },

  undo: { none: 'the copy goes with the counter that was made for it on the sink' },
});
