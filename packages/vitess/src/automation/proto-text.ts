/** Protocol buffers as text, in the form that Go programs of that time printed a message in: one line a field, nested by two blanks. */
import type { ClusterOperation } from './cluster-operation.ts';

type Value = string | number | Value[] | { [key: string]: Value } | Bare;

/** Printed without quotes: the name of an enum's value. */
class Bare {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"\n\r\t]/g, (char) => ({ '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' })[char]!)}"`;
}

function lines(fields: { [key: string]: Value }, indent: string): string[] {
  return Object.entries(fields).flatMap(([key, value]): string[] => {
    if (Array.isArray(value)) return value.flatMap((one) => lines({ [key]: one }, indent));
    // What has its default is not on the wire, and not printed either.
    if (value === '' || value === 0) return [];
    if (typeof value === 'string') return [`${indent}${key}: ${quoted(value)}`];
    if (typeof value === 'number') return [`${indent}${key}: ${value}`];
    if (value instanceof Bare) return [`${indent}${key}: ${value.name}`];
    return [`${indent}${key}: <`, ...lines(value, `${indent}  `), `${indent}>`];
  });
}

const entries = (map: Record<string, string>): Value[] =>
  Object.keys(map)
    .sort()
    .map((key) => ({ key, value: map[key] ?? '' }));

export function requestText(name: string, parameters: Record<string, string>): string {
  return lines({ name, parameters: entries(parameters) }, '').join('\n');
}

export function detailsText({ id, serial_tasks, state, error }: ClusterOperation): string {
  const containers: Value[] = serial_tasks.map(({ parallel_tasks, concurrency }) => ({
    parallel_tasks: parallel_tasks.map((task) => ({
      name: task.name,
      parameters: entries(task.parameters),
      id: task.id,
      state: new Bare(task.state),
      output: task.output,
      error: task.error,
    })),
    concurrency,
  }));
  return lines({ cluster_op: { id, serial_tasks: containers, state: new Bare(state), error } }, '').join('\n');
}
