/** Makes what was imported visible to queries. */
import type { Endpoint } from './address.ts';
import { ReadRefused } from './errors.ts';
import type { Wire } from './wire.ts';
import { ask } from './wire.ts';

/**
 * Asks every place that keeps rows to flush them. Rows are invisible for seconds otherwise (1.2 s later they were). False
 * when that is not possible: in a cluster only the storage nodes know this request, and nobody named them; or it was refused
 * (`-forceFlushAuthKey`, a proxy), which is logged. Rows then show up by themselves, each storage node's in its own time.
 */
export async function forceFlush(wire: Wire, signal?: AbortSignal): Promise<boolean> {
  const { flush } = wire.address;
  const flushed = await Promise.all(flush.map((endpoint) => flushAt(wire, endpoint, signal)));
  return flushed.length > 0 && flushed.every(Boolean);
}

async function flushAt(wire: Wire, endpoint: Endpoint, signal?: AbortSignal): Promise<boolean> {
  try {
    const path = '/internal/force_flush';
    const reply = await ask(wire, { endpoint, path, deadlineMs: wire.settings.readDeadlineMs, signal, what: 'flush' });
    await reply.discard();
    return true;
  } catch (error) {
    if (!ReadRefused.is(error)) throw error;
    wire.log.warn({ sink: wire.sink, reason: error.message }, 'the sink does not let itself be flushed');
    return false;
  }
}
