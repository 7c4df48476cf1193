/** What a run of tests or a benchmark started and shared is stopped at its end, and nothing else. Also vitest's global set-up. */
import { runningOpenTsdb, sharedOpenTsdbDirectory } from './opentsdb.ts';

/** Disposed of, it stops the shared OpenTSDB, unless that was running before. */
export async function sharedServersOfThisRun(): Promise<AsyncDisposable> {
  const dir = sharedOpenTsdbDirectory();
  const wasRunning = (await runningOpenTsdb(dir)) !== undefined;
  return {
    async [Symbol.asyncDispose]() {
      if (!wasRunning) await (await runningOpenTsdb(dir))?.stop();
    },
  };
}

export default async function setup(): Promise<() => Promise<void>> {
  const run = await sharedServersOfThisRun();
  return async () => {
    await run[Symbol.asyncDispose]();
  };
}
