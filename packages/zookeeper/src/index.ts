export type { CreateOptions, ZooKeeper, ZooKeeperOptions } from './client.ts';
export { connectZooKeeper } from './client.ts';
export {
  ZooKeeperAddress,
  ZooKeeperBadVersion,
  ZooKeeperDenied,
  ZooKeeperNodeExists,
  ZooKeeperNoNode,
  ZooKeeperRefused,
  ZooKeeperUnknownOutcome,
  ZooKeeperUnreachable,
} from './errors.ts';
export type { Ensemble } from './hosts.ts';
export { parseHosts } from './hosts.ts';
export type { ZNode, ZNodeStat } from './node.ts';
export type { NodeListener } from './watch.ts';
