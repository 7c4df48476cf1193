/**
 * Keeps the statfile of an upgrade: before anything is moved it gets a line for each partition that is to be; at the end, however that came, the
 * lines of partitions that are where they were go out of it again. Lines of other tablets stay.
 *
 * Changes: the statfile, replaced in one step.
 * Twice is harmless: lines are added once, and taken out by what the cluster says.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { type OpenmldbClient, openmldbCluster, tableOf } from '../client/index.ts';
import { placementOf } from '../model.ts';
import { ClusterName } from '../params.ts';
import { linesOf } from '../plan/data.ts';
import type { StatLine } from '../stat-file.ts';
import { formatStatLine } from '../stat-file.ts';
import { formatStatFile, parseStatFile, readText, writeText } from './files.ts';
import { PATIENT, taskName } from './settings.ts';

export interface RecordParams {
  cluster: string;
  statfile: string;
}

export const record: TaskDefinition<RecordParams> = defineTask({
  name: taskName('migrator', 'record'),
  role: 'migrator',
  params: z.strictObject({ cluster: ClusterName, statfile: z.string() }),
  retry: PATIENT,

  async run(context) {
    const { statfile } = context.params;
    const there = parseStatFile(statfile, (await readText(statfile)) ?? '');
    await write(context, 'record', statfile, formatStatFile([...there, ...linesOf(context.plan)]));
    return undefined;
  },

  /** Comes after everything was put back: what is not where it was keeps its line. */
  async undo(context) {
    await using cluster = context.target(context.params.cluster, openmldbCluster);
    await prune(context, cluster, linesOf(context.plan), 'unrecord');
    for (const { key } of await context.journal.entries()) await context.journal.done(key);
  },
});

export interface PruneParams extends RecordParams {
  /** Of this tablet. */
  endpoint: string;
  /** Nothing is left of it: the file goes. */
  removeEmpty: boolean;
}

export const pruneRecord: TaskDefinition<PruneParams> = defineTask({
  name: taskName('migrator', 'prune-record'),
  role: 'migrator',
  params: z.strictObject({ cluster: ClusterName, statfile: z.string(), endpoint: z.string(), removeEmpty: z.boolean() }),
  retry: PATIENT,

  async run(context) {
    const { statfile, endpoint, removeEmpty } = context.params;
    await using cluster = context.target(context.params.cluster, openmldbCluster);
    const text = await readText(statfile);
    if (text === null) return undefined;
    const own = parseStatFile(statfile, text).filter((line) => line.endpoint === endpoint);
    const left = await prune(context, cluster, own, 'prune');
    if (removeEmpty && left === 0) await write(context, 'remove', statfile, null);
    return { output: { left } };
  },

  /** What was moved away again is in need of its line. */
  async undo(context) {
    const entries = await context.journal.entries();
    const before = entries.find(({ key }) => key === 'prune' || key === 'remove')?.before;
    if (typeof before !== 'string') return;
    await write(context, 'restore', context.params.statfile, before);
    for (const { key } of entries) await context.journal.done(key);
  },
});

/** Gives how many lines are left in the file. */
async function prune(context: TaskContext<RecordParams>, cluster: OpenmldbClient, own: readonly StatLine[], key: string): Promise<number> {
  const { statfile } = context.params;
  const home = new Set<string>();
  for (const line of own) if (await isHome(cluster, line)) home.add(formatStatLine(line));
  const lines = parseStatFile(statfile, (await readText(statfile)) ?? '').filter((line) => !home.has(formatStatLine(line)));
  await write(context, key, statfile, formatStatFile(lines));
  return lines.length;
}

/** The tablet leads it, and the replica that was added is not there. A partition that was dropped has nothing to come home to. */
async function isHome(cluster: OpenmldbClient, line: StatLine): Promise<boolean> {
  const table = (await cluster.tables({ db: line.db, table: line.table })).find(({ tid }) => tid === line.tid);
  const partition = table && tableOf(table).partitions.find(({ pid }) => pid === line.pid);
  if (!partition) return true;
  const { leader, replicas } = placementOf(partition);
  return leader === line.endpoint && (line.extra === '' || !replicas.includes(line.extra));
}

async function write(context: TaskContext<RecordParams>, key: string, path: string, text: string | null): Promise<void> {
  await context.effect<string | null>({
    key,
    what: text === null ? `remove ${path}` : `write ${path}`,
    observe: () => readText(path),
    wanted: text,
    act: () => writeText(path, text),
  });
}
