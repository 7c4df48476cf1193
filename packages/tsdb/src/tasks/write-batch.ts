/**
 * Writes one ready batch into a file that other tools read: VictoriaMetrics' JSON lines, or the text of OpenTSDB's `tsdb import`.
 *
 * Changes: one file, which gets its name when it is whole and on the disk. Twice is harmless: it is written anew, with the same points, also from
 * a batch that was dumped again, which has the same name: there is never a second file of a batch. One of that name with other points,
 * such as another operation's of the same window, stays.
 */
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { kildaFolder } from '../client/kilda/index.ts';
import { importText } from '../client/opentsdb/index.ts';
import { FileNotWhole, FileTaken } from '../errors.ts';
import { batchPlanOf, batchRange } from '../plan/batches.ts';
import { tellAnnotations } from './annotations.ts';
import { samePoints } from './same-points.ts';
import type { Tallies } from './settings.ts';
import { PATIENT, TALLIES } from './settings.ts';
import { claimSink } from './sink-claim.ts';
import { openNamed } from './sink-names.ts';

export interface WriteBatchParams {
  sink: string;
  via: 'lines' | 'text';
  batch: string;
  from: string;
  tally: Tallies;
}

export const writeBatch: TaskDefinition<WriteBatchParams> = defineTask({
  name: 'tsdb.write-batch',
  role: 'restorer',
  queue: 'restore',
  params: z.strictObject({ sink: z.string(), via: z.enum(['lines', 'text']), batch: z.string(), from: z.string(), tally: z.enum(TALLIES) }),
  retry: PATIENT,
  undo: { none: 'the files are what it was asked for' },

  async run(context) {
    const { params } = context;
    const opening = await openNamed(context, params.from, params.batch);
    if (opening.state === 'removed') {
      for (const { metric, points, compared } of opening.tombstone.metrics) tell(context, metric, points, compared?.matched);
      if (params.tally !== 'none') tellAnnotations(context, opening.tombstone);
      return undefined;
    }
    await using batch = opening.batch;
    await using folder = context.target(params.sink, kildaFolder);
    if (opening.state === 'ready') {
      const path = join(folder.path, fileNameOf(context, params.batch.replace(REDO, '')));
      const part = `${join(folder.path, fileNameOf(context, params.batch))}.part`;
      const hash = createHash('sha256');
      const written = new Map<number, number>();
      const draft = await open(part, 'w');
      try {
        for (const { chunk, points, metric } of batch.entries) {
          context.signal.throwIfAborted();
          if (points === 0) continue;
          const lines = await batch.readLines(chunk);
          const { text, leftOut } = params.via === 'text' ? importText(lines) : { text: lines, leftOut: 0 };
          if (leftOut > 0)
            context.note({
              level: 'error',
              row: metric,
              text: `${leftOut} points have names with blanks or "=", no tags, or floats beyond 32 bits: \`tsdb import\` cannot read them`,
            });
          written.set(chunk, points - leftOut);
          hash.update(text);
          await draft.writeFile(text);
          context.count('points', points - leftOut);
        }
        await draft.datasync();
      } finally {
        await draft.close();
      }
      const contents = hash.digest('hex');
      if ((await hashOf(part)) !== contents) throw FileNotWhole({ path });
      const before = await hashOf(path);
      if (before !== undefined && before !== contents && !(await samePoints(path, part, params.via))) {
        await rm(part);
        throw FileTaken({ path });
      }
      await claimSink(context, params.from, params);
      await rename(part, path);
      // What an attempt has left that lost its spool.
      await rm(`${path}.part`, { force: true });
      await settleNames(folder.path);
      for (const { chunk, points } of batch.entries) {
        if (points === 0) continue;
        await batch.sending([chunk], context.generation, context.clock.now());
        await batch.acknowledged(chunk, context.generation);
        const matched = written.get(chunk)!;
        await batch.verified(new Map([[chunk, { points, matched, missing: 0, extra: 0, different: 0, precisionLost: 0 }]]));
      }
      await batch.markVerified({ readBack: true });
    }
    for (const { metric, chunk, points } of batch.entries) {
      const progress = batch.progress(chunk);
      tell(context, metric, points, progress.state === 'verified' ? progress.compared.matched : undefined);
    }
    if (params.tally !== 'none') tellAnnotations(context, batch);
    return undefined;
  },
});

/** What the name of a batch ends in that was dumped again. */
const REDO = /-r\d+$/;

/** Undefined when there is no such file. */
async function hashOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const part of createReadStream(path) as AsyncIterable<Buffer>) hash.update(part);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}

/** The names in a folder are on the disk: what the spool still has may go after that. */
async function settleNames(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Named by its window and its number, so that a folder of them sorts by time. */
function fileNameOf({ params, plan }: TaskContext<WriteBatchParams>, batch: string): string {
  const { startMs, stopMs } = batchRange(batchPlanOf(plan), batch);
  const time = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, '');
  return `${time(startMs)}Z-${time(stopMs)}Z-${batch}.${params.via === 'lines' ? 'jsonl' : 'txt'}`;
}

/** `written`: those the file has room for. */
function tell(context: TaskContext<WriteBatchParams>, metric: string, points: number, written = points): void {
  if (context.params.tally === 'none' || points === 0) return;
  context.tally(metric, 'restored', written);
  context.tally(metric, 'verified', written);
  if (written < points) context.tally(metric, 'unsendable', points - written);
}
