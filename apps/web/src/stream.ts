/** The event log of an operation, followed over broken connections: the browser resumes behind the last event it has seen. */
import { useEffect, useRef, useState } from './vendor/preact.js';
import type { OperationEvent } from './wire.ts';

/** Kept in the page, newest first; the API has the rest. */
const KEPT = 500;
/** Events that come together are shown together; in a storm of them less often, and still at once to the eye. */
const GATHER_MS = 100;
const STORM_MS = 250;
/** So many at once are a storm. */
const STORM = 10;
const RETRY_MS = 2_000;

export interface Followed {
  events: OperationEvent[];
  /** `ended`: nothing more comes. */
  state: 'live' | 'lost' | 'ended';
}

/** `over`: the operation is final; when that changes it is followed anew, behind what is known. */
export function useEvents(id: string, over: boolean): Followed {
  const [followed, setFollowed] = useState<Followed>({ events: [], state: 'live' });
  const last = useRef<string | undefined>(undefined);
  useEffect(() => {
    let source: EventSource | undefined;
    let gathered: OperationEvent[] = [];
    let gathering: ReturnType<typeof setTimeout> | undefined;
    let waitMs = GATHER_MS;
    let retrying: ReturnType<typeof setTimeout> | undefined;
    const show = (state: Followed['state']): void => {
      clearTimeout(gathering);
      gathering = undefined;
      const fresh = gathered.slice(-KEPT).reverse();
      gathered = [];
      waitMs = fresh.length >= STORM ? STORM_MS : GATHER_MS;
      setFollowed((before) =>
        fresh.length === 0 && before.state === state ? before : { events: [...fresh, ...before.events].slice(0, KEPT), state },
      );
    };
    const connect = (): void => {
      const after = last.current === undefined ? '' : `?after=${encodeURIComponent(last.current)}`;
      source = new EventSource(`/v1/operations/${encodeURIComponent(id)}/events${after}`);
      source.onopen = () => show('live');
      source.onmessage = ({ data }: MessageEvent<string>) => {
        const event = JSON.parse(data) as OperationEvent;
        last.current = event.id;
        gathered.push(event);
        gathering ??= setTimeout(() => show('live'), waitMs);
      };
      source.addEventListener('end', () => {
        source?.close();
        show('ended');
      });
      source.onerror = () => {
        show('lost');
        // A refusal is final for the browser, not for us.
        if (source?.readyState === EventSource.CLOSED) retrying = setTimeout(connect, RETRY_MS);
      };
    };
    connect();
    return () => {
      source?.close();
      clearTimeout(gathering);
      clearTimeout(retrying);
    };
  }, [id, over]);
  return followed;
}
