/** When each task of an operation ran. */
import type { DoneRecord, TaskView } from '../wire.ts';
import type { Mark } from './tasks.ts';

interface Span {
  id: string;
  mark: Mark;
  from: number;
  to: number;
}

/** In the order in which they began. Pure. */
export function spansOf(done: readonly DoneRecord[], tasks: readonly TaskView[], now: number): Span[] {
  const ended = done.flatMap(({ id, result, startedAt, endedAt }): Span[] =>
    startedAt === undefined ? [] : [{ id, mark: result === 'ok' ? 'done' : result, from: startedAt, to: endedAt }],
  );
  const running = tasks.flatMap(({ id, state, since }): Span[] =>
    state === 'running' && since !== undefined ? [{ id, mark: 'running', from: since, to: Math.max(now, since) }] : [],
  );
  return [...ended, ...running].toSorted((a, b) => a.from - b.from);
}
