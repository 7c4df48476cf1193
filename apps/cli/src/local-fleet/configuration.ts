/** The configuration of a local fleet: what the user's own file says, with the fleet's socket, spool and permissions put in. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Configuration } from '@longshore/host';
import { loadConfiguration } from '@longshore/host';
import type { FleetRecord, Home } from './home.ts';
import { writeJson } from './home.ts';

export interface FleetConfiguration {
  redisUrl: string | undefined;
  stopMs: number;
  source: FleetRecord['configuration'];
  spools: string[];
}

/** The name of the spool every local fleet has. */
const LOCAL_SPOOL = 'local';
/** Whoever stops a fleet on a desk does not wait half a minute; what is cut short is taken up again. */
const STOP_MS = 10_000;

/** The user's configuration file, named as `loadConfiguration` finds it. */
export function configurationSource(environment: NodeJS.ProcessEnv = process.env): FleetRecord['configuration'] {
  const file = resolve(environment.LONGSHORE_CONFIG ?? 'longshore.yaml');
  if (!existsSync(file)) return undefined;
  return { file, hash: createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16) };
}

export interface Overrides {
  /** Where the user's own settings come from. */
  environment: NodeJS.ProcessEnv;
  listen: string;
  /** Of its owner alone: whoever opens it is an admin. */
  socket: string;
  stopMs?: number;
  sweepMs?: number;
}

/** Writes `configuration.yaml` (as JSON, which is YAML) and tells what the supervisor itself needs of it. */
export async function writeConfiguration(home: Home, overrides: Overrides): Promise<FleetConfiguration> {
  const own = loadConfiguration(overrides.environment);
  const stopMs = overrides.stopMs ?? Math.min(own.worker.stopMs, STOP_MS);
  const settings: Omit<Configuration, 'file' | 'redisUrl' | 'host'> = {
    fleet: own.fleet,
    redis: {},
    api: overrides.listen.startsWith('unix:')
      ? { ...own.api, listen: overrides.listen, auth: 'none', socket: undefined }
      : { ...own.api, listen: overrides.listen, socket: overrides.socket },
    // Its processes are many and their addresses one; the API shows what the fleet does.
    metrics: {},
    allowAddresses: true,
    targets: own.targets,
    spools: {
      [LOCAL_SPOOL]: { path: home.spool },
      ...Object.fromEntries(Object.entries(own.spools).map(([name, spool]) => [name, { ...spool, path: resolve(spool.path) }])),
    },
    worker: { ...own.worker, stopMs },
    sweepMs: overrides.sweepMs ?? own.sweepMs,
    operations: own.operations,
    guards: own.guards,
  };
  await writeJson(home.configurationFile, settings);
  return { redisUrl: own.redisUrl, stopMs, source: configurationSource(overrides.environment), spools: Object.keys(settings.spools) };
}
