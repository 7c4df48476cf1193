/** Deleting whole series; the sink knows no deletion by time. */
import { LongshoreError } from '@longshore/core';
import type { Matchers } from './selector.ts';
import { selector } from './selector.ts';
import type { Wire } from './wire.ts';
import { ask } from './wire.ts';

/** Deletes the matching series. The reason when the sink does not allow it (`-deleteAuthKey`, a proxy). */
export async function deleteSeries(
  wire: Wire,
  metric: string,
  matchers: Matchers,
  signal?: AbortSignal,
): Promise<LongshoreError | undefined> {
  try {
    const reply = await ask(wire, {
      endpoint: wire.address.remove,
      path: '/api/v1/admin/tsdb/delete_series',
      method: 'POST',
      query: { 'match[]': selector(metric, matchers) },
      deadlineMs: wire.settings.deadlineMs,
      signal,
      what: `delete series of ${metric}`,
    });
    await reply.discard();
    return undefined;
  } catch (error) {
    if (error instanceof LongshoreError) return error;
    throw error;
  }
}
