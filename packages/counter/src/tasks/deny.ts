/**
 * Denies client writes to a counter on the source.
 *
 * Changes: the counter's denial on the source.
 * Twice is harmless: the denial is set, not toggled; the confirmation is never skipped.
 * Guard: must be lifted again, at the latest after `maxDenialMs`; a denial that is not ours is somebody else's and refused.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { counterService } from '../client/index.ts';
import { DeniedBySomebodyElse } from '../errors.ts';
import type { Denial } from '../model.ts';
import { denialKey, leaseTarget } from '../model.ts';
import { CounterName, PauseMs, ServiceName } from '../params.ts';
import { BRISK, drawnOut } from './settings.ts';

export interface DenyParams {
  source: string;
  sink: string;
  counter: string;
  maxDenialMs: number;
  pauseMs: number;
}

export const deny: TaskDefinition<DenyParams> = defineTask({
  name: 'counter.deny',
  role: 'migrator',
  params: z.strictObject({
    source: ServiceName,
    sink: ServiceName,
    counter: CounterName,
    maxDenialMs: z.int().positive(),
    pauseMs: PauseMs,
  }),
  retry: BRISK,
  targets: ({ source }) => [source],

  async run(context) {
    const { counter, maxDenialMs, pauseMs, sink } = context.params;
    await using source = context.target(context.params.source, counterService);
    const target = leaseTarget(source.identity);
    const { denial } = await source.get(counter);
    if (denial !== null && denial.by !== context.operation.id)
      throw DeniedBySomebodyElse({ service: source.service, counter, by: denial.by, note: denial.note });
    const wanted: Denial = { by: context.operation.id, note: `it is being moved to ${sink}` };
    await context.guard.open({
      key: denialKey(counter),
      what: `writes to ${counter} at ${source.service} are denied`,
      target,
      before: null,
      after: wanted,
      maxMs: maxDenialMs,
      close: { task: 'counter.allow', params: { service: context.params.source, movedTo: sink, counter, pauseMs: 0 } },
    });
    await context.effect<Denial | null>({
      key: 'deny',
      what: `deny writes to ${counter} at ${source.service}`,
      observe: async () => (await source.get(counter)).denial,
      wanted,
      act: () => drawnOut(context, pauseMs, () => source.setDenial(counter, wanted, { token: context.lease.token(target) })),
    });
    return undefined;
  },

  /** Writes even where the denial is gone: a late "deny" may still land. What somebody else has set since stays. */
  async undo(context) {
    const { counter } = context.params;
    await using source = context.target(context.params.source, counterService);
    const { denial } = await source.get(counter);
    if (denial !== null && denial.by !== context.operation.id) return;
    await context.effect<Denial | null>({
      key: 'deny',
      what: `allow writes to ${counter} at ${source.service}`,
      observe: async () => (await source.get(counter)).denial,
      wanted: null,
      act: () => source.setDenial(counter, null, { token: context.lease.token(leaseTarget(source.identity)) }),
      always: true,
    });
  },
});
