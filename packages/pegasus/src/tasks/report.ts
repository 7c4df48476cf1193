/**
 * Puts together what is proven and what is left: how long writes were denied, each partition's proof, and the commands that clean up.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { Json, TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { pegasusCluster } from '../client/index.ts';
import { isByCounters } from '../model.ts';
import type { Move } from '../plan/migrate.ts';
import { compareRows, type RowsRead } from '../plan/rows.ts';
import { readRows } from '../reading/rows.ts';
import { MoveParams, PATIENT } from './settings.ts';

const drained = z.object({
  takenAt: z.number(),
  inForceAt: z.number(),
  drainedAt: z.number(),
  openedAt: z.number(),
  notes: z.record(z.string(), z.object({ ballot: z.number(), goal: z.number().nullable(), drained: z.boolean() })),
});
const gaveUp = z.object({ gaveUp: z.literal(true), openedAt: z.number(), liftedAt: z.number() });
const switched = z.object({ path: z.string(), text: z.string(), openedAt: z.number(), pointedAt: z.number(), sentAt: z.number() });
const ended = z.object({ handedOver: z.boolean(), endedAt: z.number() });
const caughtUp = z.object({
  rows: z.union([z.object({ cluster: z.string(), rows: z.record(z.string(), z.number().nullable()) }), z.object({ why: z.string() })]),
});
const added = z.object({ dupid: z.number() });

/** Outputs of the rounds, in their order. */
async function rounds(context: TaskContext<Move>): Promise<Json[]> {
  const found: Json[] = [];
  for (let round = 1; round <= context.params.denials; round += 1) {
    const output = await context.resultOf(round === 1 ? 'drain' : `drain-${round}`);
    if (output !== undefined) found.push(output);
  }
  return found;
}

/** What the source estimated before the last denial. */
async function rowsBefore(context: TaskContext<Move>): Promise<RowsRead> {
  for (let round = context.params.denials; round >= 1; round -= 1) {
    const output = caughtUp.safeParse(await context.resultOf(round === 1 ? 'catch-up' : `catch-up-${round}`));
    if (output.success) return output.data.rows;
  }
  return { why: 'nobody asked for them before writes were denied' };
}

async function rowsAfter(context: TaskContext<Move>): Promise<RowsRead> {
  const { table, meta, cluster } = context.params;
  await using target = context.target(meta, pegasusCluster);
  return await readRows(target, table, cluster); // before the connection is closed
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export const report: TaskDefinition<Move> = defineTask({
  name: 'pegasus.report',
  role: 'migrator',
  params: MoveParams,
  retry: PATIENT,

  async run(context) {
    const { table, from, cluster, source, meta, configSyncMs, root, proof } = context.params;
    const outputs = await rounds(context);
    const { dupid } = added.parse(await context.resultOf('duplicate'));
    const last = drained.parse(outputs.at(-1));
    const byProxy = switched.safeParse(await context.resultOf('switch'));
    const byHand = ended.safeParse(await context.resultOf('end'));
    const note = (text: string, level: 'info' | 'warning' = 'info'): void => context.note({ level, row: table, text });

    for (const output of outputs) {
      const vain = gaveUp.safeParse(output);
      if (vain.success)
        note(`writes were denied in vain for ${seconds(vain.data.liftedAt - vain.data.openedAt)}, and allowed again`, 'warning');
    }
    const endedAt = byProxy.success ? byProxy.data.sentAt : byHand.success ? byHand.data.endedAt : last.drainedAt;
    note(
      `writes were denied for ${seconds(endedAt - last.openedAt)}: ${seconds(last.inForceAt - last.openedAt)} until every replica denied them, ${seconds(Math.max(0, last.drainedAt - last.inForceAt))} to drain, ${seconds(endedAt - last.drainedAt)} to ${byProxy.success ? 'switch' : 'end it'}; replicas learn of the end within ${seconds(configSyncMs)}`,
    );
    for (const [partition, { goal }] of Object.entries(last.notes)) {
      if (goal !== null) context.tally(partition, 'committed', goal);
      context.tally(partition, 'drained', 1);
    }
    context.count('denialMs', Math.round(endedAt - last.openedAt));
    context.count('partitions', Object.keys(last.notes).length);
    if (isByCounters(proof))
      note('that it was drained is not proven, only seen: no counter of the source showed anything waiting under the denial', 'warning');
    const rows = compareRows(await rowsBefore(context), await rowsAfter(context));
    // Where nothing is proven, estimates that are apart are more than a curiosity.
    note(rows.text, !rows.agree && isByCounters(proof) ? 'warning' : 'info');
    if (byProxy.success) {
      note(`${byProxy.data.path} says ${byProxy.data.text}; clients of ${from} are answered reconfig*all and look it up`);
      note(
        `the way back is a migration in the other direction: clients write at ${cluster} now, and nothing of that goes to ${from} by itself`,
      );
      note(`left to clean up: the duplication ${dupid} (longshore pegasus cleanup -t ${table} --source ${source} -c ${cluster})`);
      note(`and the table at ${from} (longshore pegasus cleanup -t ${table} --source ${source} -c ${cluster} --drop-table)`);
    } else if (byHand.success && byHand.data.handedOver) {
      note(
        `writes to ${table} at ${from} are still denied, since ${new Date(last.openedAt).toISOString()}: point the clients to ${cluster} (${metasOf(meta)}) now, then run longshore pegasus finish -t ${table} --source ${source}`,
        'warning',
      );
      note(`to give up instead: longshore pegasus lift -t ${table} --source ${source}`, 'warning');
    } else {
      note(`a rehearsal: clients were not switched, and write at ${from} as before; the duplication ${dupid} goes on`);
    }
    await using cluster2 = context.target(source, pegasusCluster);
    const left = (await cluster2.duplications(table)) ?? [];
    return { output: { denialMs: Math.round(endedAt - last.openedAt), dupid, duplications: left.length, root: root ?? null } };
  },

  undo: { none: 'it only reads' },
});

function metasOf(meta: string): string {
  return meta.replace(/^pegasus:\/\//i, '');
}
