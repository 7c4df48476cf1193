/** What became of each task of a stage, from the plan, the live tasks and the records of those that have ended. Pure. */
import type { DoneRecord, StageSpec, StageState, TaskView } from '../wire.ts';

export type Mark = 'done' | 'failed' | 'running' | 'waits' | 'queued' | 'planned' | 'skipped' | 'cancelled';

export const MARKS: Readonly<Record<Mark, { sign: string; word: string; tone: string }>> = {
  done: { sign: '✓', word: 'done', tone: 'ok' },
  failed: { sign: '✗', word: 'failed', tone: 'bad' },
  running: { sign: '▶', word: 'running', tone: 'busy' },
  waits: { sign: '‖', word: 'waits', tone: 'wait' },
  queued: { sign: '◦', word: 'queued', tone: 'idle' },
  planned: { sign: '·', word: 'planned', tone: 'idle' },
  skipped: { sign: '–', word: 'skipped', tone: 'idle' },
  cancelled: { sign: '■', word: 'cancelled', tone: 'idle' },
};

export interface TaskLine {
  id: string;
  mark: Mark;
  live?: TaskView;
  record?: DoneRecord;
  after?: string;
}

export function linesOf(spec: StageSpec, live: ReadonlyMap<string, TaskView>, done: ReadonlyMap<string, DoneRecord>): TaskLine[] {
  return (spec.tasks ?? []).map(({ id, after }) => {
    const task = live.get(id);
    const record = done.get(id);
    const common = { id, ...(after === undefined ? {} : { after }) };
    if (task) return { ...common, mark: markOf(task), live: task };
    if (record) return { ...common, mark: record.result === 'ok' ? 'done' : record.result, record };
    return { ...common, mark: 'planned' };
  });
}

export function markOf(task: TaskView): Mark {
  if (task.state === 'running') return 'running';
  return task.state === 'gated' || task.notBefore !== undefined ? 'waits' : 'queued';
}

/** Those a person wants to see first. */
const ORDER: readonly Mark[] = ['failed', 'running', 'waits', 'queued', 'cancelled', 'planned', 'done', 'skipped'];

export function mostTelling(lines: readonly TaskLine[], most: number): TaskLine[] {
  if (lines.length <= most) return [...lines];
  return ORDER.flatMap((mark) => lines.filter((line) => line.mark === mark)).slice(0, most);
}

/** Whether each stage lies inside a guard, from the one that opens it to the one that ends it. */
export function insideGuard(specs: readonly StageSpec[]): boolean[] {
  const open = new Set<string>();
  return specs.map(({ guard }) => {
    for (const key of guard?.opens ?? []) open.add(key);
    const inside = open.size > 0;
    for (const key of guard?.ends ?? []) open.delete(key);
    return inside;
  });
}

export function stageMark({ state }: Pick<StageState, 'state'>, awaited: boolean): Mark {
  if (awaited) return 'waits';
  return ({ pending: 'planned', running: 'running', done: 'done', failed: 'failed', skipped: 'skipped' } as const)[state];
}
