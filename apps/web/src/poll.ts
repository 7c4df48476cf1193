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
  return { ...state, reload: () => again.current() };
}

/** The time, ticking. */
export function useNow(everyMs = 1_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
