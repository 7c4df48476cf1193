/**
 * Mends what can be mended of one container without a person: peers that differ from meta1, strangers in its election or with a file that
 * holds nothing of its own, replicas that are behind or missing.
 *
 * Changes: sys.peers, the election, files of services that are none of its hosts; with `enable`, sys.status.
 * Twice is harmless: it looks first, and does what is still to be done.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import type { Namespace } from '../client/index.ts';
import { AlreadyEnabled } from '../client/index.ts';
import { NotAsExpected } from '../errors.ts';
import { joined, peersOf, statusName } from '../model.ts';
import { ContainerId } from '../names.ts';
import { observe } from '../observe.ts';
import { openNamespace } from '../open.ts';
import type { Where } from '../params.ts';
import { where } from '../params.ts';
import type { Trouble } from '../plan/diagnose.ts';
import { diagnose } from '../plan/diagnose.ts';
import type { Facts } from '../plan/facts.ts';
import { hostsOf, nameOf } from '../plan/facts.ts';
import { elect, lookAt } from './elect.ts';
import { CHECK_MS, PATIENT } from './settings.ts';

export interface MendParams extends Where {
  cid: string;
  enable: boolean;
}

export const mend: TaskDefinition<MendParams> = defineTask({
  name: 'openio.mend',
  role: 'rebalancer',
  params: z.strictObject({ ...where, cid: ContainerId, enable: z.boolean() }),
  retry: PATIENT,

  async run(context) {
    const { cid, enable } = context.params;
    await using namespace = openNamespace(context, context.params);
    const facts = await observe(namespace, cid);
    const name = nameOf(facts);
    const troubles = diagnose(facts);
    const hosts = hostsOf(facts);
    if (hosts) {
      await mendElection(context, namespace, facts, hosts, troubles);
      for (const { remedy } of diagnose(await observe(namespace, cid)))
        if (remedy.do === 'expel') await expel(context, namespace, name, cid, remedy.services);
      if (enable && troubles.some(({ kind }) => kind === 'frozen' || kind === 'disabled')) await enableIt(context, namespace, name, cid);
    }
    let left: Trouble[] = [];
    const isMended = async (): Promise<boolean> => {
      left = diagnose(await observe(namespace, cid));
      return !left.some(({ remedy }) => remedy.do !== 'nothing');
    };
    try {
      await context.confirm(`${name} is mended`, isMended, CHECK_MS);
    } catch (error) {
      if (context.signal.aborted) throw error;
      throw NotAsExpected({ container: name, problems: left.map(({ text }) => text) }, { cause: error });
    }
    for (const { text, mend: how } of left) context.note({ level: 'warning', row: name, text: `${text}: ${how}` });
    context.tally(name, 'mended', troubles.filter(({ remedy }) => remedy.do !== 'nothing').length);
    context.tally(name, 'left', left.length);
    context.count('containers', 1);
    return { output: { cid, name, left: left.map(({ text }) => text) } };
  },

  undo: { none: 'what it mended was broken' },
});

async function mendElection(
  context: TaskContext<MendParams>,
  namespace: Namespace,
  facts: Facts,
  hosts: readonly string[],
  troubles: readonly Trouble[],
): Promise<void> {
  const { cid } = facts;
  const name = nameOf(facts);
  const wanted = troubles.some(({ remedy }) => remedy.do === 'set-peers' || remedy.do === 'elect');
  const intruders = troubles.flatMap(({ remedy }) => (remedy.do === 'expel' ? remedy.services : []));
  if (!wanted && intruders.length === 0) return;
  // Also whom a replica names as a peer: it is drawn into the election when that replica is asked.
  const named = [...facts.replicas.values()].flatMap(({ system }) => peersOf(system));
  const members = [...facts.members].filter(([, member]) => member !== null).map(([id]) => id);
  const everybody = [...new Set([...hosts, ...facts.files, ...members, ...named])].filter((id) => !facts.silent.has(id)).sort();
  // Who is none of it may hold the election up: it leaves before a master is looked for.
  if (intruders.length > 0) {
    await context.lease.assertHeld();
    await namespace.leave(cid, intruders);
  }
  if (troubles.some(({ remedy }) => remedy.do === 'set-peers')) {
    await namespace.status(cid, hosts);
    await context.effect<string>({
      key: 'peers',
      what: `set the peers of ${name} to ${joined(hosts)}`,
      observe: async () => joined(peersOf((await namespace.fromMaster(cid)).system)),
      wanted: joined(hosts),
      act: () => namespace.setPeers(cid, hosts),
    });
  }
  await context.effect<boolean>({
    key: 'elect',
    what: `have ${name} elected by ${joined(hosts)}`,
    observe: async () => (await lookAt(namespace, cid, hosts, everybody)).problems.length === 0,
    wanted: true,
    act: () => elect(context, namespace, { cid, name, wanted: hosts, everybody }),
  });
  await namespace.flush();
}

async function expel(
  context: TaskContext<MendParams>,
  namespace: Namespace,
  name: string,
  cid: string,
  services: readonly string[],
): Promise<void> {
  for (const id of services)
    await context.effect<boolean>({
      key: `expel-${id}`,
      what: `remove the file of ${name} from ${id}, which is none of its hosts`,
      observe: async () => (await namespace.has(cid, [id])).with.includes(id),
      wanted: false,
      act: async () => {
        await namespace.leave(cid, [id]);
        await namespace.remove(cid, id);
      },
    });
}

async function enableIt(context: TaskContext<MendParams>, namespace: Namespace, name: string, cid: string): Promise<void> {
  await context.effect<string>({
    key: 'enable',
    what: `enable ${name}`,
    observe: async () => statusName((await namespace.fromMaster(cid)).system),
    wanted: 'enabled',
    act: async () => {
      try {
        await namespace.enable(cid);
      } catch (error) {
        if (!AlreadyEnabled.is(error)) throw error;
      }
    },
  });
}
