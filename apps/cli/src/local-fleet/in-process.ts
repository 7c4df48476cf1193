/** A fleet that lives as long as one command: its processes are the command's own children, in the data directory of the local fleet. */
import type { Log } from '@longshore/core';
import type { Client } from '../client.ts';
import { openClient } from '../client.ts';
import type { Home } from './home.ts';
import { Supervisor } from './supervisor.ts';

/** Also the order in which an impatient `docker stop` is answered: what is not finished goes on with the next command. */
const ENDED_BY = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Disposing of the client ends the fleet, workers first. Throws `LSH_FLEET_RUNNING` where a local fleet runs in that directory. */
export async function startInProcess(home: Home, say: (line: string) => void): Promise<Client> {
  const supervisor = new Supervisor({ home, dumpers: 2, restorers: 2, say, log: silent });
  const end = (signal: keyof typeof ENDED_BY): void => {
    // A watching command has an answer of its own, and disposes of this on its way out.
    if (process.listenerCount(signal) > 1) return;
    supervisor.stop().finally(() => process.exit(ENDED_BY[signal]));
  };
  const signals = Object.keys(ENDED_BY) as (keyof typeof ENDED_BY)[];
  for (const signal of signals) process.on(signal, end);
  say(`Starting a fleet for this command in ${home.dir}; what is not finished when it ends goes on with the next one there.`);
  const { api } = await supervisor.start();
  const client = openClient(api);
  return {
    ...client,
    ownsFleet: true,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await supervisor.stop();
      for (const signal of signals) process.off(signal, end);
    },
  };
}
