/** Sets a counter on the sink. Shared by the copy and the catching up. */
import type { TaskContext } from '@longshore/core';
import type { CounterClient } from '../client/index.ts';
import { leaseTarget } from '../model.ts';
import { drawnOut } from './settings.ts';

/** Its name in the journal. */
export const COPY_KEY = 'copy';

/** A set that comes late meets another value than it was made for, and is refused. */
export async function copyValue(
  context: TaskContext<{ counter: string; pauseMs: number }>,
  source: CounterClient,
  sink: CounterClient,
  value: number,
): Promise<void> {
  const { counter, pauseMs } = context.params;
  let there: number | null = null;
  await context.effect<number | null>({
    key: COPY_KEY,
    what: `copy ${counter} from ${source.service} to ${sink.service}`,
    async observe() {
      there = (await sink.get(counter)).value;
      return there;
    },
    wanted: value,
    act: () =>
      drawnOut(context, pauseMs, () =>
        sink.set(counter, value, { ifValue: there, token: context.lease.token(leaseTarget(sink.identity)) }),
      ),
  });
}
