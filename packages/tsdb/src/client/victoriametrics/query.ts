/** Instant queries that come to one number. */
import { z } from 'zod';
import { ReadRefused } from './errors.ts';
import type { Wire } from './wire.ts';
import { ask, moment } from './wire.ts';

const ANSWER_BYTES = 1024 * 1024;

const InstantAnswer = z.object({
  status: z.literal('success'),
  isPartial: z.boolean().optional(),
  data: z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
});

/** The value of a query at a moment; undefined when there is none. Throws LSH_VM_READ also on a partial or unreadable answer. */
export async function instant(wire: Wire, query: string, atMs: number, what: string, signal?: AbortSignal): Promise<number | undefined> {
  const reply = await ask(wire, {
    endpoint: wire.address.select,
    path: '/api/v1/query',
    // nocache: else a query about the last 30 s is silently moved back in time, and results of before a backfill are reused.
    query: { query, time: moment(atMs), nocache: 1, deny_partial_response: 1 },
    deadlineMs: wire.settings.readDeadlineMs,
    signal,
    what,
  });
  const answer = InstantAnswer.safeParse(await reply.json(ANSWER_BYTES));
  const refuse = (why: string): Error => ReadRefused({ sink: wire.sink, what, status: reply.status, answer: why });
  if (!answer.success) throw refuse('the answer is not that of a query');
  if (answer.data.isPartial) throw refuse('the answer is partial: a storage node is missing');
  const [first, ...others] = answer.data.data.result;
  if (others.length > 0) throw refuse('more than one value');
  return first === undefined ? undefined : Number(first.value[1]);
}
