/** From a verified folder to a tombstone. */
import type { Json } from '@longshore/core';
import { removeContents, removeSegments } from './discard.ts';
import { SpoolMissing } from './errors.ts';
import { ReadyBatch } from './ready-batch.ts';
import { COMPARED, type ComparedPoints } from './restore-log.ts';
import { batchPath, type Spool, statesOf } from './spool.ts';
import { type MetricTombstone, type NewTombstone, tombstonesOf } from './tombstones.ts';

/**
 * Removes the data of verified batches and leaves tombstones, with one flush for all of them. Calling it again after a
 * crash goes on where it stopped: first the segments go, so that it works on a full disk too (the manifest says as much
 * as the tombstone), then the tombstones are written, then the folders go.
 */
export async function removeVerified(spool: Spool, operation: string, batches: string[]): Promise<void> {
  const tombstones = tombstonesOf(spool, operation);
  const folders: string[] = [];
  const made: NewTombstone[] = [];
  for (const batch of batches) {
    const states = await statesOf(spool, operation, batch);
    const buried = (await tombstones.find(batch)) !== undefined;
    const path = batchPath(spool, operation, batch, 'verified');
    if (!states.includes('verified')) {
      if (buried) continue;
      throw SpoolMissing({ path, what: 'only a verified batch can be removed' });
    }
    if (!buried) made.push(await summarize(spool, operation, batch));
    await removeSegments(spool, path);
    folders.push(path);
  }
  await tombstones.add(made);
  for (const path of folders) await removeContents(spool, path, { keepRestoreLog: false });
}

const MASK = (1n << 64n) - 1n;
const LOW_DIGITS = 8;

/** What a verified batch held, from its manifest. */
async function summarize(spool: Spool, operation: string, batch: string): Promise<NewTombstone> {
  await using opened = await ReadyBatch.open(spool, operation, batch, 'verified');
  const metrics = new Map<string, { facts: MetricTombstone; upper: number; lower: number; counts: Map<string, number> }>();
  for (const { chunk, metric, points, firstMs, lastMs, notes } of opened.entries) {
    let sum = metrics.get(metric);
    if (sum === undefined) {
      sum = { facts: { metric, points: 0, hash: '', series: 0 }, upper: 0, lower: 0, counts: new Map() };
      metrics.set(metric, sum);
    }
    sum.facts.points += points;
    if (firstMs !== undefined) sum.facts.firstMs = Math.min(sum.facts.firstMs ?? firstMs, firstMs);
    if (lastMs !== undefined) sum.facts.lastMs = Math.max(sum.facts.lastMs ?? lastMs, lastMs);
    for (const kind of kindsOf(notes)) {
      sum.facts.notes ??= {};
      sum.facts.notes[kind] = (sum.facts.notes[kind] ?? 0) + 1;
    }
    const progress = opened.progress(chunk);
    if (progress.state === 'verified') sum.facts.compared = added(sum.facts.compared, progress.compared);
    for (const series of await opened.digests(chunk)) {
      sum.counts.set(series.labels, (sum.counts.get(series.labels) ?? 0) + series.points);
      // In halves, which stay exact for two million series and more: a BigInt for each costs ten times as much.
      sum.upper += Number.parseInt(series.hash.slice(0, -LOW_DIGITS), 16);
      sum.lower += Number.parseInt(series.hash.slice(-LOW_DIGITS), 16);
    }
  }
  return {
    batch,
    meta: opened.meta,
    totals: opened.totals,
    compared: opened.compared(),
    metrics: [...metrics.values()].map(({ facts, upper, lower, counts }) => ({
      ...facts,
      series: counts.size,
      hash: (((BigInt(upper) << 32n) + BigInt(lower)) & MASK).toString(16).padStart(16, '0'),
      counts,
    })),
  };
}

/** Of each note its kind, where it has one. */
function kindsOf(notes: Json | undefined): string[] {
  if (!Array.isArray(notes)) return [];
  return notes.flatMap((note) =>
    typeof note === 'object' && note !== null && !Array.isArray(note) && typeof note.kind === 'string' ? [note.kind] : [],
  );
}

function added(sum: ComparedPoints | undefined, more: ComparedPoints): ComparedPoints {
  const total = { ...more };
  if (sum !== undefined) for (const key of COMPARED) total[key] += sum[key];
  return total;
}
