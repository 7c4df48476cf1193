/** What kinds and tasks there are. Filled once at start from the system packages. */

import type { Json, KindDefinition, SystemPackage, TaskDefinition } from '@longshore/core';
import { BadParams, UnknownKind } from './errors.ts';
import { problemOf } from './problem.ts';

export interface Registry {
  kinds: ReadonlyMap<string, KindDefinition>;
  tasks: ReadonlyMap<string, TaskDefinition>;
  kind(name: string): KindDefinition;
  /** Checks params against the kind's schema; unknown keys are refused. Returns them with their defaults filled in. */
  parseParams(kind: string, params: unknown): Json;
}

export function createRegistry(systems: readonly SystemPackage[]): Registry {
  const kinds = new Map<string, KindDefinition>();
  const tasks = new Map<string, TaskDefinition>();
  for (const system of systems) {
    for (const kind of system.kinds) {
      if (kinds.has(kind.name)) throw new TypeError(`the kind ${kind.name} is defined twice`);
      kinds.set(kind.name, kind);
    }
    for (const task of system.tasks) {
      if (tasks.has(task.name)) throw new TypeError(`the task ${task.name} is defined twice`);
      tasks.set(task.name, task);
    }
  }
  const kind = (name: string): KindDefinition => {
    const found = kinds.get(name);
    if (!found) throw UnknownKind({ kind: name, known: [...kinds.keys()].sort() });
    return found;
  };
  return {
    kinds,
    tasks,
    kind,
    parseParams(name, params) {
      const parsed = kind(name).params.safeParse(params ?? {});
      if (parsed.success) return JSON.parse(JSON.stringify(parsed.data)) as Json;
      throw BadParams({ kind: name, problems: parsed.error.issues.map(problemOf) });
    },
  };
}
