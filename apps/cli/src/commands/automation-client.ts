/**
 * `longshore automation_client`: the client of the automation that Vitess had up to version 7, with its flags, its words and its exit codes. It
 * speaks to any server of that automation: Longshore's, or one of old.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '@longshore/core';
import { AutomationClient, CallFailed, detailsText, requestText } from '@longshore/vitess';
import { Command, InvalidArgumentError } from 'commander';
import { Ended } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { examples } from './options.ts';

interface Flags {
  server?: string;
  task?: string;
  param?: Record<string, string>;
}

/** Its exit codes, which scripts of old rely on. */
const CODES = { noTask: 1, noServer: 2, noConnection: 3, refused: 4, failed: 5 } as const;
const POLL_MS = 50;

/** Split at the first `=`. */
function parameter(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError(`no key specified: '${text}' Expected format: key=value`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

const stop = (terminal: Terminal, text: string, code: number): never => {
  terminal.say(text);
  throw new Ended(code);
};

async function run({ server, task, param = {} }: Flags, terminal: Terminal): Promise<void> {
  if (!task) return stop(terminal, 'No task specified using --task.', CODES.noTask);
  if (!server) return stop(terminal, 'No server specified using --server.', CODES.noServer);
  await using client = new AutomationClient(server, systemClock, new AbortController().signal);
  terminal.print(`Sending request:\n${requestText(task, param)}`);
  let id: string;
  try {
    id = await client.enqueue(task, param);
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    if (error.unreachable) return stop(terminal, `Cannot create connection: ${error.message}`, CODES.noConnection);
    return stop(terminal, `Failed to enqueue ClusterOperation. Error: ${error.message}`, CODES.refused);
  }
  terminal.print(`Operation was enqueued. Details: id:"${id}"`);
  for (;;) {
    let details: Awaited<ReturnType<AutomationClient['details']>>;
    try {
      details = await client.details(id);
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      return stop(terminal, `ERROR: Failed to get details. Error: ${error.message}`, CODES.failed);
    }
    if (details.state === 'CLUSTER_OPERATION_DONE') {
      terminal.print(detailsText(details));
      if (details.error !== '') return stop(terminal, `ERROR: ClusterOperation failed. Details:\n${details.error}`, CODES.failed);
      terminal.print('SUCCESS: ClusterOperation finished.');
      return;
    }
    await wait(POLL_MS);
  }
}

export function automationClientCommand(terminal: Terminal): Command {
  const command = new Command('automation_client')
    .description('the client of the automation that Vitess had up to version 7, with its flags and exit codes')
    .option('--server <host:port>', 'the automation: `api.automation` of a fleet')
    .option('--task <name>', 'HorizontalReshardingTask or VerticalSplitTask')
    .option('--param <key=value>', 'a parameter; may be given again', parameter);
  return examples(command, [
    'longshore automation_client --server localhost:15002 --task HorizontalReshardingTask --param keyspace=ks --param source_shard_list=0 --param dest_shard_list=-80,80- --param vtctld_endpoint=localhost:15999 --param vtworker_endpoint=localhost:15033',
  ]).action((flags: Flags) => run(flags, terminal));
}
