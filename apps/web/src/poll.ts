/** Asks again and again while somebody looks. */
import { useEffect, useRef, useState } from './vendor/preact.js';

export interface Polled<T> {
  value?: T;
  /** Why the last asking failed; `value` is what was known before. */
  error?: Error;
  /** Since when no answer has come, ms. */
  silentSince?: number;
  /** Asks at once. */
  reload(): void;
}

/** While the page is hidden it asks this much more slowly. */
const HIDDEN_FACTOR = 10;

/**
 * `load` is asked at once, whenever `inputs` change, and `everyMs` after each answer; not again when `everyMs` is undefined. What is
 * not new by `same` does not make anything be drawn again.
 */
export function usePoll<T>(load: (signal: AbortSignal) => Promise<T>, everyMs: number | undefined, inputs: readonly unknown[]): Polled<T> {
  const [state, setState] = useState<Omit<Polled<T>, 'reload'>>({});
  const again = useRef<() => void>(() => undefined);
  const rate = useRef(everyMs);
  rate.current = everyMs;
  const text = useRef('');
  useEffect(() => {
    const gone = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;
    let wanted = false;
    const ask = async (): Promise<void> => {
      clearTimeout(timer);
      if (asking) {
        wanted = true;
        return;
      }
      asking = true;
      wanted = false;
      try {
        const value = await load(gone.signal);
        if (gone.signal.aborted) return;
        // Most answers are the last one again.
        const now = JSON.stringify(value) ?? '';
        if (now !== text.current) setState({ value });
        else setState((before) => (before.error === undefined && before.value !== undefined ? before : { value }));
        text.current = now;
      } catch (error) {
        if (gone.signal.aborted) return;
        const failed = error instanceof Error ? error : new Error(String(error));
        setState((before) => ({ ...before, error: failed, silentSince: before.silentSince ?? Date.now() }));
      } finally {
        asking = false;
      }
      if (wanted) void ask();
      else if (rate.current !== undefined) timer = setTimeout(() => void ask(), rate.current * (document.hidden ? HIDDEN_FACTOR : 1));
    };
    const seen = (): void => {
      if (!document.hidden && rate.current !== undefined) void ask();
    };
    again.current = () => void ask();
    document.addEventListener('visibilitychange', seen);
    void ask();
    return () => {
      gone.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [...inputs, everyMs === undefined]);
  const before = useRef(everyMs);
  useEffect(() => {
    // It is to be asked more often than before: not only after the old pause.
    if (everyMs !== undefined && before.current !== undefined && everyMs < before.current) again.current();
    before.current = everyMs;
  }, [everyMs]);
  // Always the same function: what it is given to is not drawn again for its sake.
  const reload = useRef(() => again.current()).current;
  return { ...state, reload };
}

/** Those who look at the clock, by how often: one tick moves all of them, so that the page is laid out once and not for each. */
const clocks = new Map<number, { hearers: Set<(now: number) => void>; timer: ReturnType<typeof setInterval> }>();

function onTick(everyMs: number, hear: (now: number) => void): () => void {
  const hearers = clocks.get(everyMs)?.hearers ?? new Set();
  hearers.add(hear);
  if (!clocks.has(everyMs)) {
    const tick = (): void => {
      const now = Date.now();
      for (const each of hearers) each(now);
    };
    clocks.set(everyMs, { hearers, timer: setInterval(tick, everyMs) });
  }
  return () => {
    hearers.delete(hear);
    if (hearers.size > 0) return;
    clearInterval(clocks.get(everyMs)?.timer);
    clocks.delete(everyMs);
  };
}

/** The time, ticking. */
export function useNow(everyMs = 1_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => onTick(everyMs, setNow), [everyMs]);
  return now;
}

/** `value`, but not a new one within `everyMs` of the one before. */
export function useAtMost<T>(value: T, everyMs: number): T {
  const [held, hold] = useState(value);
  const at = useRef(0);
  useEffect(() => {
    if (value === held) return undefined;
    const take = (): void => {
      at.current = Date.now();
      hold(() => value);
    };
    const timer = setTimeout(take, Math.max(0, at.current + everyMs - Date.now()));
    return () => clearTimeout(timer);
  }, [value, held, everyMs]);
  return held;
}
