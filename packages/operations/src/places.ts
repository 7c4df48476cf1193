/** Places: no more tasks work at once on a target than its configuration allows, nor on whatever else a task has to have a place at. */
import type { Claim, Json, TaskDefinition } from '@longshore/core';
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
  // What closes a guard waits for nobody.
  if (!definition || task.closes !== undefined) return NONE;
  const wanted = wantedBy(setup, definition, task.params);
  if (wanted.size === 0) return NONE;
  const holder = `${header.id}/${task.id}/${generation}`;
  const held: { name: string; limit: number }[] = [];
  const take = (name: string, limit: number): Promise<boolean> => setup.store.takePermit(name, holder, limit, setup.clock.now(), PLACE_MS);
  const leave = async (): Promise<void> => {
    for (const { name } of held) await setup.store.dropPermit(name, holder);
  };
  // In one order everywhere, so that no two wait for each other.
  for (const [name, { limit, full }] of [...wanted].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!(await take(name, limit))) {
      await leave();
      return new GateClosed('target', full, FULL_RETRY_MS);
    }
    held.push({ name, limit });
  }
  const stop = new AbortController();
  const renewing = (async (): Promise<void> => {
    for (;;) {
      try {
        await setup.clock.sleep(RENEW_MS, stop.signal);
      } catch {
        return;
      }
      try {
        for (const { name, limit } of held) await take(name, limit);
      } catch (error) {
        // The next time comes before the place is lost.
        setup.log.warn({ operation: header.id, task: task.id, err: error }, 'could not renew a place');
      }
    }
  })();
  return {
    async leave() {
      stop.abort();
      await renewing;
      await leave();
    },
  };
}

function wantedBy(
  { placesOf }: WorkerSetup,
  { params, targets, places }: TaskDefinition,
  given: Json,
): Map<string, { limit: number; full: string }> {
  const wanted = new Map<string, { limit: number; full: string }>();
  const parsed = targets || places ? params.safeParse(given) : undefined;
  if (!parsed?.success) return wanted;
  for (const target of targets?.(parsed.data) ?? []) {
    const limit = placesOf?.(target);
    if (limit !== undefined)
      wanted.set(`target.${target}`, { limit, full: `${limit} tasks work on ${target} already, and its configuration allows no more` });
  }
  for (const { name, atMost } of places?.(parsed.data) ?? [])
    wanted.set(`place.${name}`, { limit: atMost, full: `${atMost === 1 ? 'a task works' : `${atMost} tasks work`} on ${name} already` });
  return wanted;
}
