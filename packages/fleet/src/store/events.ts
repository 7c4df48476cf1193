/** The store's part on the log of an operation, and on waiting for its next line. */
import type { OperationEvent, Store } from '@longshore/core';
import { EVENTS_KEPT } from '@longshore/core';
import type { Connection } from '../connection.ts';
import type { Base } from './base.ts';
import { parse } from './records.ts';

interface EventCalls extends Pick<Store, 'addEvent' | 'events'> {
  disconnect(): void;
}

/** `subscribe` opens the connection of its own that listening takes. */
export function eventCalls({ redis, key, op, call }: Base, subscribe: () => Connection): EventCalls {
  /** By operation: a thousand who watch others are not woken for this one. */
  const listeners = new Map<string, Set<() => void>>();
  let subscriber: { redis: Connection; listening: Promise<unknown> } | undefined;
  /** Resolves when nothing that happens from now on is missed. */
  const listen = async (id: string, listener: () => void): Promise<void> => {
    const mine = listeners.get(id);
    if (mine) mine.add(listener);
    else listeners.set(id, new Set([listener]));
    if (!subscriber) {
      const own = subscribe();
      own.on('message', (_channel: string, operation: string) => {
        for (const each of [...(listeners.get(operation) ?? [])]) each();
      });
      subscriber = { redis: own, listening: own.subscribe(key('events')) };
    }
    await subscriber.listening;
  };

  return {
    async addEvent(id, event) {
      await call('event', [op(id), op(id, 'events')], [id, EVENTS_KEPT, key('events'), JSON.stringify(event)]);
    },
    async events(id, after, limit, waitMs, signal) {
      const read = async (): Promise<OperationEvent[]> => {
        const entries = await redis.xrange(op(id, 'events'), after === undefined ? '-' : `(${after}`, '+', 'COUNT', limit);
        return entries.map(([eventId, fields]) => ({ id: eventId, ...parse<Omit<OperationEvent, 'id'>>(fields[1]!) }));
      };
      const found = await read();
      if (found.length > 0 || waitMs <= 0 || signal?.aborted) return found;
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = (): void => resolve();
      const timer = setTimeout(end, waitMs);
      signal?.addEventListener('abort', end, { once: true });
      try {
        await listen(id, end);
        // What came between the first look and the listening.
        const missed = await read();
        if (missed.length > 0) return missed;
        await promise;
        return await read();
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        const mine = listeners.get(id);
        mine?.delete(end);
        if (mine?.size === 0) listeners.delete(id);
      }
    },
    disconnect() {
      subscriber?.redis.disconnect();
    },
  };
}
