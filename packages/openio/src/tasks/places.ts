/**
 * How many moves there may be at a time from one service, to one, and of one container, over all operations; and the pause of all when a
 * proxy says that it is too much. A move that finds no place is delayed and holds no worker.
 */
import type { TaskContext } from '@longshore/core';
import { GateClosed } from '@longshore/core';
import type { Namespace } from '../client/index.ts';
import { Unavailable } from '../client/index.ts';
import type { MoveTaskParams } from './move.ts';

/** Longer than a move takes; the place of a worker that died is taken over by whoever takes the task up. */
const PLACE_MS = 900_000;
const ASK_AGAIN_MS = 300;

type Context = Pick<TaskContext<MoveTaskParams>, 'params' | 'store' | 'clock' | 'operation' | 'task'>;

export async function places(context: Context, namespace: string): Promise<AsyncDisposable> {
  const { params, store, clock, operation, task } = context;
  const until = Number((await store.getShared(pauseKey(namespace))) ?? 0);
  const now = clock.now();
  if (until > now) throw new GateClosed('target', `${namespace} is given a rest: a proxy has answered that it is too much`, until - now);
  const holder = `${operation.id}/${task.id.replace(/^undo-/, '')}`;
  const wanted: [string, number, string][] = [
    [`openio/${namespace}/container/${params.cid}`, 1, 'another move of this container is under way'],
    [`openio/${namespace}/from/${params.from}`, params.perService, `${params.from} gives up another base just now`],
    [`openio/${namespace}/to/${params.to}`, params.perService, `${params.to} takes another base just now`],
  ];
  const taken: string[] = [];
  const drop = async (): Promise<void> => {
    for (const name of taken.splice(0)) await store.dropPermit(name, holder);
  };
  for (const [name, limit, reason] of wanted) {
    if (await store.takePermit(name, holder, limit, now, PLACE_MS)) {
      taken.push(name);
      continue;
    }
    await drop();
    throw new GateClosed('target', reason, ASK_AGAIN_MS);
  }
  return { [Symbol.asyncDispose]: drop };
}

const REST_MS = 5_000;

/** When it ends because services are too busy to answer, no other move begins for a while. */
export async function restingWhenBusy<T>(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  { name }: Namespace,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (Unavailable.is(error)) await store.setShared(pauseKey(name), String(clock.now() + REST_MS));
    throw error;
  }
}

function pauseKey(namespace: string): string {
  return `openio/${namespace}/rest-until`;
}
