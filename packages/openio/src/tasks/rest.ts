/** The pause of all moves of a namespace when its services are too busy to answer. */
import type { TaskContext } from '@longshore/core';
import { GateClosed } from '@longshore/core';
import type { Namespace } from '../client/index.ts';
import { Unavailable } from '../client/index.ts';

const REST_MS = 5_000;

/** Waits at a gate while there is a pause; when what it runs ends because nobody answers in time, a pause begins. */
export async function restingWhenBusy<T>(
  { store, clock }: Pick<TaskContext<unknown>, 'store' | 'clock'>,
  { name }: Pick<Namespace, 'name'>,
  run: () => Promise<T>,
): Promise<T> {
  const key = `openio/${name}/rest-until`;
  const left = Number((await store.getShared(key)) ?? 0) - clock.now();
  if (left > 0) throw new GateClosed('target', `${name} is given a rest: its services were too busy to answer`, left);
  try {
    return await run();
  } catch (error) {
    if (Unavailable.is(error)) await store.setShared(key, String(clock.now() + REST_MS));
    throw error;
  }
}
