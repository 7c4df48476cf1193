/**
 * The one data directory of a local fleet: `$LONGSHORE_HOME`, else `~/.longshore`. Only its owner may enter it.
 *
 *   fleet.lock.<n>       the supervisor's process id; whoever made the last of them is the fleet
 *   fleet.json           the fleet as others see it, there as long as it is ready
 *   children.json        processes of the fleet, so that those of a killed supervisor can be ended
 *   configuration.yaml   what the processes of the fleet read, made of the user's own and the fleet's settings
 *   api.sock redis.sock  (elsewhere when the path is too long for a socket)
 *   redis/ spool/ logs/
 */
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ProcessId } from '@longshore/programs';
import { isAlive } from '@longshore/programs';

export interface Home {
  dir: string;
  lockFile: string;
  recordFile: string;
  childrenFile: string;
  configurationFile: string;
  logs: string;
  fleetLog: string;
  redis: string;
  spool: string;
}

/** What `fleet.json` says. */
export interface FleetRecord extends ProcessId {
  /** Base address of the API, as a client takes it. */
  api: string;
  /** Where the API listens for browsers and other machines, too. */
  web?: string;
  startedAt: number;
  dumpers: number;
  restorers: number;
  /** The user's configuration file it was started with, and a hash of its text. */
  configuration?: { file: string; hash: string };
  redis: string;
}

export interface ChildRecord extends ProcessId {
  name: string;
  state: 'starting' | 'ready' | 'waiting' | 'gave-up' | 'stopped';
  restarts: number;
}

export function fleetHome(environment: NodeJS.ProcessEnv = process.env): Home {
  return homeAt(environment.LONGSHORE_HOME ? resolve(environment.LONGSHORE_HOME) : join(homedir(), '.longshore'));
}

export function homeAt(dir: string): Home {
  const logs = join(dir, 'logs');
  return {
    dir,
    lockFile: join(dir, 'fleet.lock'),
    recordFile: join(dir, 'fleet.json'),
    childrenFile: join(dir, 'children.json'),
    configurationFile: join(dir, 'configuration.yaml'),
    logs,
    fleetLog: join(logs, 'fleet.log'),
    redis: join(dir, 'redis'),
    spool: join(dir, 'spool'),
  };
}

const PRIVATE = 0o700;
const LOG_BYTES = 10 * 1024 * 1024;

export async function makeHome(home: Home): Promise<void> {
  for (const dir of [home.dir, home.logs, home.spool]) {
    await mkdir(dir, { recursive: true, mode: PRIVATE });
    await chmod(dir, PRIVATE);
  }
}

/** Starts a new log when the last one has become long; one older one is kept. */
export async function turnLog(file: string): Promise<void> {
  if (existsSync(file) && (await stat(file)).size > LOG_BYTES) await rename(file, `${file}.1`);
}

/** Replaces a small JSON file as a whole. */
export async function writeJson(file: string, value: object): Promise<void> {
  await writeFile(`${file}.${process.pid}.new`, `${JSON.stringify(value)}\n`, { mode: 0o600 });
  await rename(`${file}.${process.pid}.new`, file);
}

export async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The fleet of this directory, when it is ready and its supervisor lives. */
export async function readFleet(home: Home): Promise<FleetRecord | undefined> {
  const record = await readJson<FleetRecord>(home.recordFile);
  return record && isAlive(record) ? record : undefined;
}
