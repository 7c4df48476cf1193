/**
 * Takes units of a counter from one service and adds them to the counter of the same name at another.
 *
 * Changes: the counter's value at both services, by adding.
 * Twice is harmless: each half goes under a request id made of the operation and the task, which a service lets in once.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import type { CounterClient } from '../client/index.ts';
import { counterService, TooLittle } from '../client/index.ts';
import { NotEnough } from '../errors.ts';
import { leaseTarget } from '../model.ts';
import { CounterName, PauseMs, ServiceName } from '../params.ts';
import { drawnOut, PATIENT } from './settings.ts';

export interface TransferParams {
  from: string;
  to: string;
  counter: string;
  units: number;
  pauseMs: number;
}

type Half = 'take' | 'give';

export const transfer: TaskDefinition<TransferParams> = defineTask({
  name: 'counter.transfer',
  role: 'rebalancer',
  params: z.strictObject({ from: ServiceName, to: ServiceName, counter: CounterName, units: z.int().positive(), pauseMs: PauseMs }),
  retry: PATIENT,
  targets: ({ from, to }) => [from, to],

  async run(context) {
    const { counter, units } = context.params;
    await using from = context.target(context.params.from, counterService);
    await using to = context.target(context.params.to, counterService);
    await add(context, 'take', from, requestId(context, 'take'), -units);
    await add(context, 'give', to, requestId(context, 'give'), units);
    context.tally(counter, 'moved', units);
    return undefined;
  },

  /**
   * Voids the request ids first: a half that is still on its way has no effect any more, and the answer says whether it had one. Then what
   * went in is added back, under ids of its own.
   */
  async undo(context) {
    const { counter } = context.params;
    const entries = await context.journal.entries();
    const task = entries[0]?.task;
    if (task === undefined) return;
    await using from = context.target(context.params.from, counterService);
    await using to = context.target(context.params.to, counterService);
    for (const [half, service] of [
      ['give', to],
      ['take', from],
    ] as const) {
      await context.lease.assertHeld();
      const { applied } = await service.claim(counter, `${context.operation.id}/${task}/${half}`, tokenOf(context, service));
      if (applied !== 0) await add(context, half, service, `${context.operation.id}/${task}/${half}/undone`, -applied);
      else if (entries.some(({ key }) => key === half)) await context.journal.done(half);
    }
  },
});

function requestId({ operation, task }: TaskContext<TransferParams>, half: Half): string {
  return `${operation.id}/${task.id}/${half}`;
}

function tokenOf({ lease }: TaskContext<TransferParams>, service: CounterClient): { token: number } {
  return { token: lease.token(leaseTarget(service.identity)) };
}

async function add(
  context: TaskContext<TransferParams>,
  half: Half,
  service: CounterClient,
  request: string,
  units: number,
): Promise<void> {
  const { counter, pauseMs } = context.params;
  try {
    await context.effect<number | null>({
      key: half,
      what: units < 0 ? `take ${-units} of ${counter} from ${service.service}` : `add ${units} of ${counter} at ${service.service}`,
      observe: () => service.requested(counter, request),
      wanted: units,
      act: () => drawnOut(context, pauseMs, async () => void (await service.add(counter, units, request, tokenOf(context, service)))),
    });
  } catch (error) {
    if (!TooLittle.is(error)) throw error;
    throw NotEnough({ service: service.service, counter, units: -units }, { cause: error });
  }
}
