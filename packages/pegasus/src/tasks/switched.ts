/** What the journal and the meta proxy say of the switch. */
import { errorData, type JournalEntry, type TaskContext } from '@longshore/core';
import { SwitchUnknown } from '../errors.ts';
import type { Move } from '../plan/migrate.ts';
import { proxyCluster } from '../plan/preflight.ts';
import { zooKeeperOf } from '../reading/proxy.ts';

/** Id of the task that switches, and its effects in the journal. */
export const SWITCH = 'switch';
export const POINT = 'point-clients';
export const SEND = 'send-away';

/** The switch as the journal has it: begun when it may have changed the meta proxy. */
export async function switchBegun(context: Pick<TaskContext<unknown>, 'journal'>): Promise<JournalEntry | undefined> {
  return (await context.journal.entries(SWITCH)).find(({ key }) => key === POINT);
}

/** The clients are sent to the target: read, where the journal does not know. Throws while that cannot be read. */
export async function wasSwitched(
  context: Pick<TaskContext<Move>, 'journal' | 'params' | 'target' | 'signal' | 'clock'>,
): Promise<boolean> {
  const begun = await switchBegun(context);
  if (begun === undefined) return false;
  if (begun.state === 'done') return true;
  const { table, root, cluster } = context.params;
  if (root === undefined) return false;
  const path = `${root}/${table}`;
  try {
    await using zk = await zooKeeperOf(context, context.params);
    const found = (await zk.get(path)).data.toString('utf8');
    return found === begun.after || proxyCluster(found) === cluster;
  } catch (error) {
    context.signal.throwIfAborted();
    throw SwitchUnknown({ table, cluster, path, cause: errorData(error).message }, { cause: error });
  }
}
