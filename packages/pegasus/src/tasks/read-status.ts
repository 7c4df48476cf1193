/**
 * Reads where a table stands, into the report.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask, errorData } from '@longshore/core';
import { pegasusCluster } from '../client/index.ts';
import { DENY_KEY, DENY_WRITES, pendingOf, SEND_AWAY } from '../model.ts';
import { StatusParams } from '../params.ts';
import { proofOf } from '../plan/preflight.ts';
import { totalOf } from '../plan/rows.ts';
import { readProgress } from '../reading/progress.ts';
import { readRows } from '../reading/rows.ts';
import { openZooKeeper, sourceSnapshot } from '../reading/snapshot.ts';
import { PATIENT } from './settings.ts';

const MEANING: ReadonlyMap<string, string> = new Map([
  [DENY_WRITES, ' (their writes wait)'],
  [SEND_AWAY, ' (they are sent away, to look up where the table is)'],
]);

export const readStatus: TaskDefinition<StatusParams> = defineTask({
  name: 'pegasus.read-status',
  role: 'migrator',
  params: StatusParams,
  retry: { ...PATIENT, attempts: 3 },

  async run(context) {
    const { table, node, root } = context.params;
    await using source = context.target(context.params.source, pegasusCluster);
    const found = await sourceSnapshot(source, table);
    const say = (text: string, level: 'info' | 'warning' = 'info'): void => context.note({ level, row: table, text });
    say(
      `${found.name} runs ${found.server}; ${found.nodes.filter(({ status }) => status === 'NS_ALIVE').length} of ${found.nodes.length} nodes are alive`,
    );
    if (found.table === undefined) {
      say(`there is no table ${table}`, 'warning');
      return { output: { table: null } };
    }
    const rows = await readRows(source, table, found.name);
    const denied = found.table.envs.get(DENY_KEY);
    say(`${found.table.partitionCount} partitions, ${found.table.status}`);
    say('why' in rows ? `rows: not known, ${rows.why}` : `rows, estimated by the servers: about ${totalOf(rows).toLocaleString('en-US')}`);
    say(
      denied === undefined ? 'clients are denied nothing' : `clients are denied: ${denied}${MEANING.get(denied) ?? ''}`,
      denied === undefined ? 'info' : 'warning',
    );
    const duplications = [];
    for (const { dupid, remote, status, failMode } of found.duplications) {
      const seen = await readProgress(source, { table, dupid, proof: proofOf(found) }, () => context.clock.now());
      const waiting = (seen?.partitions ?? []).map(pendingOf);
      const sum = waiting.some((one) => one === null) ? null : waiting.reduce<number>((total, one) => total + (one ?? 0), 0);
      say(`duplication ${dupid} to ${remote}: ${status}, ${failMode ?? 'FAIL_SLOW'}, ${sum ?? 'an unknown number of'} mutations wait`);
      for (const one of seen?.partitions ?? []) {
        const row = `${remote} ${one.partition}`;
        context.tally(row, 'confirmed', Math.max(0, one.confirmed));
        if (one.notConfirmed !== null || one.committed !== null)
          context.tally(row, 'committed', one.notConfirmed === null ? (one.committed ?? 0) : Math.max(0, one.confirmed) + one.notConfirmed);
        context.tally(row, 'waiting', pendingOf(one) ?? 0);
      }
      duplications.push({ dupid, remote, status, waiting: sum });
    }
    if (found.duplications.length === 0) say('it is not duplicated');
    let proxy: string | null = null;
    if (root !== undefined) {
      try {
        await using zk = openZooKeeper(context, node, found.zookeeperHosts);
        proxy = (await zk.get(`${root}/${table}`)).data.toString('utf8');
        say(`${root}/${table} says ${proxy}`);
      } catch (error) {
        say(`the meta proxy cannot be read: ${errorData(error).message}`, 'warning');
      }
    }
    return { output: { table: { id: found.table.appId, status: found.table.status, denied: denied ?? null }, duplications, proxy } };
  },

  undo: { none: 'it only reads' },
});
