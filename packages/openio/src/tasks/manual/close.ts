/**
 * Has every replica of a base closed: the services are told to close idle bases, and where there is no master all leave the election, until no
 * process has a file of it open.
 *
 * Changes: the election; `server.periodic_decache.period` of the services, for as long as files are edited.
 * Twice is harmless: both are set. Guard: the period is set back to what it was; a service that closes idle bases is slower, and no more.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { leaseTarget } from '../../model.ts';
import { openNamespace } from '../../open.ts';
import { BRISK } from '../settings.ts';
import type { ManualParams } from './base.ts';
import { asJson, DECACHE, ManualBase, manualParams } from './base.ts';

const EAGER = '1';
/** Releases up to now never close idle bases by themselves. */
const NEVER = '0';

export function decacheKey(cid: string): string {
  return `decache:${cid}`;
}

export const close: TaskDefinition<ManualParams> = defineTask({
  name: 'openio.close',
  role: 'rebalancer',
  params: manualParams,
  retry: BRISK,

  async run(context) {
    const { params } = context;
    await using namespace = openNamespace(context, params);
    const base = new ManualBase(context, namespace, params);
    const before: Record<string, string> = {};
    for (const id of await base.awake()) before[id] = (await namespace.configOf(id))[DECACHE] ?? NEVER;
    await context.guard.open({
      key: decacheKey(params.cid),
      what: `${Object.keys(before).join(', ')} close idle bases at once`,
      target: leaseTarget(namespace.name),
      before,
      after: EAGER,
      maxMs: params.maxFrozenMs,
      close: { task: 'openio.reopen', params: asJson(params) },
    });
    await tellServicesToClose(base);
    await base.close(params.edited);
    if (!params.widened) await context.event('manual', `${params.name}: everybody has left, and no file of it is open`);
    return undefined;
  },

  undo: { none: 'the guard is closed whatever happens, and that sets the services back' },
});

/** As they were, and closes the guard. */
export const reopen: TaskDefinition<ManualParams> = defineTask({
  name: 'openio.reopen',
  role: 'rebalancer',
  params: manualParams,
  retry: BRISK,

  async run(context) {
    const { params } = context;
    await using namespace = openNamespace(context, params);
    const base = new ManualBase(context, namespace, params);
    await letServicesKeepBases(base);
    if ((await context.guard.find(decacheKey(params.cid)))?.state === 'open') await context.guard.close(decacheKey(params.cid));
    return undefined;
  },

  undo: { none: 'it sets back what was set before' },
});

export async function tellServicesToClose(base: ManualBase): Promise<void> {
  for (const id of await base.awake()) await setPeriod(base, id, 'eager', EAGER);
}

/** Services that are away are as they start: they keep their bases. */
export async function letServicesKeepBases(base: ManualBase): Promise<void> {
  const guard = await base.context.guard.find(decacheKey(base.params.cid));
  const before = (guard?.before ?? {}) as Record<string, string>;
  for (const id of await base.awake()) await setPeriod(base, id, 'kept', before[id] ?? NEVER);
}

async function setPeriod({ context, namespace }: ManualBase, id: string, key: string, value: string): Promise<void> {
  await context.effect<string>({
    key: `${key}-${id}`,
    what: `set ${DECACHE} of ${id} to ${value}`,
    observe: async () => (await namespace.configOf(id))[DECACHE] ?? NEVER,
    wanted: value,
    act: () => namespace.configure(id, { [DECACHE]: value }),
  });
}
