/**
 * Looks at some containers and says what is wrong with each, and what mends it.
 *
 * Changes: nothing; begins no election. Twice is harmless.
 */
import type { Json, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { ContainerId } from '../names.ts';
import { observe } from '../observe.ts';
import { openNamespace } from '../open.ts';
import type { Where } from '../params.ts';
import { where } from '../params.ts';
import type { Trouble } from '../plan/diagnose.ts';
import { diagnose } from '../plan/diagnose.ts';
import { nameOf } from '../plan/facts.ts';
import { PATIENT } from './settings.ts';

export interface LookParams extends Where {
  cids: string[];
}

export const look: TaskDefinition<LookParams> = defineTask({
  name: 'openio.look',
  role: 'rebalancer',
  params: z.strictObject({ ...where, cids: z.array(ContainerId) }),
  retry: PATIENT,

  async run(context) {
    const { cids } = context.params;
    await using namespace = openNamespace(context, context.params);
    const services = await namespace.services();
    const found: Json[] = [];
    for (const [at, cid] of cids.entries()) {
      const facts = await observe(namespace, cid, services);
      const troubles = diagnose(facts);
      context.tally(troubles.length === 0 ? 'in order' : nameOf(facts), 'containers', 1);
      for (const trouble of troubles) {
        context.note({ level: levelOf(trouble), row: nameOf(facts), text: `${trouble.text}: ${trouble.mend}` });
        context.tally(nameOf(facts), 'troubles', 1);
        found.push({ cid, name: nameOf(facts), kind: trouble.kind, text: trouble.text, mend: trouble.mend });
      }
      context.count('containers', 1);
      context.progress(at + 1, cids.length, 'containers');
    }
    return { output: { troubles: found } };
  },

  undo: { none: 'it only reads' },
});

function levelOf({ kind }: Trouble): 'warning' | 'error' {
  return kind === 'orphan-file' || kind === 'frozen' || kind === 'disabled' || kind === 'silent' ? 'warning' : 'error';
}
