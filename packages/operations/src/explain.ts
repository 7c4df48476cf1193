/** One screen in plain words: what it is doing, what it waits for and since when, what is unsafe, what to type next. */
import type { GuardRecord, OperationHeader, StoredPlan } from '@longshore/core';
import { FINAL_STATES, lagMs } from '@longshore/core';
import { isAsked } from './approvals.ts';
import type { TaskView } from './task-view.ts';

interface Situation {
  header: OperationHeader;
  tasks: TaskView[];
  guards: GuardRecord[];
  plan: StoredPlan | undefined;
  totals: Record<string, number>;
  /** Roles that tasks wait for and that no live worker has. */
  absent?: readonly string[];
  now: number;
}

const count = (value: number): string => value.toLocaleString('en-US');

/** `2 h 5 min`, `41 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return parts(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? parts(hours, 'h', minutes % 60, 'min') : parts(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** Nothing of a smaller unit is not said. */
function parts(large: number, unit: string, small: number, smaller: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smaller}`;
}

export function explain({ header, tasks, guards, plan, totals, absent = [], now }: Situation): string {
  const { id } = header;
  const lines = [
    `${id} is a ${header.kind}, submitted ${duration(now - header.createdAt)} ago by ${header.owner}${header.reason ? ` (“${header.reason}”)` : ''}.`,
  ];
  for (const line of plan?.summary ?? []) lines.push(`  ${sentence(capital(line))}`);
  lines.push('', situation(header, now));

  const stage = header.stages[header.stage];
  if (header.awaits) lines.push(...awaited(header, plan, now));
  if (UNDER_WAY.has(header.state) && stage && !notBegun(header)) {
    const title = plan?.stages[header.stage]?.title ?? stage.name;
    const failed = stage.failed > 0 ? `, ${count(stage.failed)} failed` : '';
    const stands = stage.state === 'pending' ? 'not begun' : `${count(stage.done)} of ${count(stage.total)} done${failed}`;
    lines.push(`Stage ${header.stage + 1} of ${header.stages.length} (${title}): ${stands}.`);
    if (plan?.stages[header.stage]?.bulk?.endless)
      lines.push(
        header.finish
          ? `It was asked to finish by ${header.finish.by}: what had come due by then is done, then it goes on.`
          : `It goes on until it is asked to end: \`longshore finish ${id}\`.`,
      );
    const lag = lagMs(header, now);
    if (lag !== undefined)
      lines.push(`Everything up to ${new Date(header.reachedAt!).toISOString()} is done: it is ${duration(lag)} behind.`);
    lines.push(...comesNext(header, plan));
    if (header.waitsFor) lines.push(sentence(`It waits: ${header.waitsFor}`));
    else if (header.state !== 'paused' && !header.awaits) lines.push(...doing(tasks, now));
  }
  for (const role of absent)
    lines.push(`No ${role} is alive, and a task waits for one: start it (\`longshore ${role}\`, or \`longshore up\` on one machine).`);
  const sums = Object.entries(totals).filter(([, value]) => value !== 0);
  if (sums.length > 0)
    lines.push(
      `${FINAL_STATES.has(header.state) ? 'In all' : 'So far'}: ${sums.map(([column, value]) => `${count(value)} ${column}`).join(', ')}.`,
    );
  const retries = header.counters.retries ?? 0;
  if (retries > 0)
    lines.push(
      `Tasks were tried again ${count(retries)} ${retries === 1 ? 'time' : 'times'}; \`longshore show ${id} --events\` tells why.`,
    );
  if (header.attention) {
    const { since, error } = header.attention;
    lines.push('', sentence(`It needs attention since ${duration(now - since)}: ${error.message}`), error.fix);
  }
  if (header.error) lines.push('', sentence(capital(header.error.message)), header.error.fix);
  lines.push(...safety(header, guards, now));
  lines.push('', `Next: ${nextCommand(header)}`);
  return `${lines.join('\n')}\n`;
}

/** It was paused while it was being planned, or before it had what it needs. */
function notBegun({ state, startedAt, stages }: OperationHeader): boolean {
  return state === 'paused' && startedAt === undefined && stages.every((stage) => stage.state === 'pending');
}

/** What is before it: a person wants to know whether it will ask, and whether something will be denied. */
function comesNext(header: OperationHeader, plan: StoredPlan | undefined): string[] {
  const next = plan?.stages[header.stage + 1];
  if (!next || header.ending !== undefined || header.revert || header.awaits) return [];
  const asked = isAsked(header, next) && !header.approvals?.some(({ stage }) => stage === next.name);
  const guards = next.guard?.opens?.length ? ', inside a time limit' : '';
  return [`Then comes: ${next.title}${guards}${asked ? '; somebody is asked to agree first' : ''}.`];
}

const UNDER_WAY: ReadonlySet<OperationHeader['state']> = new Set(['running', 'paused', 'needs-attention', 'reverting']);

/** What a person is asked to agree to. */
function awaited(header: OperationHeader, plan: StoredPlan | undefined, now: number): string[] {
  const { stages, since, expired } = header.awaits!;
  const asked = stages.map((name) => {
    const spec = plan?.stages.find((one) => one.name === name);
    return `  ${name}: ${spec?.approval ?? spec?.title ?? name}`;
  });
  const before = expired ? [sentence(capital(expired.message))] : [];
  return [...before, `For ${duration(now - since)} it has waited for a person to agree to:`, ...asked];
}

/** What is unsafe right now, and until when at the latest. */
function safety(header: OperationHeader, guards: GuardRecord[], now: number): string[] {
  const open = guards.filter(({ state }) => state === 'open');
  if (open.length > 0)
    return [
      '',
      'Right now:',
      ...open.map(({ what, target, openedAt, maxMs }) => {
        const left = openedAt + maxMs - now;
        const limit = left > 0 ? `at most ${duration(left)} more` : 'longer than it was allowed to: it is being ended';
        return `  ${what}, on ${target}, for ${duration(now - openedAt)}, ${limit}.`;
      }),
    ];
  const mine = guards.filter(({ state }) => state === 'handed-over');
  const handed = mine.map(({ what, target, by, look }) => {
    const since = look === undefined ? '' : `; ${look.found === undefined ? 'it is being looked at' : `looked at since: ${look.found}`}`;
    return sentence(`${what}, on ${target}: left to ${by ?? 'a person'}${since}`);
  });
  if (FINAL_STATES.has(header.state)) return handed.length > 0 ? ['', ...handed] : [];
  if (header.attention && header.revert) return handed;
  return ['', ...handed, 'Nothing is unsafe right now: no target is left in a state that must not stay.'];
}

function situation(header: OperationHeader, now: number): string {
  const asked = header.intentBy === undefined ? '' : `, as ${header.intentBy} asked`;
  const took = header.startedAt === undefined ? '' : ` after ${duration((header.endedAt ?? now) - header.startedAt)}`;
  switch (header.state) {
    case 'submitted':
      return 'It is being planned: the targets are read, nothing is changed.';
    case 'planned':
      return header.mode === 'plan'
        ? 'It is planned and waits to be started. Nothing has been changed.'
        : 'It is planned and about to start.';
    case 'running':
      if (header.ending === 'failed' && header.intent === 'cancel')
        return 'It has failed: what still runs is stopped, and what is open is closed, before anything else.';
      if (header.ending === 'failed') return 'It has failed and is putting its things away.';
      if (header.intent === 'pause') return `It is being paused${asked}: what runs is let finish, nothing new starts.`;
      if (header.intent === 'drain') return `It is being drained${asked}: nothing new is begun, what is ready is finished, then it ends.`;
      if (header.intent === 'cancel' || header.ending === 'cancelled')
        return `It is being cancelled${asked}: running steps stop, then its things are put away.`;
      return `It has been running for ${duration(now - (header.startedAt ?? now))}.`;
    case 'awaiting-approval':
      return 'It waits for approval: nothing runs, and nothing is left open meanwhile.';
    case 'reverting':
      return `What it did is being taken back, newest first${header.revert ? `, as ${header.revert.by} asked` : ''}.`;
    case 'reverted':
      return 'What it did has been taken back.';
    case 'needs-attention':
      return 'It needs you: it cannot go on by itself. What is wrong and what mends it stands below.';
    case 'paused':
      return notBegun(header)
        ? `It is paused${asked}: it had not begun, and nothing was changed.`
        : `It is paused${asked}: nothing runs, nothing is lost.`;
    case 'succeeded':
      return `It is done and verified${took}.`;
    case 'failed':
      return header.startedAt === undefined ? 'It did not start: nothing was changed.' : `It failed${took}.`;
    case 'cancelled':
      return header.startedAt === undefined ? 'It was cancelled before it started: nothing was changed.' : `It was cancelled${took}.`;
    case 'discarded':
      return 'Its plan was thrown away: nothing was changed.';
    default:
      return `It is ${header.state}.`;
  }
}

/** What runs and what waits, gates with their reasons. */
function doing(tasks: TaskView[], now: number): string[] {
  const lines: string[] = [];
  const running = tasks.filter((task) => task.state === 'running');
  if (running.length > 0) {
    const workers = new Set(running.map((task) => task.worker)).size;
    lines.push(`${running.length} task${running.length === 1 ? '' : 's'} running on ${workers} worker${workers === 1 ? '' : 's'}.`);
  }
  const gates = Map.groupBy(
    tasks.filter((task) => task.gate),
    (task) => `${task.gate!.gate}: ${task.gate!.reason}`,
  );
  for (const [reason, group] of gates) {
    const since = Math.min(...group.map((task) => task.gate!.since));
    const waits = group.length === 1 ? 'task has waited' : 'tasks have waited';
    lines.push(`${group.length} ${waits} for ${duration(now - since)} at the gate ${sentence(reason)}`);
  }
  const again = tasks.filter((one) => one.notBefore !== undefined);
  for (const task of again.slice(0, RETRIES_SHOWN))
    lines.push(
      `${task.id} is tried again in ${duration(task.notBefore! - now)}; the last time: ${sentence(task.lastError ?? 'no reason was given')}`,
    );
  if (again.length > RETRIES_SHOWN) lines.push(`${again.length - RETRIES_SHOWN} more tasks are to be tried again.`);
  if (lines.length === 0) lines.push('No worker has anything of it in hand. `longshore workers` lists the processes that are alive.');
  return lines;
}

const RETRIES_SHOWN = 5;

/** A word begins large; a name (`t1:10921`, `customer:`, an address) stays as it is. */
const capital = (text: string): string => (/^[a-z]+(?![^\s,])/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text);

/** With one full stop at its end. */
function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

function nextCommand(header: OperationHeader): string {
  const { id } = header;
  switch (header.state) {
    case 'planned':
      return `\`longshore start ${id}\` runs it, \`longshore cancel ${id}\` throws the plan away.`;
    case 'awaiting-approval':
      return `\`longshore approve ${id} --reason …\` lets it go on, \`longshore cancel ${id}\` ends it.`;
    case 'paused':
      return `\`longshore resume ${id}\` goes on, \`longshore cancel ${id}\` ends it.`;
    case 'needs-attention':
      return header.revert === undefined && header.ending === undefined
        ? `what is said above, or \`longshore cancel ${id}\`.`
        : `what is said above; \`longshore retry ${id}\` tries again at once.`;
    case 'failed':
      if (header.startedAt === undefined) return 'put right what is said above, then submit it again.';
      if (header.revert) return `\`longshore revert ${id}\` goes on taking it back.`;
      return `\`longshore report ${id}\` tells what was done and what is missing; \`longshore retry ${id}\` goes on where it failed, \`longshore revert ${id} --plan\` shows what taking it back would do.`;
    case 'cancelled':
      if (header.startedAt === undefined) return 'nothing is left to do.';
      return `\`longshore report ${id}\` tells what was done; \`longshore revert ${id} --plan\` shows what taking it back would do.`;
    case 'succeeded':
      return `\`longshore report ${id}\` tells what was done and what is missing.`;
    case 'reverted':
      return `\`longshore journal ${id}\` tells what was done and taken back.`;
    case 'discarded':
      return 'nothing is left to do.';
    default:
      return `\`longshore watch ${id}\` shows it going on.`;
  }
}
