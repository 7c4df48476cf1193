/**
 * How a system gets its group of commands, `longshore pegasus migrate-table …`: each command says which flags it has and how they become
 * an operation. Everything else (`--plan`, `--json`, `--detach`, approvals, watching, the report, exit codes) is the same for all.
 */

import type { Submission } from '@longshore/contract';
import type { Json } from '@longshore/core';
import { APPROVAL_POLICIES } from '@longshore/core';
import { Command, Option } from 'commander';
import { parseAddress } from '../arguments/target.ts';
import type { Client } from '../client.ts';
import type { ApiOption } from '../connection.ts';
import { connectFleet, withApi } from '../connection.ts';
import { BadUsage } from '../errors.ts';
import { Ended } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { examples, milliseconds, withJson } from './options.ts';
import type { RunOptions } from './run-operation.ts';
import { runOperation } from './run-operation.ts';

/** What every command that starts an operation takes besides its own flags. */
export interface RunningFlags extends ApiOption, RunOptions {
  approvals?: NonNullable<Submission['approvals']>;
  deadline?: number;
  reason?: string;
}

/** Where and when a command was typed: what turns flags into parameters reads nothing else of the world. */
export interface Typed {
  nowMs: number;
  cwd: string;
  /** Arguments without a flag, in their order. */
  given: string[];
}

export interface OperationRequest {
  kind: string;
  params: { [key: string]: Json };
  /** One sentence that says what will be done, shown before anything is. */
  headline: string;
}

export interface OperationCommand<F extends RunningFlags, R extends OperationRequest = OperationRequest> {
  name: string;
  title: string;
  /** Lines that work as they stand, but for names and addresses. */
  examples: string[];
  /** Adds its own flags and arguments. */
  options(command: Command): Command;
  /** Flags as the API's request. Pure. Throws a usage error that names the flag; the rest is checked against the kind's schema. */
  request(flags: F, typed: Typed): R;
  /** What must be so in the fleet before it is submitted. */
  before?(client: Client, request: R, terminal: Terminal): Promise<void>;
}

export function operationCommand<F extends RunningFlags, R extends OperationRequest = OperationRequest>(
  terminal: Terminal,
  spec: OperationCommand<F, R>,
): Command {
  const command = withRunning(spec.options(new Command(spec.name).description(spec.title)));
  return examples(command, spec.examples).action(async () => {
    const flags = command.opts<F>();
    const request = spec.request(flags, { nowMs: Date.now(), cwd: process.cwd(), given: command.args });
    terminal.say(request.headline.charAt(0).toUpperCase() + request.headline.slice(1));
    await using client = await connectFleet(flags, terminal);
    await spec.before?.(client, request, terminal);
    throw new Ended(await runOperation(client, submissionOf(request, flags), flags, terminal));
  });
}

/** A group shows in the help once it has a command. */
export function systemGroup(name: string, description: string, commands: Command[]): Command {
  const group = new Command(name).description(description);
  for (const command of commands) group.addCommand(command);
  return group;
}

export function withRunning(command: Command): Command {
  return withApi(withJson(command))
    .option('--plan', 'only plan: show what would be done, change nothing')
    .addOption(
      new Option(
        '--approvals <policy>',
        'which stages wait for a person; cutover: those before which something is denied or deleted',
      ).choices(APPROVAL_POLICIES),
    )
    .option('--deadline <duration>', 'it fails when it has not ended by then', milliseconds)
    .option('--reason <text>', 'why; it stands in the log')
    .option('-y, --yes', 'do not ask, go on in spite of warnings')
    .option('--detach', 'print the id and return at once');
}

export function submissionOf({ kind, params }: Pick<Submission, 'kind' | 'params'>, flags: RunningFlags): Submission {
  const { approvals, deadline, reason } = flags;
  return {
    kind,
    params,
    ...(approvals === undefined ? {} : { approvals }),
    ...(deadline === undefined ? {} : { deadlineMs: deadline }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/**
 * A flag that names a target: a name of longshore.yaml, or `scheme://…` where addresses are allowed; without a scheme `host:port` gets
 * this one. Credentials are refused. Use it as the parser of an option: `.option('--source <target>', '…', target('--source', 'pegasus'))`.
 */
export function target(flag: string, scheme: string): (text: string) => string {
  return (text) => parseAddress(flag, text, scheme);
}

/** A flag that must be there; commander's own `requiredOption` would not tell `--from` from `--source` in one command. */
export function needed<T>(command: string, flag: string, given: T | undefined): T {
  if (given === undefined) throw BadUsage({ problem: `the flag ${flag} is missing`, command: `longshore ${command}` });
  return given;
}
