/** The ZooKeeper of the meta proxy, for tasks. */
import type { TaskContext } from '@longshore/core';
import type { ZooKeeper } from '@longshore/zookeeper';
import { pegasusCluster } from '../client/index.ts';
import { openZooKeeper } from './snapshot.ts';

/** The one that was named; else the cluster is asked which it uses. */
export async function zooKeeperOf(
  context: Pick<TaskContext<unknown>, 'target' | 'signal' | 'clock'>,
  { node, source: name }: { node?: string | undefined; source: string },
): Promise<ZooKeeper> {
  if (node !== undefined) return openZooKeeper(context, node, '');
  await using source = context.target(name, pegasusCluster);
  return openZooKeeper(context, undefined, (await source.info()).zookeeperHosts);
}
