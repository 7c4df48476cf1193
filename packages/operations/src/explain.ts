/** One screen in plain words: what it is doing, what it waits for and since when, what is unsafe, what to type next. */
import type { OperationHeader, StoredPlan } from '@longshore/core';
import { FINAL_STATES } from '@longshore/core';
import type { TaskView } from './task-view.ts';

interface Situation {
  header: OperationHeader;
  tasks: TaskView[];
  plan: StoredPlan | undefined;
  totals: Record<string, number>;
  now: number;
}

const count = (value: number): string => value.toLocaleString('en-US');

/** `2 h 5 min`, `41 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function explain({ header, tasks, plan, totals, now }: Situation): string {
  const { id } = header;
  const lines = [
    `${id} is a ${header.kind}, submitted ${duration(now - header.createdAt)} ago by ${header.owner}${header.reason ? ` (“${header.reason}”)` : ''}.`,
  ];
  for (const line of plan?.summary ?? []) lines.push(`  ${line}`);
  lines.push('', situation(header, now));

  const stage = header.stages[header.stage];
  if (header.state === 'running' && stage) {
    const title = plan?.stages[header.stage]?.title ?? stage.name;
    const failed = stage.failed > 0 ? `, ${count(stage.failed)} failed` : '';
    lines.push(
      `Stage ${header.stage + 1} of ${header.stages.length}, ${title}: ${count(stage.done)} of ${count(stage.total)} done${failed}.`,
    );
    lines.push(...doing(tasks, now));
  }
  const sums = Object.entries(totals).filter(([, value]) => value !== 0);
  if (sums.length > 0) lines.push(`So far: ${sums.map(([column, value]) => `${count(value)} ${column}`).join(', ')}.`);
  const retries = header.counters.retries ?? 0;
  if (retries > 0) lines.push(`${count(retries)} tries had to be repeated; \`longshore show ${id} --events\` lists them.`);
  if (header.error) lines.push('', `${header.error.message}.`, header.error.fix);
  if (!FINAL_STATES.has(header.state)) lines.push('', 'Nothing is left unsafe at the source: it is only read.');
  lines.push('', `Next: ${nextCommand(header)}`);
  return `${lines.join('\n')}\n`;
}

function situation(header: OperationHeader, now: number): string {
  const took = header.startedAt === undefined ? '' : ` after ${duration((header.endedAt ?? now) - header.startedAt)}`;
  switch (header.state) {
    case 'submitted':
      return 'It is being planned: the targets are read, nothing is changed.';
    case 'planned':
      return header.mode === 'plan'
        ? 'It is planned and waits for you to start it. Nothing has been changed.'
        : 'It is planned and about to start.';
    case 'running':
      if (header.intent === 'pause') return 'It is being paused: what runs is let finish, nothing new starts.';
      if (header.intent === 'drain') return 'It is being stopped: no new batch is begun, what is ready is finished.';
      if (header.intent === 'cancel' || header.ending === 'cancelled')
        return 'It is being cancelled: running steps stop, its folders are put away.';
      if (header.ending === 'failed') return 'It has failed and is putting its things away.';
      return `It is running, since ${duration(now - (header.startedAt ?? now))}.`;
    case 'paused':
      return 'It is paused: nothing runs, nothing is lost.';
    case 'succeeded':
      return `It is done and verified${took}.`;
    case 'failed':
      return header.startedAt === undefined ? 'It was refused before anything was changed.' : `It ended${took}, but not as planned.`;
    case 'cancelled':
      return `It was cancelled${took}.`;
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
    lines.push(`Waiting since ${duration(now - since)}, ${group.length} task${group.length === 1 ? '' : 's'}: ${reason}`);
  }
  for (const task of tasks.filter((one) => one.notBefore !== undefined).slice(0, 5))
    lines.push(`${task.id} is tried again in ${duration(task.notBefore! - now)}: ${task.lastError}`);
  if (lines.length === 0) lines.push('No worker has taken anything up yet. Are dumpers and restorers running? `longshore workers` tells.');
  return lines;
}

function nextCommand(header: OperationHeader): string {
  const { id } = header;
  switch (header.state) {
    case 'planned':
      return `\`longshore start ${id}\` runs it, \`longshore cancel ${id}\` throws the plan away.`;
    case 'paused':
      return `\`longshore resume ${id}\``;
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return `\`longshore report ${id}\``;
    default:
      return `\`longshore watch ${id}\``;
  }
}
