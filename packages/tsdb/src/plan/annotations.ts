/** Annotations of a chunk, as its entry in the manifest keeps them beside what was odd in the reply. Pure. */
import type { Json } from '@longshore/core';
import { z } from 'zod';
import type { SourceAnnotation } from '../model.ts';

const KIND = 'annotation';
const kept = z.object({ kind: z.literal(KIND), labels: z.string(), startMs: z.int(), fields: z.record(z.string(), z.unknown()) });

/** What a manifest's notes are: problems of the source's reply, and annotations. */
export function annotationNotes(annotations: readonly SourceAnnotation[]): Json[] {
  return annotations.map((one) => JSON.parse(JSON.stringify({ kind: KIND, ...one })) as Json);
}

export function isAnnotation(note: unknown): boolean {
  return typeof note === 'object' && note !== null && Reflect.get(note, 'kind') === KIND;
}

/** Of an entry of a manifest. */
export function annotationsOf(entry: { notes?: Json }): SourceAnnotation[] {
  const notes: unknown[] = Array.isArray(entry.notes) ? entry.notes : [];
  return notes.filter(isAnnotation).map((note) => kept.parse(note));
}

/** How many a batch has of each metric that has some; of one that has been put away, as its tombstone says. */
export function annotationsIn(
  batch:
    | { entries: readonly { metric: string; notes?: Json }[] }
    | { metrics: readonly { metric: string; notes?: Readonly<Record<string, number>> }[] },
): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (metric: string, count: number): void => {
    if (count > 0) counts.set(metric, (counts.get(metric) ?? 0) + count);
  };
  if ('metrics' in batch) for (const { metric, notes } of batch.metrics) add(metric, notes?.[KIND] ?? 0);
  else for (const entry of batch.entries) add(entry.metric, annotationsOf(entry).length);
  return counts;
}
