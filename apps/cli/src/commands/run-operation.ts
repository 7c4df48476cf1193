/** What every command does that starts an operation: submit, watch, report, and end with the contract's exit code. */
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import type { Submission } from '@longshore/contract';
import type { OperationHeader } from '@longshore/core';
import { EXIT } from '@longshore/core';
import type { Client } from '../client.ts';
import { viewOf } from '../report/kinds.ts';
import { planText } from '../report/plan.ts';
import { reportText, verdict } from '../report/text.ts';
import type { Answer } from '../report/view.ts';
import type { Terminal } from '../terminal.ts';
import { table } from '../text.ts';
import { watchOperation } from '../watch/watch.ts';

export interface RunOptions {
  plan?: boolean;
  detach?: boolean;
  json?: boolean;
  yes?: boolean;
  /** What was submitted under the same key is found again, not done again. */
  key?: string;
}

/** Rows of the report shown after watching; `report --all` shows the rest. */
const ROWS_AFTER_WATCHING = 20;

export async function runOperation(client: Client, operation: Submission, options: RunOptions, terminal: Terminal): Promise<number> {
  const json = options.json === true;
  // At a terminal the plan is shown before it runs, and a warning in it is a question.
  const ask = terminal.err.live && process.stdin.isTTY && !json && !options.yes && !options.detach;
  const mode = options.plan || ask ? 'plan' : 'run';
  const { id, created } = await client.submitOnce({ ...operation, mode }, options.key ?? randomUUID());
  if (!created) return found(client, id, options, terminal);
  if (json) terminal.json({ type: 'operation', id, kind: operation.kind, params: operation.params, mode });
  if (options.detach && !options.plan) return detached(id, json, terminal);

  if (mode === 'plan') {
    const planned = await watchOperation({ client, id, terminal, json, owned: true });
    if (planned.header.state !== 'planned') return ended(client, id, planned, json, terminal);
    const plan = await client.plan(id);
    if (json) terminal.json({ type: 'plan', id, ...plan });
    const obstacles = plan.findings.filter(({ level }) => level === 'error');
    const text = planText(plan, terminal.out.style, viewOf(operation.kind));
    if (options.plan) {
      if (!json) terminal.print(text);
      if (obstacles.length === 0) {
        terminal.say(`\nNothing has been changed. \`longshore start ${id}\` runs this plan.`);
        return EXIT.done;
      }
      await client.act(id, 'cancel');
      terminal.say('\nNothing has been changed. This plan cannot run: see what is marked as error.');
      return EXIT.refused;
    }
    terminal.say(text.trimEnd());
    if (plan.findings.some(({ level }) => level === 'warning') && !(await agreed())) {
      await client.act(id, 'cancel');
      terminal.say('The plan was thrown away; nothing has been changed.');
      return EXIT.refused;
    }
    await client.act(id, 'start');
  }
  return watchToEnd(client, id, true, json, terminal);
}

/** It was submitted before: what became of it is told, what still runs is watched. */
async function found(client: Client, id: string, { json, detach }: RunOptions, terminal: Terminal): Promise<number> {
  const { header } = await client.operation(id);
  terminal.say(`This was submitted before, as ${id}: it is ${header.state}. --again does it once more.`);
  if (detach) {
    if (json) terminal.json({ type: 'operation', id, kind: header.kind, params: header.params, mode: header.mode, created: false });
    else terminal.print(id);
    return EXIT.done;
  }
  return watchToEnd(client, id, false, json === true, terminal);
}

async function agreed(): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question('Go on in spite of the warnings? [y/N] ')).trim());
  } finally {
    lines.close();
  }
}

function detached(id: string, json: boolean, terminal: Terminal): number {
  if (!json) terminal.print(id);
  terminal.say(`${id} runs in the fleet. \`longshore watch ${id}\` shows it, \`longshore explain ${id}\` says where it stands.`);
  return EXIT.done;
}

/** Watches until the operation is over, then shows its report. */
export async function watchToEnd(client: Client, id: string, owned: boolean, json: boolean, terminal: Terminal): Promise<number> {
  return ended(client, id, await watchOperation({ client, id, terminal, json, owned }), json, terminal);
}

async function ended(
  client: Client,
  id: string,
  { header, exitCode }: { header: OperationHeader; exitCode: number },
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  if (header.state === 'planned') {
    if (header.error) {
      terminal.say(`It did not start: ${header.error.message}.\n${header.error.fix}`);
      return exitCode;
    }
    terminal.say(`${id} is planned and waits; \`longshore plan ${id}\` shows the plan, \`longshore start ${id}\` runs it.`);
    return exitCode;
  }
  const view = viewOf(header.kind);
  const answer = view?.answer?.(header.kind, await client.tasks(id));
  if (answer) {
    tell(answer, json, terminal);
    return exitCode;
  }
  const report = await client.report(id);
  if (json) {
    terminal.json({ type: 'report', ...report });
    terminal.json({ type: 'end', id, state: header.state, exitCode, ...(header.error ? { error: header.error } : {}) });
  } else if (header.startedAt === undefined || header.state === 'reverted') terminal.print(verdict(report, terminal.out.style));
  else {
    const plan = header.planHash === undefined ? {} : { plan: await client.plan(id) };
    terminal.print(`\n${reportText(report, { style: terminal.out.style, maxRows: ROWS_AFTER_WATCHING, ...plan })}`.trimEnd());
  }
  if (header.state === 'needs-attention') terminal.say(`It needs attention: \`longshore explain ${id}\` says what and why.`);
  return exitCode;
}

function tell({ columns, rows, remark }: Answer, json: boolean, terminal: Terminal): void {
  if (json) for (const row of rows) terminal.json(Object.fromEntries(columns.map((column, at) => [column, row[at] ?? ''])));
  else terminal.print(`${table(columns, rows).join('\n')}\n`);
  if (remark !== undefined) terminal.say(remark);
}
