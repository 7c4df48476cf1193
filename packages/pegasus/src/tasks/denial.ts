/** The denial as the meta has it, and the one way in which it is lifted. */
import type { TaskContext } from '@longshore/core';
import { ZooKeeperBadVersion } from '@longshore/zookeeper';
import { type PegasusCluster, pegasusCluster } from '../client/index.ts';
import { DENY_KEY, DENY_WRITES, denialKey, SEND_AWAY } from '../model.ts';
import type { Move } from '../plan/migrate.ts';
import { zooKeeperOf } from '../reading/proxy.ts';
import { switchBegun, wasSwitched } from './switched.ts';

/** Null: clients are not denied anything. */
export async function denialOf(source: PegasusCluster, table: string): Promise<string | null> {
  return (await source.table(table))?.envs.get(DENY_KEY) ?? null;
}

/**
 * Lets clients write again, or brings the switch to its end where the meta proxy points to the target already: one of the two must be so,
 * and never both. Where a change of the meta proxy may still be on its way, that is made impossible first.
 */
export async function liftDenial(context: TaskContext<Move>, key: string): Promise<'lifted' | 'switched'> {
  const { table, from } = context.params;
  await using source = context.target(context.params.source, pegasusCluster);
  const guard = await context.guard.find(denialKey(table));
  if (guard?.state === 'handed-over') {
    // It is the heir's.
    if ((await denialOf(source, table)) === DENY_WRITES)
      context.note({
        level: 'warning',
        row: table,
        text: `writes to ${table} at ${from} are still denied: that was handed over, and is ended by longshore pegasus finish or longshore pegasus lift -t ${table} --source ${context.params.source}`,
      });
    return 'lifted';
  }
  const begun = await switchBegun(context);
  if (begun !== undefined && (await pointedAway(context))) {
    await context.effect<string | null>({
      key: `${key}-send-away`,
      what: `make the clients of ${table} at ${from} look up where it is`,
      observe: () => denialOf(source, table),
      wanted: SEND_AWAY,
      act: () => source.setEnv(table, DENY_KEY, SEND_AWAY),
      always: true,
    });
    if (guard?.state === 'open') await context.guard.replaced(denialKey(table), `the clients are at ${context.params.cluster}`);
    return 'switched';
  }
  const now = await denialOf(source, table);
  // Somebody else's denial is left alone.
  if (now === null || now === DENY_WRITES || now === guard?.after)
    await context.effect<string | null>({
      key,
      what: `allow writes to ${table}`,
      observe: () => denialOf(source, table),
      wanted: null,
      act: () => source.deleteEnv(table, DENY_KEY),
      always: true,
    });
  if (guard?.state === 'open') await context.guard.close(denialKey(table));
  return 'lifted';
}

/**
 * True when the meta proxy points to the target. Else its node is written as it is, under its version: a change that is still on its way
 * has an older version then, and cannot be made any more.
 */
async function pointedAway(context: TaskContext<Move>): Promise<boolean> {
  if (await wasSwitched(context)) return true;
  const { table, root } = context.params;
  await using zk = await zooKeeperOf(context, context.params);
  const path = `${root ?? ''}/${table}`;
  const node = await zk.get(path);
  await context.lease.assertHeld();
  try {
    await zk.set(path, node.data, node.version);
  } catch (error) {
    // It has just come, or somebody else was faster: what it says now decides.
    if (!ZooKeeperBadVersion.is(error)) throw error;
  }
  return wasSwitched(context);
}
