/** What can go wrong in one exchange with a Pegasus server. `what` names the exchange for people: "set envs of temp". */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const PegasusAddress: ErrorEntry<{ text: string; reason: string }> = defineError('LSH_PEGASUS_ADDRESS', {
  message: ({ text, reason }) => `"${text}" is no list of meta servers: ${reason}`,
  fix: 'Give host:port,host:port, or the name of a target of longshore.yaml.',
  retryable: false,
  exitCode: EXIT.usage,
});

/** Nothing was sent. */
export const PegasusUnreachable: ErrorEntry<{ what: string; address: string; reason: string }> = defineError('LSH_PEGASUS_UNREACHABLE', {
  message: ({ what, address, reason }) => `${what}: no connection to ${address} (${reason})`,
  fix: 'Check that the server runs and that this machine can reach its address.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

/** It was sent, and nobody knows what came of it. */
export const PegasusUnknownOutcome: ErrorEntry<{ what: string; address: string; reason: string }> = defineError('LSH_PEGASUS_UNKNOWN', {
  message: ({ what, address, reason }) => `${what}: sent to ${address}, but no answer came (${reason})`,
  fix: 'It is looked up before anything is done about it, and done again where it was not done.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const PegasusNoLeader: ErrorEntry<{ what: string; metas: string; last: string }> = defineError('LSH_PEGASUS_NO_LEADER', {
  message: ({ what, metas, last }) => `${what}: none of the meta servers ${metas} leads (${last})`,
  fix: 'Check that the meta servers run, and that the list is that of this cluster.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const PegasusMalformed: ErrorEntry<{ what: string; address: string; reason: string }> = defineError('LSH_PEGASUS_MALFORMED', {
  message: ({ what, address, reason }) => `${what}: the answer of ${address} cannot be read (${reason})`,
  fix: 'Check that the address is that of a Pegasus server, of version 2.4 or later. The documentation lists what was tried.',
  retryable: true,
  exitCode: EXIT.failed,
});

/** The server refused the exchange as such: it knows no such call, is not the primary, denies the client. */
export const PegasusRpcError: ErrorEntry<{ what: string; address: string; name: string }> = defineError('LSH_PEGASUS_RPC', {
  message: ({ what, address, name }) => `${what}: ${address} answers ${name}`,
  fix: 'ERR_HANDLER_NOT_FOUND: the server is older than the call. ERR_ACL_DENY: it does not allow it. Others pass, as a rule.',
  retryable: false,
  exitCode: EXIT.failed,
});

/** As `LSH_PEGASUS_RPC`, for what passes. */
export const PegasusBusy: ErrorEntry<{ what: string; address: string; name: string }> = defineError('LSH_PEGASUS_BUSY', {
  message: ({ what, address, name }) => `${what}: ${address} answers ${name}`,
  fix: 'It is tried again. If it stays so, look at the log of the meta server.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

/** The call was understood, and the answer is no. */
export const PegasusRefused: ErrorEntry<{ what: string; name: string; hint: string }> = defineError('LSH_PEGASUS_REFUSED', {
  message: ({ what, name, hint }) => `${what}: the meta server answers ${name}${hint === '' ? '' : ` (${hint})`}`,
  fix: 'The hint is the server’s own; its log says more.',
  retryable: false,
  exitCode: EXIT.failed,
});

/** Header and body errors that pass by themselves. */
export const PASSING: ReadonlySet<string> = new Set([
  'ERR_BUSY',
  'ERR_TIMEOUT',
  'ERR_TRY_AGAIN',
  'ERR_CAPACITY_EXCEEDED',
  'ERR_SERVICE_NOT_ACTIVE',
  'ERR_UNDER_RECOVERY',
  'ERR_NETWORK_FAILURE',
  'ERR_INVALID_STATE',
  'ERR_STATE_FREEZED',
  'ERR_BUSY_CREATING',
  'ERR_BUSY_DROPPING',
  'ERR_ZOOKEEPER_OPERATION',
]);
