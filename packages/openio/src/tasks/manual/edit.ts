/**
 * Writes the new peers into the file of every replica that stays, and where there is a master the old set with the new replica into all files.
 *
 * Changes: `sys.peers` in closed files, one transaction each, guarded by the value that was found.
 * Twice is harmless: a file that says so already is not touched.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { NotAsExpected } from '../../errors.ts';
import { joined } from '../../model.ts';
import { observe } from '../../observe.ts';
import { openNamespace } from '../../open.ts';
import { holdsNothingMore } from '../../plan/facts.ts';
import { elect } from '../elect.ts';
import { BRISK } from '../settings.ts';
import type { ManualParams } from './base.ts';
import { ManualBase, manualParams } from './base.ts';
import { letServicesKeepBases, tellServicesToClose } from './close.ts';

export const edit: TaskDefinition<ManualParams> = defineTask({
  name: 'openio.edit-peers',
  role: 'rebalancer',
  params: manualParams,
  retry: BRISK,

  async run(context) {
    const { params } = context;
    await using namespace = openNamespace(context, params);
    const base = new ManualBase(context, namespace, params);
    for (const file of await base.files(params.edited)) await base.assertSound(file);
    await base.setPeers(base.peersToWrite);
    return undefined;
  },

  /** Writes the old peers back, closed files again; then the old set is elected, and the new replica's file goes. */
  async undo(context) {
    const { params } = context;
    const { cid, name, hosts, to } = params;
    await using namespace = openNamespace(context, params);
    const base = new ManualBase(context, namespace, params);
    const edited = [];
    for (const file of await base.files(params.edited)) if ((await base.peersIn(file)) !== joined(hosts)) edited.push(file);
    if (edited.length > 0) {
      await tellServicesToClose(base);
      await base.close(params.edited);
      await base.setPeers(hosts);
      await letServicesKeepBases(base);
    }
    const awake = await base.awake();
    if (awake.includes(to)) {
      await namespace.leave(cid, [to]);
      await context.effect<boolean>({
        key: 'remove-new',
        what: `remove the base of ${name} from ${to}`,
        observe: async () => (await namespace.has(cid, [to])).with.includes(to),
        wanted: false,
        act: async () => {
          // It may have been elected, and have acknowledged what only one of the others has, which may be away.
          if (!holdsNothingMore(await observe(namespace, cid), to, hosts))
            throw NotAsExpected({ container: name, problems: [`the base at ${to} holds what the others do not, and stays`] });
          await namespace.remove(cid, to);
        },
      });
    }
    // Without a majority there is nothing to be elected, as there was not before.
    const there = hosts.filter((id) => awake.includes(id));
    if (there.length > hosts.length / 2) await elect(context, namespace, { cid, name, wanted: hosts, everybody: base.everybody });
  },
});
