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
  /** Batches done and planned, or stages, where the kind has no batches. */
  done: number;
  total: number;
  unit: 'batch' | 'stage';
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
  const inBatches = expect.batches !== undefined || header.kind.startsWith('tsdb.');
  const done = inBatches
    ? (main?.done ?? 0) + (main?.failed ?? 0) + (main?.skipped ?? 0)
    : stages.filter(({ state }) => state === 'done').length;
  const total = inBatches ? Math.max(main?.total ?? 0, expect.batches ?? 0) : stages.length;
  const share = expect.points ? points / expect.points : total > 0 ? done / total : 0;
  return {
    points,
    pointsDumped: (counters.pointsDumped ?? 0) + running('.dump'),
    pointsVerified: counters.pointsVerified ?? 0,
    bytes: Math.max(counters.bytesSent ?? 0, counters.bytesDumped ?? 0),
    retries: counters.retries ?? 0,
    done,
    total,
    unit: inBatches ? 'batch' : 'stage',
    share: Math.min(1, share),
  };
}
