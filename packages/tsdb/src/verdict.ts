/** What the numbers of a finished operation come to. Pure. */
import type { OperationHeader, Verdict } from '@longshore/core';
import { Incomplete, Unverified } from './errors.ts';

/** Report columns, in order. `dumped`: points the source gave. `restored`: acknowledged by the sink, or found there already. `verified`: read back, as exact as the sink keeps values. */
export const COLUMNS: string[] = [
  'dumped',
  'present',
  'restored',
  'verified',
  'precisionLost',
  'missing',
  'extra',
  'different',
  'unsendable',
  'foreign',
  'annotations',
  'annotationsMoved',
  'annotationsVerified',
  'annotationsMissing',
  'annotationsDifferent',
];

export function conclude(header: OperationHeader, totals: Record<string, number>, reads: 'back' | 'not'): Verdict {
  const failed = header.stages.reduce((sum, stage) => sum + (stage.name === 'cleanup' ? 0 : stage.failed), 0);
  const skipped = header.stages.reduce((sum, stage) => sum + (stage.name.startsWith('move') ? stage.skipped : 0), 0);
  const { missing = 0, extra = 0, different = 0, unsendable = 0, restored = 0, verified = 0 } = totals;
  const annotations = (totals.annotationsMissing ?? 0) + (totals.annotationsDifferent ?? 0);
  if (missing + extra + different + unsendable + failed + skipped + annotations > 0)
    return { ok: false, error: Incomplete({ missing, extra, different, unsendable, failed, skipped, annotations }).data };
  const unread = reads === 'not' ? restored : restored - verified;
  if (unread > 0) return { ok: false, error: Unverified({ points: unread }).data };
  return { ok: true };
}
