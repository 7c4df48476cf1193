/** One orderly stop for every process: the first signal begins it, later ones change nothing, a deadline ends it. */
import type { Log } from '@longshore/core';

const SIGNALS = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 } as const;
/** Beyond the stop's own deadline: a process that cannot end by itself is ended. */
const HARD_STOP_MS = 15_000;

/** Resolves when the process was asked to stop and has stopped; exits with 130 or 143 as scripts expect. */
export async function untilStopped(log: Log, stopMs: number, stop: (deadlineMs: number) => Promise<void>): Promise<never> {
  const asked = Promise.withResolvers<keyof typeof SIGNALS>();
  for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) process.on(signal, () => asked.resolve(signal));
  const signal = await asked.promise;
  log.info({ signal, deadlineMs: stopMs }, 'stopping');
  const hard = setTimeout(() => {
    log.error({}, 'could not stop in time; ending the process');
    process.exit(SIGNALS[signal]);
  }, stopMs + HARD_STOP_MS);
  hard.unref();
  try {
    await stop(stopMs);
  } catch (error) {
    log.error({ err: error }, 'the stop was not clean');
  }
  process.exit(SIGNALS[signal]);
}
