/** What is shown of a running operation, taken from the API's answers: the same numbers for the live view, plain lines and JSON. */
import type { GuardRecord, OperationEvent, OperationHeader } from '@longshore/core';
import type { OperationView, TaskView } from '@longshore/operations';
import type { Speeds } from './rates.ts';

export interface Picture {
  header: OperationHeader;
  tasks: TaskView[];
  /** States of targets that must not stay. */
  guards?: GuardRecord[];
  /** Titles of the stages, as far as the plan is known. */
  titles: string[];
  /** The newest last. */
  events: OperationEvent[];
  numbers: Numbers;
  speeds: Speeds;
  now: number;
  /** Since when the API has not answered. */
  silentSince?: number;
  /** What Ctrl+C does. */
  hint?: string;
}

export interface Numbers {
  points: number;
  pointsDumped: number;
  pointsVerified: number;
  bytes: number;
  retries: number;
  /** Done and planned of whatever the operation is counted in. */
  done: number;
  total: number;
  /** What the plan expects so many of (`batches`, `metrics`, `moves`), `tasks` of the stage with most of them, else `stages`. */
  unit: string;
  share: number;
}

/** Counters grow when an attempt ends; what runs now is added from its progress, so that the numbers move meanwhile. */
export function numbersOf({ header, tasks }: OperationView): Numbers {
  const { counters, expect, stages } = header;
  const running = (part: string): number =>
    tasks.reduce(
      (sum, task) =>
        task.state === 'running' && task.progress?.unit === 'points' && task.task.endsWith(part) ? sum + task.progress.done : sum,
      0,
    );
  // The stage with the most to do; of equal ones the latest that has begun.
  const begun = stages.slice(0, header.stage + 1);
  const main = begun.reduce((best, stage) => (stage.total >= (best?.total ?? 0) && stage.total > 0 ? stage : best), begun[0]);
  const points = (counters.points ?? 0) + running('.restore');
  const { done, total, unit } = progressIn(header, main, tasks);
  const share = expect.points ? points / expect.points : total > 0 ? done / total : 0;
  return {
    points,
    pointsDumped: (counters.pointsDumped ?? 0) + running('.dump'),
    pointsVerified: counters.pointsVerified ?? 0,
    bytes: Math.max(counters.bytesSent ?? 0, counters.bytesDumped ?? 0),
    retries: counters.retries ?? 0,
    done,
    total,
    unit,
    share: Math.min(1, share),
  };
}

/** Of time series what is counted stands in the plan; of those that are found on the way, as in a dump, they are batches. */
const SERIES_UNITS = ['batches', 'metrics', 'files'];

function progressIn(
  { kind, counters, expect, stages }: OperationHeader,
  main: OperationHeader['stages'][number] | undefined,
  tasks: OperationView['tasks'],
): Pick<Numbers, 'done' | 'total' | 'unit'> {
  const over = (main?.done ?? 0) + (main?.failed ?? 0) + (main?.skipped ?? 0);
  const unit = SERIES_UNITS.find((one) => expect[one] !== undefined) ?? (kind.startsWith('tsdb.') ? 'batches' : undefined);
  if (unit !== undefined) {
    const expected = expect[unit] ?? 0;
    if (main?.total !== 1 || expected <= 1) return { done: over, total: Math.max(main?.total ?? 0, expected), unit };
    // One task goes through all of them, and may tell how far it is in something else.
    const told = tasks.find(({ progress }) => progress !== undefined)?.progress;
    if (over === 1 || told === undefined || told.unit === unit)
      return { done: over === 1 ? expected : (told?.done ?? 0), total: expected, unit };
  }
  // Of these the end is known, also where stages come one after another while it runs.
  const counted = Object.entries(expect).find(([what, number]) => number > 1 && counters[what] !== undefined);
  if (counted) return { done: counters[counted[0]] ?? 0, total: counted[1], unit: counted[0] };
  if (main && main.total > 1) return { done: over, total: main.total, unit: 'tasks' };
  return { done: stages.filter(({ state }) => state === 'done').length, total: stages.length, unit: 'stages' };
}
