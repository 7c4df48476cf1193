/** Makes what was imported visible to queries. */
import type { Endpoint } from './address.ts';
import { ReadRefused } from './errors.ts';
import type { Wire } from './wire.ts';
import { ask } from './wire.ts';

/**
 * Asks every place that keeps rows to flush them. Rows are invisible for seconds otherwise (1.2 s later they were). False
 * when that is not possible: in a cluster only the storage nodes know this request, and nobody named them; or it was refused
 * (`-forceFlushAuthKey`, a proxy), which is logged. Rows then show up by themselves, each storage node's in its own time.
 *
 * A process flushes a sink once at a time: a flush returns while rows that another one has taken up are still on their way. Those who ask
 * while one runs share the next.
 */
export async function forceFlush(wire: Wire, signal?: AbortSignal): Promise<boolean> {
  signal?.throwIfAborted();
  const flushed = inTurn(JSON.stringify([wire.sink, wire.address.flush]), () => flushAll(wire));
  return signal === undefined ? flushed : Promise.race([flushed, aborted(signal)]);
}

interface Turn {
  running: Promise<boolean>;
  next: Promise<boolean> | undefined;
}

const turns = new Map<string, Turn>();

function inTurn(name: string, work: () => Promise<boolean>): Promise<boolean> {
  const turn = turns.get(name);
  if (turn === undefined) return begin(name, work);
  turn.next ??= turn.running.then(
    () => begin(name, work),
    () => begin(name, work),
  );
  return turn.next;
}

function begin(name: string, work: () => Promise<boolean>): Promise<boolean> {
  const turn: Turn = { running: work(), next: undefined };
  turns.set(name, turn);
  const ended = (): void => {
    if (turn.next === undefined) turns.delete(name);
  };
  turn.running.then(ended, ended);
  return turn.running;
}

function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}

async function flushAll(wire: Wire): Promise<boolean> {
  const { flush } = wire.address;
  const flushed = await Promise.all(flush.map((endpoint) => flushAt(wire, endpoint)));
  return flushed.length > 0 && flushed.every(Boolean);
}

async function flushAt(wire: Wire, endpoint: Endpoint): Promise<boolean> {
  try {
    const path = '/internal/force_flush';
    const reply = await ask(wire, { endpoint, path, deadlineMs: wire.settings.readDeadlineMs, what: 'flush' });
    await reply.discard();
    return true;
  } catch (error) {
    if (!ReadRefused.is(error)) throw error;
    wire.log.warn({ sink: wire.sink, reason: error.message }, 'the sink does not let itself be flushed');
    return false;
  }
}
