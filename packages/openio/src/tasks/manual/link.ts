/**
 * Replaces the container's row in meta1, and has every proxy forget where it was. The row is never unlinked first. Where there is a master the
 * new replica joins before, and the old one goes after, as in every move online.
 *
 * Changes: meta1's row, in one step; with a master what `relocate.ts` says.
 * Twice is harmless: the same row again is the same row.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import type { Namespace } from '../../client/index.ts';
import { joined } from '../../model.ts';
import { openNamespace } from '../../open.ts';
import { beforeElection } from '../../plan/election.ts';
import { lookAt } from '../elect.ts';
import { copySentAt, type Relocation, Relocator } from '../relocate.ts';
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
    if (params.widened) {
      await new Relocator(context, namespace, { ...wayOf(params), status: 'frozen' }).run(await context.journal.entries());
      return undefined;
    }
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
    const { params } = context;
    await using namespace = openNamespace(context, params);
    if (!params.widened) return relink(context, namespace, params, params.hosts, true);
    const begun = await context.journal.entries();
    if (begun.length > 0) await new Relocator(context, namespace, { ...wayBackOf(params), copySentAt: copySentAt(begun) }).run([]);
  },
});

/** The online way, of a base whose files name both replicas. */
function wayOf(params: ManualParams): Omit<Relocation, 'status'> {
  const { cid, seq, args, name, hosts, from, to, pauseMs } = params;
  const everybody = [...hosts, to];
  const after = hosts.map((host) => (host === from ? to : host));
  return { cid, seq, args, name, hosts: after, incoming: to, outgoing: from, everybody, pauseMs, always: false };
}

/** Back, for a base that has a master: what was written since is taken along. */
export function wayBackOf(params: ManualParams): Relocation {
  const { hosts, from, to } = params;
  return { ...wayOf(params), hosts, incoming: from, outgoing: to, status: 'enabled', pauseMs: 0, always: true };
}

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
