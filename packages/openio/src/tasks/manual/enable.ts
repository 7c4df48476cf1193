/**
 * Enables a container that a manual move has frozen, and leaves it able to work: first the files of its replicas are made to say what meta1
 * says, then it is elected by them. Closes the guard, in its place in the plan and whenever the operation cannot go on.
 *
 * Changes: sys.peers in files that differ from meta1, the election, sys.status through the master.
 * Twice is harmless: all of it is set; "enabled already" is what is wanted.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { AlreadyEnabled, Unavailable } from '../../client/index.ts';
import { HostFailed } from '../../errors.ts';
import { joined, peersOf, statusName } from '../../model.ts';
import { openNamespace } from '../../open.ts';
import { elect } from '../elect.ts';
import { drawnOut, PATIENT } from '../settings.ts';
import type { ManualParams } from './base.ts';
import { ManualBase, manualParams } from './base.ts';
import { decacheKey, letServicesKeepBases, tellServicesToClose } from './close.ts';
import { freezeKey } from './freeze.ts';

export const enable: TaskDefinition<ManualParams> = defineTask({
  name: 'openio.enable',
  role: 'rebalancer',
  params: manualParams,
  retry: PATIENT,

  async run(context) {
    const { params } = context;
    const { cid, name, pauseMs } = params;
    await using namespace = openNamespace(context, params);
    const base = new ManualBase(context, namespace, params);
    const linked = (await namespace.show(cid)).rows.find(({ seq }) => seq === params.seq)?.hosts ?? params.hosts;
    await agree(base, linked);
    await letServicesKeepBases(base);
    await namespace.flush();
    const wanted = linked.filter((id) => base.everybody.includes(id));
    await elect(context, namespace, { cid, name, wanted, everybody: base.everybody });
    await context.effect<string>({
      key: 'enable',
      what: `enable ${name}`,
      observe: async () => statusName((await namespace.fromMaster(cid)).system),
      wanted: 'enabled',
      act: () =>
        drawnOut(context, pauseMs, async () => {
          try {
            await namespace.enable(cid);
          } catch (error) {
            if (!AlreadyEnabled.is(error)) throw error;
          }
        }),
    });
    for (const key of [freezeKey(cid), decacheKey(cid)])
      if ((await context.guard.find(key))?.state === 'open') await context.guard.close(key);
    return undefined;
  },

  undo: { none: 'that it can be written to is how it was' },
});

/**
 * Files that say something else than meta1 were about to be edited when the operation ended: they are made to agree before it is elected.
 * One on a host that cannot be reached any more is left out, or nobody could write to the container for as long as that host is away;
 * whether the others can do without it is seen when they are elected.
 */
async function agree(base: ManualBase, hosts: readonly string[]): Promise<void> {
  const wanted = joined(hosts);
  if (base.params.widened) await agreeOnline(base, hosts);
  const reached: string[] = [];
  let differs = false;
  for (const file of await base.files([...base.params.edited, base.params.to].filter((id) => hosts.includes(id))))
    try {
      const agrees = (await base.peersIn(file)) === wanted && (await base.seesItsFile(file));
      reached.push(file.id);
      differs ||= !agrees;
    } catch (error) {
      if (!HostFailed.is(error)) throw error;
      const text = `the file of ${file.id} was not looked at before it was enabled: ${error.message}. \`longshore openio check\` says whether its peers are right`;
      base.context.note({ level: 'warning', row: base.params.name, text });
    }
  if (!differs) return;
  await tellServicesToClose(base);
  await base.close(reached);
  await base.setPeers(hosts, reached);
}

/** Through the master, where there is one: the peers reach every replica that takes part. What cannot be done so is done in the files. */
async function agreeOnline({ context, namespace, params: { cid, name } }: ManualBase, hosts: readonly string[]): Promise<void> {
  const peers = async (): Promise<string> => joined(peersOf((await namespace.fromMaster(cid)).system));
  try {
    await context.effect<string>({
      key: 'agree',
      what: `set the peers of ${name} to ${joined(hosts)}`,
      observe: peers,
      wanted: joined(hosts),
      act: () => namespace.setPeers(cid, hosts),
    });
  } catch (error) {
    if (!Unavailable.is(error)) throw error;
  }
}
