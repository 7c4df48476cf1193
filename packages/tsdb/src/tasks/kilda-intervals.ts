/**
 * Migrations whose folders hold the original's own files, one for each metric: dumped as `kilda-otsdb-dump` does, and restored from these files,
 * so that the original's tools can take over at any time. What a restore has to know besides (checksums, what was sent) lies where it does for
 * every other migration.
 *
 * Changes, and why twice is harmless: a dump goes on where an earlier one was, as that of `kilda-otsdb-dump`; a folder is taken up once, as a
 * batch, and removed when that batch has been restored. See the tasks it is restored by.
 */
import { constants } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TaskContext, TaskDefinition, TaskEnd } from '@longshore/core';
import { defineTask, GateClosed } from '@longshore/core';
import type { DumpFolder, Spool } from '@longshore/spool';
import { listBatches, openForDump, openForRestore, openSpool, spaceGate, tombstonesOf } from '@longshore/spool';
import { z } from 'zod';
import type { KildaFolder } from '../client/kilda/index.ts';
import { fileLines, fileName, kildaFolder, lineText, rowIn } from '../client/kilda/index.ts';
import { NoSuchMetric, openTsdb } from '../client/opentsdb/index.ts';
import type { TimeRange } from '../model.ts';
import { batchAt, batchName, batchPlanOf, rangeText } from '../plan/batches.ts';
import type { DumpBatchParams } from './dump-batch.ts';
import { layoutOf, telling } from './intervals.ts';
import { dumpInto } from './kilda-dump-metric.ts';
import { ChunkOfRows } from './kilda-rows.ts';
import { putBatch } from './put-batch.ts';
import { restoreBatch } from './restore-batch.ts';
import { PATIENT, PERMIT_MS, RENEW_MS, SOURCE_BUSY_MS, SOURCE_LIMIT, TALLIES } from './settings.ts';

/** Points of one chunk, at least, where there are more. */
const CHUNK_POINTS = 200_000;
const MAX_NOTES = 20;

interface Places {
  spool: Spool;
  dumping: string;
  ready: string;
  folder(path: string): KildaFolder;
}

async function placesOf(context: TaskContext<unknown>, batch: string): Promise<Places> {
  const spool = await openSpool(context.spool());
  const layout = layoutOf(context);
  const at = (state: 'dumping' | 'ready'): string => join(spool.root, layout.folder(batch, state));
  const folder = (path: string): KildaFolder =>
    kildaFolder.connect({ name: path, system: 'folder', address: pathToFileURL(path).href, settings: {}, secrets: {} }, context);
  return { spool, dumping: at('dumping'), ready: at('ready'), folder };
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

async function renamed(from: string, to: string): Promise<void> {
  await rename(from, to);
  const parent = await open(dirname(to), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

export const kildaIntervalDump: TaskDefinition<DumpBatchParams> = defineTask({
  name: 'tsdb.kilda-interval-dump',
  role: 'dumper',
  queue: 'dump',
  params: z.strictObject({ source: z.string(), unit: z.int().min(0), redo: z.int().min(0), tally: z.enum(TALLIES) }),
  retry: PATIENT,
  undo: { none: 'the files are what was asked for; the source is only read' },

  async run(context): Promise<TaskEnd> {
    const { params, operation, store, clock } = context;
    const batch = batchName(params.unit, params.redo);
    const holder = `${operation.id}/${batch}`;
    const places = await placesOf(context, batch);
    const { spool } = places;
    const taken = (await tombstonesOf(spool, operation.id).find(batch)) !== undefined;
    if (taken || (await listBatches(spool, operation.id)).some((one) => one.batch === batch)) return { followers: 'run' };
    const permit = `source:${params.source}`;
    const take = (): Promise<boolean> => store.takePermit(permit, holder, SOURCE_LIMIT, clock.now(), PERMIT_MS);
    if (!(await take())) throw new GateClosed('source', `${SOURCE_LIMIT} dumps read ${params.source} already`, SOURCE_BUSY_MS);
    try {
      const others = await store.reservations(spool.name);
      const isOldest = !others.some((other) => other.holder.startsWith(`${operation.id}/`) && other.holder < holder);
      const gate = spaceGate({ spool, store });
      const admission = await gate.admit({ holder, isOldest, signal: context.signal, makeRoom: async () => false });
      const name = layoutOf(context).folder(batch, 'dumping');
      await context.event('folder', `Dumping ${name}`);
      const { rows, bytes } = await dumpAll(context, places, take);
      await admission.release();
      await gate.noteBatch(bytes);
      if (rows === 0) await rm(places.dumping, { recursive: true, force: true });
      else await renamed(places.dumping, places.ready);
      await context.event('folder', `Dumped ${name}`);
      return { output: { points: rows }, followers: rows > 0 ? 'run' : 'skip' };
    } finally {
      await store.dropPermit(permit, holder);
    }
  },
});

async function dumpAll(
  context: TaskContext<DumpBatchParams>,
  { dumping, ready, folder: open }: Places,
  take: () => Promise<boolean>,
): Promise<{ rows: number; bytes: number }> {
  const { params, plan } = context;
  const { range, metrics } = batchAt(batchPlanOf(plan), params.unit);
  // Whoever has called it complete may have been cut off before he could tell, or be the original, which leaves out what lies behind the last whole frame.
  if (!(await isThere(dumping)) && (await isThere(ready))) await renamed(ready, dumping);
  await using folder = open(dumping);
  await folder.make();
  await using source = context.target(params.source, openTsdb);
  let [rows, bytes, takenAt] = [0, 0, context.clock.now()];
  for (const metric of metrics) {
    context.signal.throwIfAborted();
    try {
      await dumpInto(context, source, folder, { metric, frameS: frameOf(plan), range });
    } catch (error) {
      if (!NoSuchMetric.is(error)) throw error;
      context.tally(metric, 'unsendable', 1);
      context.note({ level: 'error', row: metric, text: `the source named this metric, but has it no more (${rangeText(range)})` });
    }
    if (context.clock.now() - takenAt > RENEW_MS) {
      takenAt = context.clock.now();
      await take();
    }
    let own = 0;
    const path = folder.rowsPath(fileName(metric));
    for await (const line of fileLines(path, 0)) own += lineText(line) === '' ? 0 : 1;
    bytes += (await stat(path)).size;
    rows += own;
    if (params.tally === 'all') context.tally(metric, 'dumped', own);
  }
  return { rows, bytes };
}

function frameOf(plan: TaskContext<unknown>['plan']): number {
  return batchPlanOf(plan).folders?.kildaFrameS ?? 180;
}

/** The rows of a ready folder as a batch, once. */
async function takeUp(context: TaskContext<{ batch: string; from: string }>, { spool, ready, folder: open }: Places): Promise<void> {
  const { batch, from } = context.params;
  const opening = await openForDump(spool, { operation: from, batch, generation: context.generation, meta: { task: context.task.id } });
  if (opening.state !== 'dumping') return;
  await using into = opening.folder;
  await using folder = open(ready);
  const plan = batchPlanOf(context.plan);
  const { range, metrics } = batchAt(plan, Number(/^b(\d+)/.exec(batch)?.[1]));
  for (const metric of metrics) {
    const done = into.entries.filter((entry) => entry.metric === metric);
    const startMs = done.reduce((most, entry) => Math.max(most, entry.stopMs), range.startMs);
    if (startMs < range.stopMs) await takeMetric(context, folder, into, metric, { startMs, stopMs: range.stopMs });
  }
  await into.finish();
}

async function takeMetric(
  context: TaskContext<unknown>,
  folder: KildaFolder,
  into: DumpFolder,
  metric: string,
  range: TimeRange,
): Promise<void> {
  const path = folder.rowsPath(fileName(metric));
  const frameMs = frameOf(context.plan) * 1000;
  let [byte, notes] = [0, 0];
  const leftOut = (why: string): void => {
    context.tally(metric, 'unsendable', 1);
    notes += 1;
    if (notes <= MAX_NOTES) context.note({ level: 'error', row: metric, text: `the row at byte ${byte} of ${path} was not sent: ${why}` });
  };
  let rows = new ChunkOfRows(metric, range.startMs);
  let latestFrame = Number.NEGATIVE_INFINITY;
  for await (const line of fileLines(path, 0)) {
    context.signal.throwIfAborted();
    const text = lineText(line);
    const row = text === '' ? undefined : rowIn(line);
    if (row === undefined) {
      // A blank line, as a second dump of the original leaves it.
    } else if ('wrong' in row) leftOut(row.wrong);
    // Of another window, whose folder has it: the original begins with a whole frame. Or taken up already.
    else if (row.timestampMs >= range.stopMs || row.timestampMs < range.startMs) {
      // Nothing is lost of it.
    } else {
      const frame = Math.floor(row.timestampMs / frameMs);
      if (frame > latestFrame && rows.points >= CHUNK_POINTS) {
        const cut = Math.max(rows.startMs + 1, frame * frameMs);
        await rows.commit(into, cut);
        rows = new ChunkOfRows(metric, cut);
      }
      latestFrame = Math.max(latestFrame, frame);
      if (row.timestampMs < rows.startMs) leftOut('it stands far behind later ones');
      else if (!rows.add(row)) leftOut('another row has the same time and another value');
    }
    byte += line.length;
  }
  await rows.commit(into, range.stopMs);
}

/** A task that restores a batch, from a folder of the original's files. */
function fromFiles<P extends { batch: string; from: string }>(task: TaskDefinition<P>, name: string): TaskDefinition<P> {
  return {
    ...task,
    name,
    async run(context): Promise<TaskEnd | undefined> {
      const { batch, from } = context.params;
      const places = await placesOf(context, batch);
      const called = layoutOf(context).folder(batch, 'dumping');
      return telling(context, called, { begins: 'Restoring' }, async () => {
        await takeUp(context, places);
        const end = await task.run(context);
        const opening = await openForRestore(places.spool, from, batch);
        if (opening.state !== 'removed') {
          await using restored = opening.batch;
          if (restored.compared().missing > 0) {
            context.note({ level: 'error', text: `${places.ready} stays, since not all of it has arrived` });
            return end;
          }
        }
        await rm(places.ready, { recursive: true, force: true });
        await context.event('folder', `Restored ${called}`);
        return end;
      });
    },
  };
}

export const KILDA_INTERVAL_TASKS: TaskDefinition[] = [
  kildaIntervalDump as TaskDefinition,
  fromFiles(restoreBatch, 'tsdb.kilda-interval-restore') as TaskDefinition,
  fromFiles(putBatch, 'tsdb.kilda-interval-put') as TaskDefinition,
];
