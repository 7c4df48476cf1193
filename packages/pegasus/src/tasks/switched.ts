/** What the journal and the meta proxy say of the switch. */
import type { JournalEntry, TaskContext } from '@longshore/core';
import { proxyText } from '../model.ts';
import type { Move } from '../plan/migrate.ts';
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
export async function wasSwitched(context: TaskContext<Move>): Promise<boolean> {
  const begun = await switchBegun(context);
  if (begun === undefined) return false;
  if (begun.state === 'done') return true;
  const { table, root, cluster } = context.params;
  if (root === undefined) return false;
  await using zk = await zooKeeperOf(context, context.params);
  const { data } = await zk.get(`${root}/${table}`);
  return data.toString('utf8') === proxyText(cluster, String(metasOf(begun)));
}

/** The metas that were to be written, by the journal. */
function metasOf({ after }: JournalEntry): string {
  return typeof after === 'string' ? (/"meta_addrs": "([^"]*)"/.exec(after)?.[1] ?? '') : '';
}
