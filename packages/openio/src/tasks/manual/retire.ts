/**
 * The end of a manual move: a write that only a master takes, the new replica has taken the data, the old replica's file goes, and all is
 * looked at on every service.
 *
 * Changes: a property `rebuild`, set and deleted; the election; the old replica's file.
 * Twice is harmless: each is a set or a removal of what may be gone.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { NotAsExpected } from '../../errors.ts';
import { observe } from '../../observe.ts';
import { openNamespace } from '../../open.ts';
import { finalProblems } from '../../plan/final-check.ts';
import { elect, lookAt } from '../elect.ts';
import { Relocator } from '../relocate.ts';
import { CHECK_MS, PATIENT } from '../settings.ts';
import { unnote } from '../unnote.ts';
import type { ManualParams } from './base.ts';
import { ManualBase, manualParams } from './base.ts';
import { wayBackOf } from './link.ts';

/** As the original calls it. */
const MARK = 'rebuild';

/**
 * What had been acknowledged is in the files of a majority. Versions only count changes: once others were made to fewer files, nobody can
 * tell by them what a file holds that was not there.
 */
function isMajority({ kept, hosts }: ManualParams): boolean {
  return kept.length > hosts.length / 2;
}

export const retire: TaskDefinition<ManualParams> = defineTask({
  name: 'openio.retire',
  role: 'rebalancer',
  params: manualParams,
  retry: PATIENT,

  async run(context) {
    const { params } = context;
    const { cid, name, from, to } = params;
    await using namespace = openNamespace(context, params);
    const base = new ManualBase(context, namespace, params);
    const hosts = base.newHosts;
    await context.effect<boolean>({
      key: 'elect',
      what: `have ${name} elected with ${to}`,
      observe: async () => (await lookAt(namespace, cid, hosts, base.everybody)).problems.length === 0,
      wanted: true,
      act: () => elect(context, namespace, { cid, name, wanted: hosts, everybody: base.everybody }),
    });
    await context.lease.assertHeld();
    await namespace.touch(cid, MARK, String(Math.floor(context.clock.now() / 1000)));
    await namespace.untouch(cid, MARK);
    const awake = await base.awake();
    const leftover = !isMajority(params) || !awake.includes(from);
    if (!leftover)
      await context.effect<boolean>({
        key: 'remove',
        what: `remove the old file of ${name} from ${from}`,
        observe: async () => (await namespace.has(cid, [from])).with.includes(from),
        wanted: false,
        act: async () => {
          await check(false);
          await namespace.leave(cid, [from]);
          await namespace.remove(cid, from);
        },
      });
    else {
      if (awake.includes(from)) await namespace.leave(cid, [from]);
      const why = isMajority(params)
        ? `${from} does not answer: its old file stays. When it is back, \`longshore openio repair\` removes it`
        : `the file of ${from} stays: it was moved with ${params.kept.join(', ')} only, and may hold what that never got. Compare them, and take it away by hand, before a repair`;
      // A move online has said so already.
      if (!params.widened) context.note({ level: 'warning', row: name, text: why });
      context.tally(name, 'leftovers', 1);
    }
    await namespace.flush();
    await check(!leftover || !awake.includes(from));
    const { members, problems } = await lookAt(namespace, cid, hosts, base.everybody);
    await context.show('election', { name, cid, hosts, incoming: to, outgoing: from, members, problems });
    await unnote(context, params.rdir, from, { namespace: namespace.name, name, cid });
    context.tally(name, 'moved', 1);
    context.count('moves', 1);
    return { output: { cid, name, before: params.hosts, after: hosts } };

    async function check(oldGone: boolean): Promise<void> {
      let last: string[] = [];
      const isSo = async (): Promise<boolean> => {
        const facts = await observe(namespace, cid);
        // Replicas whose services are away were so before, and are named in the plan.
        const away = hosts.filter((id) => facts.silent.has(id));
        last = finalProblems(facts, { hosts, gone: [from], status: 'enabled' })
          .filter((problem) => oldGone || !problem.endsWith('still has a file of it'))
          .filter((problem) => !away.some((id) => problem.includes(id)));
        return last.length === 0;
      };
      try {
        await context.confirm(`${name} is as it must be`, isSo, CHECK_MS);
      } catch (error) {
        if (last.length === 0 || context.signal.aborted) throw error;
        throw NotAsExpected({ container: name, problems: last }, { cause: error });
      }
    }
  },

  /** It has a master by now: the way back is the online one. */
  async undo(context) {
    const { params } = context;
    if (!(await context.journal.entries()).some(({ key }) => key === 'remove')) return;
    await using namespace = openNamespace(context, params);
    await new Relocator(context, namespace, wayBackOf(params)).run([]);
  },
});
