/** Places at a target: no more tasks work on it at once than its configuration allows. */
import type { Claim } from '@longshore/core';
import { GateClosed } from '@longshore/core';
import type { WorkerSetup } from './engine.ts';

/** A place that is not renewed is free again after so long; renewed a few times within. */
const PLACE_MS = 30_000;
const RENEW_MS = 8_000;
const FULL_RETRY_MS = 1_000;

export interface Places {
  leave(): Promise<void>;
}

const NONE: Places = { leave: async () => undefined };

export async function takePlaces(
  setup: WorkerSetup,
  { task, generation, header }: Extract<Claim, { claim: 'yours' }>,
): Promise<Places | GateClosed> {
  const definition = setup.registry.tasks.get(task.task);
  if (!definition?.targets || !setup.placesOf || task.closes !== undefined) return NONE;
  const parsed = definition.params.safeParse(task.params);
  const targets = parsed.success ? definition.targets(parsed.data) : [];
  const holder = `${header.id}/${task.id}/${generation}`;
  const held: { name: string; limit: number }[] = [];
  const take = (name: string, limit: number): Promise<boolean> => setup.store.takePermit(name, holder, limit, setup.clock.now(), PLACE_MS);
  const leave = async (): Promise<void> => {
    for (const { name } of held) await setup.store.dropPermit(name, holder);
  };
  for (const target of [...new Set(targets)].sort()) {
    const limit = setup.placesOf(target);
    if (limit === undefined) continue;
    const name = `target.${target}`;
    if (!(await take(name, limit))) {
      await leave();
      return new GateClosed('target', `${limit} tasks work on ${target} already, and its configuration allows no more`, FULL_RETRY_MS);
    }
    held.push({ name, limit });
  }
  if (held.length === 0) return NONE;
  const stop = new AbortController();
  const renewing = (async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await setup.clock.sleep(RENEW_MS, stop.signal);
      for (const { name, limit } of held) await take(name, limit);
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) setup.log.warn({ operation: header.id, task: task.id, err: error }, 'could not renew a place at a target');
  });
  return {
    async leave() {
      stop.abort();
      await renewing;
      await leave();
    },
  };
}
