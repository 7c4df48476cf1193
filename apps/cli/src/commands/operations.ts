/** Commands about operations that exist: list, show, explain, plan, start, watch, pause, resume, drain, finish, cancel, report. */
import type { OperationEvent, OperationHeader, OperationState } from '@longshore/core';
import { FINAL_STATES } from '@longshore/core';
import { duration } from '@longshore/operations';
import { Command, Option } from 'commander';
import { parseTime } from '../arguments/time.ts';
import type { Client } from '../client.ts';
import type { ApiOption } from '../connection.ts';
import { connectFleet, withApi } from '../connection.ts';
import { Ended } from '../exit.ts';
import { viewOf } from '../report/kinds.ts';
import { planText } from '../report/plan.ts';
import { reportText } from '../report/text.ts';
import type { Terminal } from '../terminal.ts';
import { clockTime, count, table } from '../text.ts';
import { inUnits } from '../watch/frame.ts';
import { numbersOf } from '../watch/picture.ts';
import { examples, milliseconds, wholeNumber, withJson } from './options.ts';
import { watchToEnd } from './run-operation.ts';

interface Flags extends ApiOption {
  json?: boolean;
}

const ID = '<id>';

export function operationCommands(terminal: Terminal): Command[] {
  const withClient =
    <F extends Flags>(work: (client: Client, id: string, flags: F) => Promise<void>) =>
    async (id: string, flags: F): Promise<void> => {
      await using client = await connectFleet(flags, terminal);
      await work(client, id, flags);
    };
  const one = (name: string, title: string): Command =>
    withApi(withJson(new Command(name).description(title).argument(ID, 'id of an operation, such as op_ab12cd34')));

  return [
    opsCommand(terminal),

    examples(one('show', 'state, stages and tasks of an operation').option('--events', 'its event log too'), [
      'longshore show op_ab12cd34',
      'longshore show op_ab12cd34 --events --json',
    ]).action(withClient((client, id, flags: Flags & { events?: boolean }) => show(client, id, flags, terminal))),

    examples(one('explain', 'one screen: what it does, what it waits for, what to type next'), ['longshore explain op_ab12cd34']).action(
      withClient(async (client, id, { json }: Flags) => {
        const text = await client.explain(id);
        if (json) terminal.json({ id, text });
        else terminal.print(text);
      }),
    ),

    examples(one('plan', 'the plan of an operation'), ['longshore plan op_ab12cd34']).action(
      withClient(async (client, id, { json }: Flags) => {
        const plan = await client.plan(id);
        if (json) terminal.json({ id, ...plan });
        else terminal.print(planText(plan, terminal.out.style, viewOf((await client.operation(id)).header.kind)));
      }),
    ),

    examples(
      one('start', 'run an operation that was only planned, and watch it')
        .option('--replan', 'where the target has changed since, plan anew and run that')
        .option('--detach', 'return at once'),
      ['longshore start op_ab12cd34', 'longshore start op_ab12cd34 --replan'],
    ).action(
      withClient(async (client, id, { json, detach, replan }: Flags & { detach?: boolean; replan?: boolean }) => {
        const header = await client.act(id, 'start', replan ? { replan } : {});
        if (detach) return tellState(header, json, terminal, `started; \`longshore watch ${id}\` shows it`);
        throw new Ended(await watchToEnd(client, id, true, json === true, terminal));
      }),
    ),

    examples(one('watch', 'watch an operation until it ends; Ctrl+C ends only the watching'), [
      'longshore watch op_ab12cd34',
      'longshore watch op_ab12cd34 --json | jq .',
    ]).action(
      withClient(async (client, id, { json }: Flags) => {
        throw new Ended(await watchToEnd(client, id, false, json === true, terminal));
      }),
    ),

    examples(one('pause', 'begin nothing new; what runs is let finish'), ['longshore pause op_ab12cd34']).action(
      withClient(async (client, id, { json }: Flags) =>
        tellState(
          await client.act(id, 'pause'),
          json,
          terminal,
          `what runs is let finish, then it rests; \`longshore resume ${id}\` goes on`,
        ),
      ),
    ),
    examples(one('resume', 'go on with a paused operation'), ['longshore resume op_ab12cd34']).action(
      withClient(async (client, id, { json }: Flags) =>
        tellState(await client.act(id, 'resume'), json, terminal, `goes on; \`longshore watch ${id}\` shows it`),
      ),
    ),
    examples(
      one('drain', 'begin no new work, finish what is ready, then end').option(
        '--within <duration>',
        'cancel what still runs then',
        milliseconds,
      ),
      ['longshore drain op_ab12cd34', 'longshore drain op_ab12cd34 --within 10m'],
    ).action(
      withClient(async (client, id, { json, within }: Flags & { within?: number }) =>
        tellState(
          await client.act(id, 'drain', within === undefined ? {} : { withinMs: within }),
          json,
          terminal,
          `no new work is begun; \`longshore watch ${id}\` shows the rest`,
        ),
      ),
    ),
    examples(
      one('finish', 'end what would go on for ever; what has come due is done, and it goes on with what comes next').option(
        '--at <time>',
        'the end is at that moment; one to come is waited for (default: now)',
      ),
      ['longshore finish op_ab12cd34', 'longshore finish op_ab12cd34 --at 2023-03-08T12:00:00Z'],
    ).action(
      withClient(async (client, id, { json, at }: Flags & { at?: string }) =>
        tellState(
          await client.act(id, 'finish', at === undefined ? {} : { at: parseTime(at, Date.now()) }),
          json,
          terminal,
          `what has come due is done, then it goes on to its end; \`longshore watch ${id}\` shows it`,
        ),
      ),
    ),
    examples(one('cancel', 'stop running steps, put its things away, end'), ['longshore cancel op_ab12cd34']).action(
      withClient(async (client, id, { json }: Flags) =>
        tellState(
          await client.act(id, 'cancel'),
          json,
          terminal,
          `it is being cancelled; \`longshore explain ${id}\` tells when it is done`,
        ),
      ),
    ),

    examples(one('report', 'what came of it, row by row, and the verdict').option('--all', 'every row, however many'), [
      'longshore report op_ab12cd34',
      'longshore report op_ab12cd34 --json',
    ]).action(
      withClient(async (client, id, { json, all }: Flags & { all?: boolean }) => {
        const report = await client.report(id);
        if (json) terminal.json(report);
        else {
          const most = all ? Number.POSITIVE_INFINITY : ROWS;
          const { planHash } = (await client.operation(id)).header;
          const plan = planHash === undefined ? {} : { plan: await client.plan(id) };
          terminal.print(reportText(report, { style: terminal.out.style, maxRows: most, maxNotes: most, ...plan }));
        }
      }),
    ),
  ];
}

const ROWS = 60;

function tellState(header: OperationHeader, json: boolean | undefined, terminal: Terminal, words: string): void {
  if (json) terminal.json(header);
  else terminal.print(`${header.id} is ${header.state}: ${words}.`);
}

const LIVE: OperationState[] = ['submitted', 'planned', 'awaiting-approval', 'running', 'paused', 'reverting', 'needs-attention'];
const STATES: OperationState[] = [...LIVE, ...FINAL_STATES];

function opsCommand(terminal: Terminal): Command {
  const command = withApi(withJson(new Command('ops').description('operations of the fleet, newest first')))
    .option('--live', 'only those that have not ended')
    .addOption(new Option('--state <state...>', 'only those in these states').choices(STATES))
    .option('--kind <kind>', 'only those of this kind; with a dot at its end of all that begin so: tsdb.')
    .option('--owner <name>', 'only those of this person')
    .option('--search <text>', 'only those with this in their id, reason or parameters')
    .option('--limit <n>', 'at most so many', wholeNumber(1, 500), 30);
  return examples(command, [
    'longshore ops',
    'longshore ops --live',
    'longshore ops --state failed --kind tsdb. --json',
    'longshore ops --search vm-new',
  ]).action(
    async (flags: Flags & { live?: boolean; state?: OperationState[]; kind?: string; owner?: string; search?: string; limit: number }) => {
      await using client = await connectFleet(flags, terminal);
      const { limit, kind, owner, search: text } = flags;
      const state = flags.state ?? (flags.live ? LIVE : undefined);
      const filter = { limit, state, kind, owner, text };
      const { operations, next } = await client.operations(filter);
      if (flags.json) {
        for (const header of operations) terminal.json(header);
        return;
      }
      if (operations.length === 0 && [state, kind, owner, text].some((one) => one !== undefined))
        return terminal.say('No operation is like that. `longshore ops` lists all of them.');
      if (operations.length === 0) return terminal.say('There are no operations. `longshore tsdb migrate --help` shows how to start one.');
      const now = Date.now();
      const rows = operations.map((header) => {
        const numbers = numbersOf({ header, tasks: [], guards: [] });
        const { done, total, points } = numbers;
        const share = total > 0 ? `${count(done)}/${inUnits(numbers)}` : '';
        return [
          header.id,
          header.kind,
          header.state,
          share,
          points > 0 ? count(points) : '',
          `${duration(now - header.createdAt)} ago`,
          header.owner,
          header.reason ?? '',
        ];
      });
      terminal.print(table(['id', 'kind', 'state', 'done', 'points', 'submitted', 'by', 'reason'], rows, new Set([3, 4])).join('\n'));
      if (next !== undefined) terminal.say('There are more: raise --limit, or narrow them down with --state and --kind.');
    },
  );
}

async function show(
  client: Client,
  id: string,
  { json, events: withEvents }: Flags & { events?: boolean },
  terminal: Terminal,
): Promise<void> {
  const { header, tasks, guards } = await client.operation(id);
  const done = await client.tasks(id);
  const events: OperationEvent[] = [];
  if (withEvents) for await (const event of client.events(id, { follow: false })) events.push(event);
  if (json) return terminal.json({ header, tasks, guards, done, ...(withEvents ? { events } : {}) });
  const { style } = terminal.out;
  const head: [string, string][] = [
    ['state', `${header.state}${header.intent ? ` (${header.intent} asked by ${header.intentBy ?? 'somebody'})` : ''}`],
    ['kind', header.kind],
    ['by', `${header.owner}${header.reason ? `, because: ${header.reason}` : ''}`],
    ['submitted', new Date(header.createdAt).toISOString()],
    ...(header.startedAt === undefined ? [] : [['started', new Date(header.startedAt).toISOString()] as [string, string]]),
    ...(header.endedAt === undefined ? [] : [['ended', new Date(header.endedAt).toISOString()] as [string, string]]),
    ['params', JSON.stringify(header.params)],
    [
      'counters',
      Object.entries(header.counters)
        .map(([name, value]) => `${name} ${count(value)}`)
        .join(', '),
    ],
    ['spools', header.spools.join(', ')],
    ...(header.error ? [['error', `${header.error.code}: ${header.error.message}. ${header.error.fix}`] as [string, string]] : []),
  ];
  const lines = [
    style('bold', header.id),
    ...head.filter(([, value]) => value !== '').map(([name, value]) => `  ${name.padEnd(10)} ${value}`),
  ];
  if (header.stages.length > 0) {
    const rows = header.stages.map((stage) => [
      `  ${stage.name}`,
      stage.state,
      count(stage.done),
      count(stage.total),
      count(stage.failed),
      count(stage.skipped),
    ]);
    lines.push('', ...table(['  stage', 'state', 'done', 'of', 'failed', 'skipped'], rows, new Set([2, 3, 4, 5])));
  }
  if (tasks.length > 0) {
    const rows = tasks.map((task) => [
      `  ${task.id}`,
      task.state,
      task.worker ?? '',
      task.progress
        ? `${count(task.progress.done)}${task.progress.total === undefined ? '' : `/${count(task.progress.total)}`} ${task.progress.unit}`
        : '',
      task.gate?.reason ?? task.lastError ?? '',
    ]);
    lines.push('', ...table(['  live task', 'state', 'worker', 'progress', 'why'], rows));
  }
  if (guards.length > 0) {
    const rows = guards.map((one) => [`  ${one.key}`, one.state, one.target, one.what, new Date(one.openedAt).toISOString()]);
    lines.push('', ...table(['  guard', 'state', 'target', 'what', 'opened'], rows));
  }
  if (done.length > 0) {
    const rows = done
      .sort((a, b) => a.endedAt - b.endedAt)
      .map((record) => [
        `  ${record.id}`,
        record.result,
        record.startedAt === undefined ? '' : duration(record.endedAt - record.startedAt),
        record.error?.message ?? '',
      ]);
    lines.push('', ...table(['  ended task', 'result', 'took', 'error'], rows));
  }
  if (events.length > 0)
    lines.push(
      '',
      ...events.map(({ at, type, text }) => `  ${new Date(at).toISOString().slice(0, 10)} ${clockTime(at)} ${type.padEnd(12)} ${text}`),
    );
  terminal.print(lines.join('\n'));
}
