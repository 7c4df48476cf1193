/** What a plan keeps for its tasks, and for those who draw it. */
import { z } from 'zod';
import type { Change } from '../model.ts';
import type { StatLine } from '../stat-file.ts';
import type { Matrix } from './matrix.ts';

export type PlanData = {
  changes: Change[];
  matrix: Matrix;
  /** All there are, in the cluster's order. */
  tables: { db: string; name: string }[];
  /** Of an upgrade. */
  lines: StatLine[];
};

const placement = z.object({ replicas: z.array(z.string()), leader: z.string().nullable() });
const changes: z.ZodType<{ changes: Change[] }> = z.object({
  changes: z.array(z.object({ db: z.string(), table: z.string(), tid: z.int(), pid: z.int(), before: placement, goal: placement })),
});
const lines: z.ZodType<{ lines: StatLine[] }> = z.object({
  lines: z.array(z.object({ endpoint: z.string(), db: z.string(), table: z.string(), tid: z.int(), pid: z.int(), extra: z.string() })),
});

export function changesOf(data: unknown): Change[] {
  return changes.parse(data).changes;
}

export function linesOf(data: unknown): StatLine[] {
  return lines.parse(data).lines;
}
