/** What a cluster may answer, or leave unanswered. `what` completes "… at NAME". */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const ClusterAddress: ErrorEntry<{ address: string; why: string }> = defineError('LSH_OPENMLDB_ADDRESS', {
  message: ({ address, why }) => `"${address}" is no address of an OpenMLDB cluster: ${why}`,
  fix: 'Give the ZooKeeper servers and the root path: openmldb://zk1:2181,zk2:2181/openmldb.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const NoCluster: ErrorEntry<{ hosts: string; node: string }> = defineError('LSH_OPENMLDB_NO_CLUSTER', {
  message: ({ hosts, node }) => `there is no OpenMLDB cluster here: ZooKeeper ${hosts} has no node ${node}`,
  fix: 'Check the root path (zk_root_path) against the one in the configuration of the nameservers.',
  retryable: false,
  exitCode: EXIT.unreachable,
});

export const NoNameserver: ErrorEntry<{ hosts: string; node: string }> = defineError('LSH_OPENMLDB_NO_NAMESERVER', {
  message: ({ hosts, node }) => `no nameserver leads the cluster: ${node} at ZooKeeper ${hosts} has no children`,
  fix: 'Start a nameserver. It is looked for again.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const NotLeading: ErrorEntry<{ what: string; cluster: string; leader: string }> = defineError('LSH_OPENMLDB_NOT_LEADER', {
  message: ({ what, cluster, leader }) => `${what} at ${cluster}: the nameserver ${leader} does not lead (code 300)`,
  fix: 'The leader is looked up again and asked once more. If it stays so, look at the log of the nameservers.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const Unanswered: ErrorEntry<{ what: string; server: string; reason: string }> = defineError('LSH_OPENMLDB_UNANSWERED', {
  message: ({ what, server, reason }) => `${what}: no answer from ${server} (${reason})`,
  fix: 'Check that the server runs and can be reached from this machine; it is asked again.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const OutcomeUnknown: ErrorEntry<{ what: string; server: string; reason: string }> = defineError('LSH_OPENMLDB_UNKNOWN', {
  message: ({ what, server, reason }) => `${what}: sent to ${server}, but whether it was done is not known (${reason})`,
  fix: 'It is looked up when the request can no longer take effect, and done again where it was not.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const CallRefused: ErrorEntry<{ what: string; server: string; code: number; name: string; msg: string }> = defineError(
  'LSH_OPENMLDB_REFUSED',
  {
    message: ({ what, server, code, name, msg }) =>
      `${what}: ${server} refuses it with code ${code}, ${name}${msg === '' || msg === name ? '' : ` (${msg})`}`,
    fix: 'Look at the state of the table and of the tablets: `longshore openmldb showtablestatus`.',
    retryable: false,
    exitCode: EXIT.failed,
  },
);

export const CallUnknown: ErrorEntry<{ what: string; server: string }> = defineError('LSH_OPENMLDB_NO_METHOD', {
  message: ({ what, server }) => `${what}: ${server} does not know this call`,
  fix: 'This version of OpenMLDB lacks it; what needs it cannot be done there.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const BadAnswer: ErrorEntry<{ what: string; server: string; status: number; text: string }> = defineError('LSH_OPENMLDB_ANSWER', {
  message: ({ what, server, status, text }) => `${what}: ${server} answers ${status} with what cannot be understood (${text})`,
  fix: 'Check that the address belongs to a server of OpenMLDB, and its log.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const AccessDenied: ErrorEntry<{ what: string; server: string; status: number }> = defineError('LSH_OPENMLDB_DENIED', {
  message: ({ what, server, status }) => `${what}: ${server} does not allow it (${status})`,
  fix: 'Put the credentials under `secrets.authorization` of the target: `u` + user, a colon and the hash of the password.',
  retryable: false,
  exitCode: EXIT.refused,
});
