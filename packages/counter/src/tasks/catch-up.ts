/**
 * Copies once more what clients have added since the copy. Writes are denied: what is read now is the last word of the source.
 *
 * Changes: the counter's value on the sink, which no client uses yet.
 * Twice is harmless: the value is set, not added, and it does not change any more. Once the clients are at the sink nothing is set.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import type { CounterClient } from '../client/index.ts';
import { counterService } from '../client/index.ts';
import { CounterMissing, NotInsideGuard } from '../errors.ts';
import { CounterName, PauseMs, ServiceName } from '../params.ts';
import type { CopyParams } from './copy.ts';
import { COPY_KEY, copyValue } from './copy-value.ts';
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
    const { value, denial, route } = await source.get(counter);
    // Tried again after the switch: the clients are at the sink already, and what they have added there since is not in the source.
    if (route === sink.identity) return { output: { value: await lastCopied(context, sink, counter) } };
    if (denial?.by !== context.operation.id) throw NotInsideGuard({ service: source.service, counter });
    if (value === null) throw CounterMissing({ service: source.service, counter });
    await copyValue(context, source, sink, value);
    return { output: { value } };
  },

  undo: { none: 'the copy goes with the counter that was made for it on the sink' },
});

/** What went along the last time, by the journal; without one, what is there. */
async function lastCopied(context: TaskContext<CopyParams>, sink: CounterClient, counter: string): Promise<number | null> {
  const entry = (await context.journal.entries()).find(({ key }) => key === COPY_KEY);
  return typeof entry?.after === 'number' ? entry.after : (await sink.get(counter)).value;
}
