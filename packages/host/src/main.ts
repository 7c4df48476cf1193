/** The thin mains of the roles. `LONGSHORE_SPOOLS` holds `name=/path`, several with commas, on top of the configured spools. */

import type { Role, SpoolMount, SystemPackage } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import { RedisUnreachable } from '@longshore/fleet';
import type { Configuration } from './configuration.ts';
import { loadConfiguration, spoolMounts } from './configuration.ts';
import { processLog } from './log.ts';
import { untilStopped } from './stopping.ts';
import type { Running, Setup } from './worker.ts';
import { startScheduler, startWorker } from './worker.ts';

/** The address of the fleet's Redis, or the one clear sentence that it is missing. */
export function redisOf(configuration: Configuration): string {
  if (configuration.redisUrl) return configuration.redisUrl;
  throw RedisUnreachable({ address: '(none)', cause: 'no address is configured' });
}

export async function runRole(
  role: Role | 'scheduler',
  systems: readonly SystemPackage[],
  spools: readonly string[] = givenSpools(),
): Promise<never> {
  return runProcess(role, systems, (setup) =>
    role === 'scheduler' ? startScheduler(setup) : startWorker(role, setup, mountsOf(role, setup, spools)),
  );
}

/** Starts, waits for a signal, stops. Ends the process with the exit code of the error when it cannot start. */
export async function runProcess(
  role: string,
  systems: readonly SystemPackage[],
  start: (setup: Setup) => Promise<Running>,
): Promise<never> {
  const log = processLog({ role });
  let running: Running;
  let stopMs = 0;
  try {
    const configuration = loadConfiguration();
    stopMs = configuration.worker.stopMs;
    running = await start({ configuration, redisUrl: redisOf(configuration), systems, log });
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    process.stderr.write(`${error.message}.\n${error.data.fix}\n`);
    process.exit(error.data.exitCode);
  }
  // A parent that started us over IPC learns that we are ready.
  process.send?.({ ready: running.worker });
  return untilStopped(log, stopMs, (deadlineMs) => running.stop(deadlineMs));
}

/** A role none of whose tasks is placed on a spool serves none, whatever this machine has: else one would seem served that is not. */
function mountsOf(role: Role, { configuration, systems }: Setup, given: readonly string[]): Map<string, SpoolMount> {
  const placed = systems.some(({ tasks }) => tasks.some((task) => task.role === role && task.queue !== undefined));
  return placed ? spoolMounts(configuration, given) : new Map();
}

function givenSpools(): string[] {
  return (process.env.LONGSHORE_SPOOLS ?? '').split(',').filter((one) => one !== '');
}
