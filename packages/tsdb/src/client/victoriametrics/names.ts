/** Which metrics a VictoriaMetrics has. */
import { z } from 'zod';
import type { TimeRange } from '../../model.ts';
import { ReadRefused } from './errors.ts';
import { FIRST_MS } from './export.ts';
import type { Wire } from './wire.ts';
import { ask, moment } from './wire.ts';

const NAMES_BYTES = 256 * 1024 * 1024;
const Names = z.object({ status: z.literal('success'), isPartial: z.boolean().optional(), data: z.array(z.string()) });

/**
 * Metrics with a point on a day of the range (the index knows days), sorted. The server leaves out what is beyond `-search.maxTagValues`
 * (100,000) without saying so.
 */
export async function metricNames(wire: Wire, { startMs, stopMs }: TimeRange, signal?: AbortSignal): Promise<string[]> {
  const what = 'list the metrics';
  const reply = await ask(wire, {
    endpoint: wire.address.select,
    path: '/api/v1/label/__name__/values',
    // Without times, and with a start of 0, only the last days are looked at.
    query: { start: moment(Math.max(FIRST_MS, startMs)), end: moment(stopMs - 1), deny_partial_response: 1 },
    deadlineMs: wire.settings.readDeadlineMs,
    signal,
    what,
  });
  const names = Names.safeParse(await reply.json(NAMES_BYTES));
  const refuse = (answer: string): Error => ReadRefused({ sink: wire.sink, what, status: reply.status, answer });
  if (!names.success) throw refuse('the answer is no list of names');
  if (names.data.isPartial) throw refuse('the answer is partial: a storage node is missing');
  return names.data.data.sort();
}
