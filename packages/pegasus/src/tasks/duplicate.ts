/**
 * Duplicates the table to the target: the servers copy what is there and then follow the log. Waits until they follow.
 *
 * Changes: the duplication of the table at the source; the servers make the table at the target.
 * Twice is harmless: it is looked for first, and one to the same cluster is taken up, so that there are never two.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { type PegasusCluster, pegasusCluster } from '../client/index.ts';
import type { DuplicationEntry } from '../client/messages.ts';
import { DuplicationGone, DuplicationStuck, NotAdded } from '../errors.ts';
import type { Move } from '../plan/migrate.ts';
import { MoveParams, PATIENT } from './settings.ts';
import { wasSwitched } from './switched.ts';

const ADD = 'add-duplication';

export async function duplicationOf(
  source: PegasusCluster,
  { table, cluster }: Pick<Move, 'table' | 'cluster'>,
): Promise<DuplicationEntry | undefined> {
  return (await source.duplications(table))?.find(({ remote }) => remote === cluster);
}

export const duplicate: TaskDefinition<Move> = defineTask({
  name: 'pegasus.duplicate',
  role: 'migrator',
  params: MoveParams,
  retry: PATIENT,
  targets: ({ source, meta }) => [source, meta],

  async run(context) {
    const { table, cluster, prepareMs, pollMs } = context.params;
    await using source = context.target(context.params.source, pegasusCluster);
    const known = await duplicationOf(source, context.params);
    await context.effect<boolean>({
      key: ADD,
      what: `duplicate ${table} to ${cluster}`,
      observe: async () => (await duplicationOf(source, context.params)) !== undefined,
      wanted: true,
      async act() {
        const { err, dupid, hint } = await source.addDuplication(table, cluster);
        if (err === 'ERR_OK' && dupid === 0)
          throw NotAdded({ table, cluster, said: `${err} without a number${hint === '' ? '' : ` (${hint})`}` });
      },
    });
    const entry = await following(context, source, prepareMs, pollMs);
    return { output: { dupid: entry.dupid, found: known !== undefined, addedAt: entry.createTs } };
  },

  /** Removes what was added; one that was there before stays. After the switch it stays too: the way back is another one then. */
  async undo(context) {
    const { table, cluster } = context.params;
    const entry = (await context.journal.entries()).find(({ key }) => key === ADD);
    if (entry === undefined || entry.before === true) return;
    if (await wasSwitched(context)) {
      context.note({
        level: 'warning',
        row: table,
        text: `the duplication of ${table} to ${cluster} stays: the clients are at ${cluster}`,
      });
      return;
    }
    await using source = context.target(context.params.source, pegasusCluster);
    await context.effect<boolean>({
      key: ADD,
      what: `remove the duplication of ${table} to ${cluster}`,
      observe: async () => (await duplicationOf(source, context.params)) !== undefined,
      wanted: false,
      async act() {
        const there = await duplicationOf(source, context.params);
        if (there !== undefined) await source.modifyDuplication(table, there.dupid, 'DS_REMOVED');
      },
    });
    context.note({ level: 'info', row: table, text: `the copy of ${table} at ${cluster} stays; drop it there when it is not needed` });
  },
});

const STAGES: readonly string[] = ['DS_INIT', 'DS_PREPARE', 'DS_APP', 'DS_LOG'];

/** Waits until the servers have copied and follow the log. */
async function following(context: TaskContext<Move>, source: PegasusCluster, prepareMs: number, pollMs: number): Promise<DuplicationEntry> {
  const { table, cluster } = context.params;
  const until = context.clock.now() + prepareMs;
  let last = '';
  for (;;) {
    const entry = await duplicationOf(source, context.params);
    if (entry === undefined) throw DuplicationGone({ table, cluster });
    if (entry.status !== last) {
      last = entry.status;
      await context.event('duplication', `the duplication ${entry.dupid} of ${table} is ${last}`);
      await context.show('duplication', { dupid: entry.dupid, status: last });
    }
    context.progress(Math.max(0, STAGES.indexOf(entry.status)), STAGES.length - 1, 'steps of the duplication');
    if (entry.status === 'DS_LOG') return entry;
    if (entry.status === 'DS_PAUSE')
      throw DuplicationStuck({ table, dupid: entry.dupid, why: 'somebody has paused it', partitions: [], minutes: 0 });
    if (context.clock.now() >= until)
      throw DuplicationStuck({
        table,
        dupid: entry.dupid,
        why: `it is ${entry.status} still; a table of that name at the target, or a target that is away, keeps it there`,
        partitions: [],
        minutes: Math.round(prepareMs / 60_000),
      });
    await context.clock.sleep(pollMs, context.signal);
  }
}
