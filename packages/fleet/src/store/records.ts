/** Records as they lie in Redis: JSON, and before it what scripts look at. */
import type {
  AttemptRecord,
  Change,
  GateNote,
  GuardRecord,
  Note,
  OperationHeader,
  OperationSnapshot,
  Outcome,
  Progress,
  Tally,
  TaskRecord,
} from '@longshore/core';

export const SEPARATOR = '\u001f';

export const parse = <T>(text: string): T => JSON.parse(text) as T;

/** A record without what stands before it, which never has a brace. */
export const parseLine = <T>(line: string): T => parse<T>(line.slice(line.indexOf('{')));

export const taskLine = (task: TaskRecord): string =>
  `${task.state} ${task.round} ${task.closes === undefined ? 0 : 1} ${JSON.stringify(task)}`;
export const outcomeLine = (outcome: Outcome): string => `${outcome.round} ${JSON.stringify(outcome)}`;
export const guardLine = (guard: GuardRecord): string => `${guard.state} ${JSON.stringify(guard)}`;

function parseGate(line: string): GateNote {
  return { ...parseLine<GateNote>(line), since: Number(line.split(' ', 2)[1]) };
}

function parseAttempt(line: string): AttemptRecord {
  const [round, generation, startedAt, ...worker] = line.split(' ');
  return {
    round: Number(round),
    generation: Number(generation),
    worker: worker.join(' '),
    startedAt: Number(startedAt),
    seenAt: 0,
  };
}

export function parseSnapshot(fields: Record<string, string>): OperationSnapshot {
  const snapshot: OperationSnapshot = {
    header: parse<OperationHeader>(fields.header!),
    tasks: new Map(),
    attempts: new Map(),
    outcomes: new Map(),
    guards: new Map(),
  };
  for (const field in fields) {
    if (field[1] !== ':') continue;
    const name = field.slice(2);
    const value = fields[field]!;
    if (field[0] === 't') snapshot.tasks.set(name, parseLine<TaskRecord>(value));
    else if (field[0] === 'o') snapshot.outcomes.set(name, parseLine<Outcome>(value));
    else if (field[0] === 'g') snapshot.guards.set(name, parseLine<GuardRecord>(value));
    else if (field[0] === 'a') {
      const attempt = parseAttempt(value);
      attempt.seenAt = Number(fields[`s:${name}`]);
      const progress = fields[`p:${name}`];
      const gate = fields[`w:${name}`];
      if (progress) attempt.progress = parse<Progress>(progress);
      if (gate) attempt.gate = parseGate(gate);
      snapshot.attempts.set(name, attempt);
    }
  }
  return snapshot;
}

/** From the cells of the report. */
export function parseRows(cells: Record<string, string>): Tally {
  // A row may have any name, `__proto__` too.
  const rows = Object.create(null) as Tally;
  for (const [cell, value] of Object.entries(cells)) {
    const at = cell.lastIndexOf(SEPARATOR);
    const row = cell.slice(0, at);
    rows[row] = { ...rows[row], [cell.slice(at + 1)]: Number(value) };
  }
  return rows;
}

/** The counted lists of a change, in the order in which `commit` takes them. */
export function changeLists(change: Change): (string | number)[] {
  const args: (string | number)[] = [];
  const add = <T>(items: readonly T[] | undefined, parts: (item: T) => (string | number)[]): void => {
    args.push(items?.length ?? 0);
    for (const item of items ?? []) args.push(...parts(item));
  };
  const cells = change.tally?.flatMap((tally) =>
    Object.entries(tally).flatMap(([row, columns]) => Object.entries(columns).map(([column, by]) => [row, column, by])),
  );
  add(change.drop, (task) => [task]);
  add(change.put, (task) => [task.id, task.round, taskLine(task)]);
  add(change.guards, (guard) => [guard.key, guardLine(guard)]);
  add(change.done, (record) => [record.id, JSON.stringify(record)]);
  add(cells, (cell) => cell);
  add(change.notes, (note: Note) => [JSON.stringify(note)]);
  add(change.events, (event) => [JSON.stringify(event)]);
  return args;
}
