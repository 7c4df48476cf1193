/** What can go wrong in one call to ZooKeeper. `what` names the call for people: "set /proxy/t". */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const ZooKeeperAddress: ErrorEntry<{ text: string; reason: string }> = defineError('LSH_ZOOKEEPER_ADDRESS', {
  message: ({ text, reason }) => `"${text}" is no list of ZooKeeper servers: ${reason}`,
  fix: 'Give host:port,host:port with an optional path behind the last one: zk1:2181,zk2:2181/root.',
  retryable: false,
  exitCode: EXIT.usage,
});

/** Nothing was sent: there was no connection in time. */
export const ZooKeeperUnreachable: ErrorEntry<{ what: string; hosts: string; waitedMs: number; state: string }> = defineError(
  'LSH_ZOOKEEPER_UNREACHABLE',
  {
    message: ({ what, hosts, waitedMs, state }) => `${what}: no ZooKeeper of ${hosts} could be reached within ${waitedMs} ms (${state})`,
    fix: 'Check that the servers run, have a quorum, and can be reached from this machine.',
    retryable: true,
    exitCode: EXIT.unreachable,
  },
);

/** It was sent, and nobody knows what came of it. Read before it is sent again. */
export const ZooKeeperUnknownOutcome: ErrorEntry<{ what: string; hosts: string; reason: string }> = defineError('LSH_ZOOKEEPER_UNKNOWN', {
  message: ({ what, hosts, reason }) => `${what}: sent to ${hosts}, but the outcome is not known (${reason})`,
  fix: 'Read the node: it shows whether the change was made.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const ZooKeeperNoNode: ErrorEntry<{ what: string; path: string }> = defineError('LSH_ZOOKEEPER_NO_NODE', {
  message: ({ what, path }) => `${what}: there is no node ${path}`,
  fix: 'Check the path, and the root it lies under.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const ZooKeeperNodeExists: ErrorEntry<{ what: string; path: string }> = defineError('LSH_ZOOKEEPER_NODE_EXISTS', {
  message: ({ what, path }) => `${what}: the node ${path} is there already`,
  fix: 'Read it, and change it by its version if that is what is wanted.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const ZooKeeperBadVersion: ErrorEntry<{ what: string; path: string; version: number }> = defineError('LSH_ZOOKEEPER_VERSION', {
  message: ({ what, path, version }) => `${what}: ${path} no longer has version ${version}; somebody else has changed it`,
  fix: 'Read the node and decide anew.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const ZooKeeperDenied: ErrorEntry<{ what: string; reason: string }> = defineError('LSH_ZOOKEEPER_DENIED', {
  message: ({ what, reason }) => `${what}: ZooKeeper does not allow it (${reason})`,
  fix: 'Give the user and the password that the node belongs to.',
  retryable: false,
  exitCode: EXIT.refused,
});

/** Any other answer, by ZooKeeper's own name for it. */
export const ZooKeeperRefused: ErrorEntry<{ what: string; name: string }> = defineError('LSH_ZOOKEEPER_REFUSED', {
  message: ({ what, name }) => `${what}: ZooKeeper answered ${name}`,
  fix: 'Look the answer up in the documentation of ZooKeeper.',
  retryable: false,
  exitCode: EXIT.failed,
});
