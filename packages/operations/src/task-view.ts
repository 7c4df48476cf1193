/** Live tasks as people see them: who runs them, how far they are, what they wait for. */
import type { OperationSnapshot } from '@longshore/core';

export interface TaskView {
  id: string;
  task: string;
  unit?: number;
  state: 'waiting' | 'queued' | 'running' | 'gated';
  worker?: string;
  since?: number;
  progress?: { done: number; total?: number; unit: string };
  gate?: { gate: string; reason: string; since: number };
  failures: number;
  lastError?: string;
  notBefore?: number;
}

export function viewTasks(found: OperationSnapshot, now: number): TaskView[] {
  return [...found.tasks.values()].map((task) => {
    const attempt = found.attempts.get(task.id);
    const mine = attempt?.round === task.round && now - attempt.seenAt < SEEN_MS ? attempt : undefined;
    const gate = attempt?.round === task.round ? attempt.gate : undefined;
    const view: TaskView = { id: task.id, task: task.task, state: task.state, failures: task.failures };
    if (task.unit !== undefined) view.unit = task.unit;
    if (task.lastError) view.lastError = task.lastError.message;
    if (task.notBefore !== undefined && task.notBefore > now) view.notBefore = task.notBefore;
    if (mine) {
      view.state = 'running';
      view.worker = mine.worker;
      view.since = mine.startedAt;
      if (mine.progress) view.progress = mine.progress;
    } else if (gate) {
      view.state = 'gated';
      view.gate = gate;
    }
    return view;
  });
}

/** An attempt seen within this time is shown as running. */
const SEEN_MS = 10_000;
