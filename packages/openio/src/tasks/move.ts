/**
 * Moves one replica of a container's base from one service to another, through the services, while clients read and write.
 *
 * Changes: sys.peers of the base, the base at the new service, meta1's row, the election, the base at the old service; see `relocate.ts`.
 * Twice is harmless: each step is a set, read back, and skipped where it is so already.
 */
import type { JournalEntry, TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import type { Namespace } from '../client/index.ts';
import { CannotMove } from '../errors.ts';
import { peersOf, statusName } from '../model.ts';
import { ContainerId } from '../names.ts';
import { observe } from '../observe.ts';
import { openNamespace } from '../open.ts';
import type { Placement, Where } from '../params.ts';
import { placement, ServiceId, where } from '../params.ts';
import type { Facts } from '../plan/facts.ts';
import { hostsOf, nameOf } from '../plan/facts.ts';
import { LOOSE, parseConstraint } from '../plan/locations.ts';
import { nativeProblems, replaced } from '../plan/preflight.ts';
import { copySentAt, Relocator } from './relocate.ts';
import { restingWhenBusy } from './rest.ts';
import { PATIENT } from './settings.ts';
import { unnote } from './unnote.ts';

export interface MoveTaskParams extends Where, Placement {
  namespace: string;
  cid: string;
  from: string;
  to: string;
  /** Moves at a time from one service, and to one. */
  perService: number;
  rdir?: string | undefined;
  pauseMs: number;
}

/** What the journal keeps of the container as it was found. */
type Row = {
  seq: number;
  args: string;
  hosts: string[];
  everybody: string[];
  status: 'enabled' | 'frozen' | 'disabled' | 'unknown';
  name: string;
};
const row: z.ZodType<Row> = z.object({
  seq: z.int(),
  args: z.string(),
  hosts: z.array(z.string()),
  everybody: z.array(z.string()),
  status: z.enum(['enabled', 'frozen', 'disabled', 'unknown']),
  name: z.string(),
});
const ROW = 'found';

export const move: TaskDefinition<MoveTaskParams> = defineTask({
  name: 'openio.move',
  role: 'rebalancer',
  params: z.strictObject({
    ...where,
    namespace: z.string().min(1),
    ...placement,
    cid: ContainerId,
    from: ServiceId,
    to: ServiceId,
    perService: z.int().positive(),
    rdir: z.url().optional(),
    pauseMs: z.int().min(0),
  }),
  retry: PATIENT,
  places: ({ namespace, cid, from, to, perService }) => [
    { name: `openio/${namespace}/container/${cid}`, atMost: 1 },
    { name: `openio/${namespace}/from/${from}`, atMost: perService },
    { name: `openio/${namespace}/to/${to}`, atMost: perService },
  ],

  async run(context) {
    const { cid, from, to, pauseMs } = context.params;
    await using namespace = openNamespace(context, context.params);
    const begun = await context.journal.entries();
    const { found, hosts, leftover } = await restingWhenBusy(context, namespace, async () => {
      const row = rowOf(begun) ?? (await findFit(context, namespace));
      const set = replaced(row.hosts, { from, to });
      const way = { ...row, cid, hosts: set, incoming: to, outgoing: from, pauseMs, always: false };
      return { found: row, hosts: set, ...(await new Relocator(context, namespace, way).run(begun)) };
    });
    await context.journal.done(ROW);
    await unnote(context, context.params.rdir, from, { namespace: namespace.name, name: found.name, cid });
    context.tally(found.name, 'moved', 1);
    if (leftover) context.tally(found.name, 'leftovers', 1);
    context.count('moves', 1);
    context.progress(1, 1, 'moves');
    return { output: { cid, name: found.name, before: found.hosts, after: hosts } };
  },

  /**
   * Moves it back, by the same steps: the old replica joins (again) before the new one goes. It takes what was written since from the
   * master, so that nothing is lost however far the way there had come.
   */
  async undo(context) {
    const { cid, from, to } = context.params;
    const begun = await context.journal.entries();
    const found = rowOf(begun);
    if (!found) return;
    await using namespace = openNamespace(context, context.params);
    const way = {
      ...found,
      cid,
      hosts: found.hosts,
      incoming: from,
      outgoing: to,
      pauseMs: 0,
      always: true,
      copySentAt: copySentAt(begun),
    };
    await new Relocator(context, namespace, way).run([]);
    await context.journal.done(ROW);
  },
});

function rowOf(entries: readonly JournalEntry[]): Row | undefined {
  const entry = entries.find(({ key }) => key === ROW);
  return entry && row.parse(entry.before);
}

/** The container as it is now, fit to be moved; throws every reason why it is not. Ex-peers that take part are made to leave first. */
async function findFit(context: TaskContext<MoveTaskParams>, namespace: Namespace): Promise<Row> {
  const { cid, from, to, replicas, location, minDistance } = context.params;
  const constraint = location === undefined ? { ...LOOSE, minDistance } : parseConstraint(location, minDistance)!;
  let facts = await observe(namespace, cid);
  const hosts = hostsOf(facts) ?? [];
  const strangers = strangersOf(facts, hosts);
  const intruders = strangers.filter((id) => (facts.members.get(id)?.state ?? 'NONE') !== 'NONE');
  if (intruders.length > 0 && hosts.length > 0) {
    await context.lease.assertHeld();
    await namespace.leave(cid, intruders);
  }
  if (intruders.length > 0 || isAsleep(facts, hosts)) {
    await namespace.status(cid);
    facts = await observe(namespace, cid);
  }
  const reasons = nativeProblems(facts, { from, to, constraint, replicas });
  const name = nameOf(facts);
  if (reasons.length > 0) throw CannotMove({ container: name, from, to, reasons });
  const { seq, args } = facts.reference!.rows[0]!;
  const first = [...facts.replicas.values()].find(({ system }) => peersOf(system).length > 0);
  const found: Row = {
    seq,
    args,
    hosts,
    everybody: [...new Set([...hosts, to, ...strangersOf(facts, hosts), ...strangers])].sort(),
    status: statusName(first?.system ?? {}),
    name,
  };
  const entry = await context.journal.intent(ROW, {
    what: `${name} is at ${hosts.join(', ')}`,
    before: found,
    after: { hosts: replaced(hosts, { from, to }) },
  });
  return row.parse(entry.before);
}

/** Nobody has used it for a while: it has no election, and begins one when it is asked. */
function isAsleep(facts: Facts, hosts: readonly string[]): boolean {
  return hosts.some((id) => !facts.silent.has(id) && (facts.members.get(id)?.state ?? 'NONE') === 'NONE');
}

function strangersOf(facts: Facts, hosts: readonly string[]): string[] {
  return [...new Set([...facts.files, ...facts.members.keys()])].filter(
    (id) => !hosts.includes(id) && (facts.files.includes(id) || (facts.members.get(id)?.state ?? 'NONE') !== 'NONE'),
  );
}
