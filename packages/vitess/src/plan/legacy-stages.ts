/** Containers as stages: ids count up in the order of the list from 2, since the operation itself was the original's task 1. Pure. */
import type { StageSpec } from '@longshore/core';
import { stoppedKey } from '../model.ts';
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
    // vtctld moves one at a time under the lock of the keyspace; and one of writes must not end while another stands half-way.
    concurrency: 'guard' in guardOf(tasks) ? 1 : concurrency,
    ...guardOf(tasks),
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

/** Each of its tasks that moves what is served opens a guard and ends it. */
function guardOf(tasks: Container['tasks']): Pick<StageSpec, 'guard'> {
  const keys = tasks.flatMap(({ parameters: { type, keyspace, source_shard, dest_keyspace, shard } }) =>
    type === undefined ? [] : [stoppedKey(source_shard === undefined ? `${dest_keyspace}/${shard}` : `${keyspace}/${source_shard}`, type)],
  );
  return keys.length > 0 ? { guard: { opens: keys, ends: keys } } : {};
}
