/**
 * The local fleet: a private Redis, api, scheduler and workers of every role as processes of this machine. Starts them in order, keeps
 * them up, adds workers for spools that are added while it runs, and stops them in order: workers first, Redis last.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Log, LongshoreError } from '@longshore/core';
import { endProcess, freePort, isAlive, processId } from '@longshore/programs';
import { openClient } from '../client.ts';
import { FleetNotStarted, FleetRunning } from '../errors.ts';
import type { FleetConfiguration } from './configuration.ts';
import { writeConfiguration } from './configuration.ts';
import type { ChildRecord, FleetRecord, Home } from './home.ts';
import { makeHome, readJson, writeJson } from './home.ts';
import { KeptProcess } from './kept-process.ts';
import type { Lock } from './lock.ts';
import { takeLock } from './lock.ts';
import type { PrivateRedis } from './private-redis.ts';
import { startPrivateRedis } from './private-redis.ts';

export interface FleetSettings {
  home: Home;
  dumpers: number;
  restorers: number;
  /** Where the API listens; absent: a socket in the home directory. */
  listen?: string;
  /** Tells people what takes time. */
  say(line: string): void;
  log: Log;
  /** Default: this process's. */
  environment?: NodeJS.ProcessEnv;
  stopMs?: number;
  sweepMs?: number;
}

type Role = 'api' | 'scheduler' | 'dumper' | 'restorer' | 'migrator' | 'rebalancer';

const MAIN: Record<Role, string> = {
  api: fileURLToPath(import.meta.resolve('@longshore/api')),
  scheduler: fileURLToPath(import.meta.resolve('@longshore/scheduler')),
  dumper: fileURLToPath(import.meta.resolve('@longshore/dumper')),
  restorer: fileURLToPath(import.meta.resolve('@longshore/restorer')),
  migrator: fileURLToPath(import.meta.resolve('@longshore/migrator')),
  rebalancer: fileURLToPath(import.meta.resolve('@longshore/rebalancer')),
};

export function mainOf(role: Role): string {
  return MAIN[role];
}

/** The path of a Unix socket address holds 104 bytes on macOS, 108 on Linux, with its end mark. */
const MAX_SOCKET_PATH = 100;
const LOOK_MS = 1_000;
const READY_MS = 60_000;
const LEFTOVER_STOP_MS = 10_000;

export class Supervisor {
  readonly #settings: FleetSettings;
  readonly #children: KeptProcess[] = [];
  readonly #mounted = new Set<string>();
  #lock: Lock | undefined;
  #redis: PrivateRedis | undefined;
  #configuration: FleetConfiguration | undefined;
  #environment: NodeJS.ProcessEnv = {};
  #socketDir: string | undefined;
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor(settings: FleetSettings) {
    this.#settings = settings;
  }

  /** Resolves when every process of the fleet is ready. Throws `LSH_FLEET_RUNNING` when there is one already. */
  async start(): Promise<FleetRecord> {
    try {
      return await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #start(): Promise<FleetRecord> {
    const { home, say, log, dumpers, restorers } = this.#settings;
    await makeHome(home);
    const lock = await takeLock(home.lockFile);
    if ('heldBy' in lock) throw FleetRunning({ home: home.dir, pid: lock.heldBy.pid });
    this.#lock = lock;
    await rm(home.recordFile, { force: true });
    await endLeftovers(home, log);

    const socket = await this.#sockets();
    const own = socket('api.sock');
    const listen = await withPort(this.#settings.listen ?? `unix:${own}`);
    const environment = this.#settings.environment ?? process.env;
    this.#configuration = await writeConfiguration(home, {
      environment,
      listen,
      socket: own,
      ...(this.#settings.stopMs === undefined ? {} : { stopMs: this.#settings.stopMs }),
      ...(this.#settings.sweepMs === undefined ? {} : { sweepMs: this.#settings.sweepMs }),
    });
    for (const name of this.#configuration.spools) this.#mounted.add(name);
    if (this.#configuration.redisUrl === undefined) this.#redis = await startPrivateRedis(home.redis, socket('redis.sock'), say, log);
    const redisUrl = this.#redis?.url ?? this.#configuration.redisUrl!;
    this.#environment = { ...environment, LONGSHORE_CONFIG: home.configurationFile, REDIS_URL: redisUrl, LONGSHORE_SPOOLS: '' };

    const first: KeptProcess[] = [this.#add('scheduler', 'scheduler'), this.#add('api', 'api')];
    for (let n = 1; n <= dumpers; n += 1) first.push(this.#add(`dumper-${n}`, 'dumper'));
    for (let n = 1; n <= restorers; n += 1) first.push(this.#add(`restorer-${n}`, 'restorer'));
    for (const role of ['migrator', 'rebalancer'] as const) first.push(this.#add(role, role));
    await this.#allReady(first);

    const source = this.#configuration.source;
    const record: FleetRecord = {
      ...processId(process.pid),
      api: `unix:${own}`,
      ...(listen.startsWith('unix:') ? {} : { web: `http://${listen}` }),
      startedAt: Date.now(),
      dumpers,
      restorers,
      redis: this.#redis ? 'private' : 'given',
      ...(source === undefined ? {} : { configuration: source }),
    };
    await writeJson(home.recordFile, record);
    this.#timer = setInterval(() => {
      this.#looking = this.#looking
        .then(() => this.#look(record.api))
        .catch((error: unknown) => log.warn({ err: error }, 'the look around failed'));
    }, LOOK_MS);
    return record;
  }

  /** Names for sockets in a directory that is short enough. */
  async #sockets(): Promise<(name: string) => string> {
    let dir = this.#settings.home.dir;
    if (Buffer.byteLength(join(dir, 'redis.sock')) > MAX_SOCKET_PATH) dir = this.#socketDir = await mkdtemp(join(tmpdir(), 'longshore-'));
    return (name) => join(dir, name);
  }

  #add(name: string, role: Role, environment: NodeJS.ProcessEnv = {}): KeptProcess {
    const { home, log } = this.#settings;
    const child = new KeptProcess({
      name,
      main: MAIN[role],
      environment: { ...this.#environment, ...environment },
      cwd: home.dir,
      logFile: join(home.logs, `${name}.log`),
      log,
      onChange: () => this.#noteChildren(),
    });
    this.#children.push(child);
    return child;
  }

  #noteChildren(): void {
    if (this.#stopping) return;
    const { home, log } = this.#settings;
    const records = this.#children.map(({ record }) => record);
    this.#looking = this.#looking
      .then(() => writeJson(home.childrenFile, records))
      .catch((error: unknown) => log.warn({ err: error }, 'the list of processes could not be written'));
  }

  async #allReady(children: KeptProcess[]): Promise<void> {
    const { home } = this.#settings;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(FleetNotStarted({ why: `not ready after ${READY_MS / 1000} s`, log: home.logs })), READY_MS);
    const ready = children.map(async (child) => {
      try {
        await child.start();
      } catch (error) {
        const words = await child.lastWords();
        throw FleetNotStarted({ why: `${(error as Error).message}${words ? ` (${words})` : ''}`, log: home.logs }, { cause: error });
      }
    });
    try {
      await Promise.race([Promise.all(ready), late.promise]);
    } finally {
      clearTimeout(timer);
      for (const one of ready) one.catch(() => undefined); // the first failure is the one that is told
    }
  }

  async #look(api: string): Promise<void> {
    if (this.#stopping) return;
    await this.#redis?.look();
    await this.#mountNewSpools(api);
  }

  /** A spool that was added over the API gets a dumper and a restorer of its own. */
  async #mountNewSpools(api: string): Promise<void> {
    const { log } = this.#settings;
    await using client = openClient(api);
    for (const { name, path, host } of await client.spools()) {
      if (this.#mounted.has(name) || host !== hostname() || this.#stopping) continue;
      this.#mounted.add(name);
      log.info({ spool: name, path }, 'a spool was added: a dumper and a restorer are started for it');
      for (const role of ['dumper', 'restorer'] as const)
        this.#add(`${role}-${name}`, role, { LONGSHORE_SPOOLS: `${name}=${path}` })
          .start()
          .catch((error: unknown) => log.error({ err: error, spool: name }, 'a worker of a new spool did not start'));
    }
  }

  /** May be called at any time, also while it starts; again is harmless. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { home } = this.#settings;
    clearInterval(this.#timer);
    if (!this.#lock) return;
    await rm(home.recordFile, { force: true });
    await this.#looking;
    const stopMs = this.#configuration?.stopMs ?? 0;
    const workers = this.#children.filter(({ name }) => name !== 'api');
    await Promise.all(workers.map((child) => child.stop(stopMs)));
    await Promise.all(this.#children.map((child) => child.stop(stopMs)));
    await this.#redis?.stop();
    await rm(home.childrenFile, { force: true });
    if (this.#socketDir !== undefined) await rm(this.#socketDir, { recursive: true, force: true });
    await this.#lock.release();
  }
}

/** Port 0 is made a real one here, so that the record can tell it. */
async function withPort(listen: string): Promise<string> {
  return /^[^/]*:0$/.test(listen) ? listen.replace(/:0$/, `:${await freePort()}`) : listen;
}

/** Ends processes of a supervisor that was killed before it could. */
export async function endLeftovers(home: Home, log: Log): Promise<number> {
  const left = ((await readJson<ChildRecord[]>(home.childrenFile)) ?? []).filter((child) => child.pid > 0 && isAlive(child));
  if (left.length > 0)
    log.warn({ processes: left.map(({ name }) => name) }, 'processes were left over by a fleet that was killed; they are ended first');
  await Promise.all(left.map((child) => endProcess(child, LEFTOVER_STOP_MS)));
  await rm(home.childrenFile, { force: true });
  return left.length;
}

/** Told to the command that started a fleet and waits for it. */
export type FleetMessage = { say: string } | { ready: FleetRecord } | { failed: LongshoreError['data'] };
