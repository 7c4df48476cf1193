/**
 * Which refusal it is. vtctld's errors reach a client as code 2 (UNKNOWN), whatever they were inside, with nothing but their text to go by
 * (seen on Vitess 24). So the text is looked up here, and only here; the first line that fits decides.
 */
import type { ErrorEntry, LongshoreError } from '@longshore/core';
import type { Said } from './errors.ts';
import {
  CopyInProgress,
  LagTooHigh,
  MysqlDown,
  NodeExists,
  NodeMissing,
  NoPrimary,
  NoSuchWorkflow,
  NotSwitched,
  Refused,
  StillServing,
  StreamsExist,
  TabletsNotRefreshed,
  UnknownCommand,
  WorkflowFrozen,
  WorkflowHasErrors,
  WritesSwitched,
} from './errors.ts';

export const ERROR_TEXTS: readonly { text: RegExp; is: ErrorEntry<Said> }[] = [
  { text: /some streams already exist in the target shards/, is: StreamsExist },
  { text: /no streams found in keyspace/, is: NoSuchWorkflow },
  { text: /copy is still in progress/, is: CopyInProgress },
  { text: /workflow has errors/, is: WorkflowHasErrors },
  { text: /replication lag \S+ is higher than allowed lag/, is: LagTooHigh },
  { text: /workflow is frozen/, is: WorkflowFrozen },
  { text: /could not refresh all of the tablets/, is: TabletsNotRefreshed },
  { text: /you have not yet switched all read and write traffic/, is: NotSwitched },
  { text: /you have already switched write traffic/, is: WritesSwitched },
  { text: /is still serving; cannot delete it/, is: StillServing },
  { text: /no primary found for shard|doesn't have a primary set/, is: NoPrimary },
  { text: /error in connecting to mysql db/, is: MysqlDown },
  { text: /node already exists:/, is: NodeExists },
  { text: /node doesn't exist:/, is: NodeMissing },
  // The other two are gRPC's own, of a server in Go and of one in JavaScript.
  { text: /unknown (command|service|method)|does not implement the method/, is: UnknownCommand },
];

const ANSWER_SHOWN = 400;

/** The refusal a server's text stands for. */
export function refusalOf(details: string, { what, server }: Omit<Said, 'answer'>): LongshoreError {
  const entry = ERROR_TEXTS.find(({ text }) => text.test(details))?.is ?? Refused;
  return entry({ what, server, answer: details.replace(/\s+/g, ' ').trim().slice(0, ANSWER_SHOWN) });
}
