/** Containers as stages: ids count up in the order of the list from 2, since the operation itself was the original's task 1. Pure. */
import type { StageSpec } from '@longshore/core';
import type { Container } from './containers.ts';

export interface LegacyChoices {
  /** The first shard of each phase alone, then the others: a stage each, so that a person can look in between. */
  canary: boolean;
  /** Tasks of a phase at a time. One vtworker runs one command at a time all the same. */
  concurrency: number;
}

/** The id of a task that stands for the operation itself in the original. */
export const ROOT_ID = '1';

export function legacyStages(containers: readonly Container[], { canary, concurrency }: LegacyChoices): StageSpec[] {
  let last = Number(ROOT_ID);
  const stage = ({ title, approval }: Container, name: string, tasks: Container['tasks'], shard?: string): StageSpec => ({
    name,
    title: shard === undefined ? title : `${title}: ${shard}`,
    concurrency,
    ...(approval === undefined ? {} : { approval: shard === undefined ? approval : `${approval} (${shard})` }),
    tasks: tasks.map(({ name: task, parameters }) => {
      last += 1;
      return { id: String(last), task: `vitess.${task}`, params: parameters, placement: 'role' };
    }),
  });
  return containers.flatMap((container) => {
    const { name, tasks } = container;
    if (!canary || tasks.length < 2) return [stage(container, name, tasks)];
    return [
      stage(container, `${name}-first`, tasks.slice(0, 1), 'the first shard'),
      stage(container, `${name}-rest`, tasks.slice(1), 'the rest'),
    ];
  });
}
