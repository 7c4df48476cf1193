/** A ZooKeeper as a target: a configured one, an address, or the one a cluster says it uses. */
import type { Target, TargetSystem } from '@longshore/core';
import { connectZooKeeper, type ZooKeeper } from '@longshore/zookeeper';

/** `-n` and zookeeper_hosts alike; with `digest` under its secrets as `user:password`. */
function connect(target: Target, signal: AbortSignal): ZooKeeper {
  const [user, ...password] = (target.secrets.digest ?? '').split(':');
  const hosts = target.address.replace(/^(zookeeper|zk):\/\//i, '');
  const { callTimeoutMs } = target.settings;
  return connectZooKeeper(hosts, {
    signal,
    ...(typeof callTimeoutMs === 'number' ? { callTimeoutMs } : {}),
    ...(user ? { auth: { user, password: password.join(':') } } : {}),
  });
}

export const zooKeeperTarget: TargetSystem<ZooKeeper> = {
  system: 'zookeeper',
  connect: (target, { signal }) => connect(target, signal),
};
