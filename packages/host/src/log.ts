/** One logger a process: JSON lines on stderr, secrets cut out by key. */
import type { Log } from '@longshore/core';
import { pino } from 'pino';

const SECRET_KEYS = ['authorization', 'password', 'token', 'secret', 'secrets', 'cookie'];

export function processLog(process_: { role: string; worker?: string }, level: string = process.env.LONGSHORE_LOG ?? 'info'): Log {
  const redact = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);
  return pino(
    { level, base: { ...process_, pid: process.pid }, redact, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: false }),
  );
}

/** Says nothing; for embedding and tests. */
export const silentLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
