/** Reads a service for a planner. Changes nothing. */
import type { TaskContext } from '@longshore/core';
import { counterService } from '../client/index.ts';
import type { ServiceSnapshot } from '../model.ts';

export async function snapshotOf(context: TaskContext<unknown>, name: string): Promise<ServiceSnapshot> {
  await using service = context.target(name, counterService);
  return { service: name, identity: service.identity, counters: await service.list() };
}
