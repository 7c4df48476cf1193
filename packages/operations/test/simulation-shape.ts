/** What a guarded operation of the simulation looks like, and how its tasks misbehave: by its seed and its number alone, or by a script. */
import type { StageSpec, TaskSpec } from '@longshore/core';
import { seededRandom } from '@longshore/core';
import { TABLES } from './simulation-target.ts';

/** The number of an operation that nothing befalls. */
export const SMOOTH = 99;
/** The number of one that is too slow inside its guard. */
export const SLOW = 98;

/** What an operation is to be like. */
export interface Shape {
  table: string;
  scope: string;
  survey: boolean;
  replaces: boolean;
  handsOver: boolean;
  maxMs: number;
  attempts: number;
}

export function shapeOf(seed: number, number: number): Shape {
  const random = seededRandom(seed * 7 + number);
  const some = (chance: number): boolean => random.next() < chance;
  const table = TABLES[some(0.65) ? 0 : 1];
  return {
    table,
    scope: some(0.25) || number >= SLOW ? '' : table,
    survey: some(0.4),
    replaces: some(0.4),
    handsOver: number < SLOW && some(0.15),
    maxMs: number === SLOW ? 5_000 : 5_000 + Math.floor(random.next() * 60_000),
    attempts: number === SMOOTH || some(0.7) ? 10_000 : 3,
  };
}

/** How one task behaves, always the same for one seed, operation and name. */
export interface Manner {
  gates: number;
  flaky: number;
  fatal: 'before' | 'after' | undefined;
  ms: number;
}

export function mannerOf(seed: number, number: number, name: string): Manner {
  let hash = seed * 31 + number;
  for (const letter of name) hash = (hash * 33 + letter.charCodeAt(0)) | 0;
  const random = seededRandom(hash);
  const some = (chance: number): boolean => random.next() < chance;
  if (number === SMOOTH || number === SLOW)
    return { gates: 0, flaky: 0, fatal: undefined, ms: number === SLOW && name === 'drain' ? 15_000 : 0 };
  const closes = name === 'lift';
  return {
    gates: some(0.08) ? 1 : 0,
    flaky: some(0.15) ? Math.ceil(random.next() * 2) : 0,
    fatal: closes ? (some(0.2) ? 'before' : undefined) : some(0.02) ? 'before' : some(0.03) ? 'after' : undefined,
    ms: some(0.6) ? 0 : Math.ceil(random.next() ** 3 * (name === 'drain' ? 60_000 : 12_000)),
  };
}

/** How one is to be, whatever the seed would make of it. */
export interface Script {
  shape?: Partial<Shape>;
  manners?: { [task: string]: Partial<Manner> };
  /** What closes the denial finds that the route has been switched: it has come about. */
  late?: true;
}

export function stagesOf(shape: Shape): StageSpec[] {
  const { table, survey, replaces, handsOver } = shape;
  const task = (id: string, kind: string, key?: string, after?: string): TaskSpec => ({
    id,
    task: `sim.${kind}`,
    params: { name: id, table, ...(key === undefined ? {} : { key }) },
    placement: 'role',
    ...(after === undefined ? {} : { after }),
  });
  const last = replaces ? 'deny-2' : 'deny';
  return [
    {
      name: 'prepare',
      title: 'prepare',
      concurrency: 2,
      tasks: [
        task('add-a', 'add'),
        task('add-b', 'add'),
        task('add-c', 'add', undefined, 'add-a'),
        ...(survey ? [task('survey', 'survey')] : []),
      ],
    },
    {
      name: 'deny',
      title: 'deny',
      concurrency: 1,
      approval: 'deny writes',
      guard: { opens: ['deny'] },
      tasks: [task('deny', 'deny', 'deny')],
    },
    { name: 'drain', title: 'drain', concurrency: 2, tasks: [task('drain', 'wait'), task('add-d', 'add')] },
    {
      name: 'switch',
      title: 'switch',
      concurrency: 1,
      approval: 'switch the route',
      ...(replaces ? { guard: { opens: ['deny-2'], ends: ['deny'] } } : {}),
      tasks: [...(replaces ? [task('deny-2', 'deny', 'deny-2')] : []), task('route', 'route', undefined, replaces ? 'deny-2' : undefined)],
    },
    { name: 'allow', title: 'allow', concurrency: 1, guard: { ends: [last] }, tasks: [task('allow', handsOver ? 'leave' : 'allow', last)] },
    { name: 'tidy', title: 'tidy', concurrency: 1, tasks: [task('tidy', 'wait')], always: true },
  ];
}
