/**
 * Replaces the container's row in meta1, and has every proxy forget where it was. The row is never unlinked first.
 *
 * Changes: meta1's row, in one step.
 * Twice is harmless: the same row again is the same row.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import type { Namespace } from '../../client/index.ts';
import { joined } from '../../model.ts';
import { openNamespace } from '../../open.ts';
import { beforeElection } from '../../plan/election.ts';
import { lookAt } from '../elect.ts';
import { BRISK, drawnOut } from '../settings.ts';
import type { ManualParams } from './base.ts';
import { ManualBase, manualParams } from './base.ts';

export const link: TaskDefinition<ManualParams> = defineTask({
  name: 'openio.link',
  role: 'rebalancer',
  params: manualParams,
  retry: BRISK,

  async run(context) {
    const { params } = context;
    const { cid, name, from, to } = params;
    await using namespace = openNamespace(context, params);
    const base = new ManualBase(context, namespace, params);
    await relink(context, namespace, params, base.newHosts, false);
    // As the original looks for the first time: the new hosts are there, and nobody takes part yet. An intermediate state, and shown as one.
    const { members } = await namespace.debug(cid, base.newHosts);
    const odd = beforeElection({ members, wanted: base.newHosts });
    const shown = await lookAt(namespace, cid, base.newHosts, base.everybody);
    await context.show('election', {
      name,
      cid,
      hosts: base.newHosts,
      incoming: to,
      outgoing: from,
      members: shown.members,
      problems: shown.problems,
    });
    await context.event(
      'manual',
      odd.length === 0
        ? `${name}: meta1 lists the new hosts, and nobody has been elected yet, as it should be at this point`
        : `${name}: clients have begun the election already (${odd.join('; ')})`,
    );
    return undefined;
  },

  async undo(context) {
    await using namespace = openNamespace(context, context.params);
    await relink(context, namespace, context.params, context.params.hosts, true);
  },
});

async function relink(
  context: TaskContext<ManualParams>,
  namespace: Namespace,
  { cid, seq, args, name, pauseMs }: ManualParams,
  hosts: readonly string[],
  always: boolean,
): Promise<void> {
  await context.effect<string>({
    key: 'force',
    what: `link ${name} to ${joined(hosts)}`,
    observe: async () => (await namespace.show(cid)).rows.map((row) => `${row.seq}: ${joined(row.hosts)}`).join('; '),
    wanted: `${seq}: ${joined(hosts)}`,
    act: () => drawnOut(context, pauseMs, () => namespace.force(cid, { seq, hosts, args })),
    ...(always ? { always: true } : {}),
  });
  await namespace.flush();
}
