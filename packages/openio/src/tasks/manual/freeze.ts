/**
 * Freezes a container before its files are edited: no objects are written meanwhile. (Properties still can be; nothing in OpenIO fences
 * those.) Before everybody leaves: afterwards nobody could be frozen.
 *
 * Changes: sys.status of the base, through its master.
 * Twice is harmless: it is set; "frozen already" is looked at, not taken for ours.
 * Guard: enabled again, at the latest after `maxFrozenMs`; a container frozen by somebody else is refused.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { ContainerFrozen } from '../../client/index.ts';
import { FrozenBySomebodyElse } from '../../errors.ts';
import { leaseTarget, statusName } from '../../model.ts';
import { openNamespace } from '../../open.ts';
import { BRISK, drawnOut } from '../settings.ts';
import type { ManualParams } from './base.ts';
import { asJson, manualParams } from './base.ts';

export function freezeKey(cid: string): string {
  return `freeze:${cid}`;
}

export const freeze: TaskDefinition<ManualParams> = defineTask({
  name: 'openio.freeze',
  role: 'rebalancer',
  params: manualParams,
  retry: BRISK,

  async run(context) {
    const { params } = context;
    const { cid, name, maxFrozenMs, pauseMs } = params;
    await using namespace = openNamespace(context, params);
    const status = async (): Promise<string> => statusName((await namespace.fromMaster(cid)).system);
    const found = await status();
    const ours = (await context.guard.find(freezeKey(cid)))?.state === 'open';
    if (found !== 'enabled' && !ours) throw FrozenBySomebodyElse({ container: name, status: found });
    await context.guard.open({
      key: freezeKey(cid),
      what: `${name} is frozen: no objects are written`,
      target: leaseTarget(namespace.name),
      before: 'enabled',
      after: 'frozen',
      maxMs: maxFrozenMs,
      close: { task: 'openio.enable', params: asJson(params) },
    });
    await context.effect<string>({
      key: 'freeze',
      what: `freeze ${name}`,
      observe: status,
      wanted: 'frozen',
      act: () =>
        drawnOut(context, pauseMs, async () => {
          try {
            await namespace.freeze(cid);
          } catch (error) {
            // An earlier try of ours has landed: the guard was open before it was sent.
            if (!ContainerFrozen.is(error)) throw error;
          }
        }),
    });
    return undefined;
  },

  undo: { none: 'the guard is closed whatever happens, and that enables it' },
});
