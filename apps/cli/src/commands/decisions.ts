/** Commands by which a person decides about an operation: submit, approve, retry, revert, take over; and what the journal says. */
import { readFileSync } from 'node:fs';
import type { Json, OperationHeader } from '@longshore/core';
import { readYaml } from '@longshore/host';
import type { RevertStep } from '@longshore/operations';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import type { Client } from '../client.ts';
import type { ApiOption } from '../connection.ts';
import { connectFleet, withApi } from '../connection.ts';
import { BadFile } from '../errors.ts';
import { Ended } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { clockTime, table } from '../text.ts';
import { examples, milliseconds, withJson } from './options.ts';
import { runOperation, watchToEnd } from './run-operation.ts';
import type { RunningFlags } from './system.ts';
import { submissionOf, withRunning } from './system.ts';

interface Flags extends ApiOption {
  json?: boolean;
}

const ID = '<id>';

export function decisionCommands(terminal: Terminal): Command[] {
  const one = (name: string, title: string): Command =>
    withApi(withJson(new Command(name).description(title).argument(ID, 'id of an operation, such as op_ab12cd34')));
  const withClient =
    <F extends Flags>(work: (client: Client, id: string, flags: F) => Promise<void>) =>
    async (id: string, flags: F): Promise<void> => {
      await using client = await connectFleet(flags, terminal);
      await work(client, id, flags);
    };
  const tell = (header: OperationHeader, json: boolean | undefined, words: string): void => {
    if (json) terminal.json(header);
    else terminal.print(`${header.id} is ${header.state}: ${words}.`);
  };

  return [
    submitCommand(terminal),

    examples(
      one('approve', 'agree to the step an operation waits for, or to a later one')
        .requiredOption('--reason <text>', 'why; it stands in the log with your name')
        .option('--stage <name...>', 'these stages (default: all that wait now)')
        .option('--for <duration>', 'how long it is good for (default 1d)', milliseconds),
      [
        'longshore approve op_ab12cd34 --reason "change 4711, window agreed"',
        'longshore approve op_ab12cd34 --stage cutover --reason "…" --for 2h',
      ],
    ).action(
      withClient(async (client, id, { json, reason, stage, for: lifeMs }: Flags & { reason: string; stage?: string[]; for?: number }) => {
        const header = await client.approve(id, {
          reason,
          ...(stage === undefined ? {} : { stages: stage }),
          ...(lifeMs === undefined ? {} : { lifeMs }),
        });
        const approved = header.approvals?.slice(-(stage?.length ?? header.awaits?.stages.length ?? 1)).map((one) => one.stage) ?? [];
        if (json) terminal.json(header);
        else terminal.print(`Approved: ${approved.join(', ')} of ${id}. \`longshore watch ${id}\` shows it going on.`);
      }),
    ),

    examples(
      one('retry', 'go on where an operation failed, or try at once what waits for its next try').option('--detach', 'return at once'),
      ['longshore retry op_ab12cd34'],
    ).action(
      withClient(async (client, id, { json, detach }: Flags & { detach?: boolean }) => {
        const header = await client.retry(id);
        if (detach) return tell(header, json, `tried again; \`longshore watch ${id}\` shows it`);
        throw new Ended(await watchToEnd(client, id, true, json === true, terminal));
      }),
    ),

    examples(
      one('revert', 'take back what an operation did, newest first')
        .option('--plan', 'only show what would be taken back')
        .option('--detach', 'return at once'),
      ['longshore revert op_ab12cd34 --plan', 'longshore revert op_ab12cd34'],
    ).action(
      withClient(async (client, id, { json, plan, detach }: Flags & { plan?: boolean; detach?: boolean }) => {
        if (plan) return tellSteps(await client.revertSteps(id), id, json, terminal);
        const header = await client.revert(id);
        if (detach) return tell(header, json, `being taken back; \`longshore watch ${id}\` shows it`);
        throw new Ended(await watchToEnd(client, id, true, json === true, terminal));
      }),
    ),

    examples(
      one('take-over', 'end by hand what could not be closed; you answer for the target from then on').requiredOption(
        '--reason <text>',
        'what you did; it stands in the log and in the report with your name',
      ),
      ['longshore take-over op_ab12cd34 --reason "lifted the denial in the shell"'],
    ).action(
      withClient(async (client, id, { json, reason }: Flags & { reason: string }) => {
        const header = await client.takeOver(id, reason);
        tell(header, json, 'what was open is yours now');
      }),
    ),

    examples(one('journal', 'every change outside that an operation began, oldest first'), ['longshore journal op_ab12cd34']).action(
      withClient(async (client, id, { json }: Flags) => {
        const entries = await client.journal(id);
        if (json) {
          for (const entry of entries) terminal.json(entry);
          return;
        }
        if (entries.length === 0) return terminal.say(`${id} has changed nothing outside that a journal is kept of.`);
        const rows = entries.map(({ at, task, what, state, before, after }) => [
          clockTime(at),
          task,
          state === 'intent' ? 'begun, outcome not read yet' : state,
          what,
          `${JSON.stringify(before)} → ${JSON.stringify(after)}`,
        ]);
        terminal.print(table(['at', 'task', 'state', 'what', 'before → after'], rows).join('\n'));
      }),
    ),
  ];
}

function tellSteps(steps: RevertStep[], id: string, json: boolean | undefined, terminal: Terminal): void {
  if (json) {
    for (const step of steps) terminal.json(step);
    return;
  }
  if (steps.length === 0) {
    terminal.say(`${id} has done nothing that could be taken back.`);
    return;
  }
  const rows = steps.map(({ task, kind, changed, none, guards = [] }) => [
    task,
    kind,
    none === undefined
      ? ['is taken back', ...guards.map(({ what, maxMs }) => `meanwhile ${what}, at most ${maxMs / 1000} s`)].join('; ')
      : `stays: ${none}`,
    changed.join('; '),
  ]);
  terminal.print(table(['task', 'sort', 'revert', 'what it changed'], rows).join('\n'));
  if (steps.some(({ none }) => none === undefined))
    terminal.say(`\nNothing has been changed. \`longshore revert ${id}\` does it, in this order.`);
}

/** `name=value`; a value that is JSON is taken for what it is. */
function parameter(text: string, known: Record<string, Json> = {}): Record<string, Json> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be name=value.');
  const value = text.slice(at + 1);
  try {
    return { ...known, [text.slice(0, at)]: JSON.parse(value) as Json };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { ...known, [text.slice(0, at)]: value };
  }
}

function parametersIn(file: string | undefined): Record<string, unknown> {
  if (file === undefined) return {};
  const refuse = (problem: string): Error => BadFile({ file, problem });
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw refuse((error as Error).message);
  }
  return readYaml(text, z.record(z.string(), z.unknown()), refuse)[0] ?? {};
}

interface SubmitFlags extends RunningFlags {
  param?: Record<string, Json>;
  params?: string;
}

function submitCommand(terminal: Terminal): Command {
  const command = withRunning(
    new Command('submit')
      .description('start an operation of any kind')
      .argument('<kind>', 'see `longshore kinds`')
      .option('-p, --param <name=value>', 'one parameter; a value that is JSON is taken as such; may be given again', parameter)
      .option('--params <file>', 'parameters from a YAML or JSON file; --param wins over it'),
  );
  return examples(command, [
    'longshore submit counter.noop -p tasks=20 -p bulk=false',
    'longshore submit counter.move -p source=http://127.0.0.1:7801 -p sink=http://127.0.0.1:7802 -p \'counters=["hits"]\' --approvals cutover',
    'longshore submit tsdb.verify --params verify.yaml --plan',
  ]).action(async (kind: string, flags: SubmitFlags) => {
    const params = { ...parametersIn(flags.params), ...flags.param };
    await using client = await connectFleet(flags, terminal);
    const operation = submissionOf({ kind, params }, flags);
    throw new Ended(await runOperation(client, operation, flags, terminal));
  });
}
