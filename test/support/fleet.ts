/** A fleet of separate processes on one Redis, as in production; every process can be killed and started again by name. */
import { type ChildProcess, fork } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OperationHeader, Store, Transport } from '@longshore/core';
import { systemClock, systemRandom } from '@longshore/core';
import { counter } from '@longshore/counter';
import { bullTransport, redisStore } from '@longshore/fleet';
import { silentLog, WORKER_ENVIRONMENT, WORKER_FLAGS } from '@longshore/host';
import type { Service } from '@longshore/operations';
import { createRegistry, createService } from '@longshore/operations';
import { tsdb } from '@longshore/tsdb';

export type RoleName = 'scheduler' | 'dumper' | 'restorer' | 'migrator' | 'rebalancer' | 'api';

export interface FleetOptions {
  dir: string;
  redisUrl: string;
  /** How many of each. */
  dumpers?: number;
  restorers?: number;
  migrators?: number;
  rebalancers?: number;
  schedulers?: number;
  concurrency?: number;
  lockMs?: number;
  sweepMs?: number;
  /** `host:port` for an API process; none without. */
  listen?: string;
  /** More of the API's settings. */
  api?: { auth?: 'none' | 'tokens'; socket?: string; requestsPerSecond?: number; streams?: number; automation?: string };
  /** Operations that are kept when they are over. */
  kept?: number;
  fleet?: string;
  targets?: Record<string, { system: string; address: string; settings?: Record<string, unknown> }>;
  spoolPath?: string;
  env?: Record<string, string>;
}

export interface Member {
  name: string;
  role: RoleName;
  child: ChildProcess;
}

export interface Fleet extends AsyncDisposable {
  service: Service;
  store: Store;
  transport: Transport;
  members: Map<string, Member>;
  spoolPath: string;
  /** Starts a member (again); resolves when it is ready. */
  start(name: string, role: RoleName): Promise<void>;
  /** Resolves when the operation is over (or `until` holds). */
  finished(id: string, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
  stop(): Promise<void>;
}

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { dir, redisUrl, dumpers = 2, restorers = 2, migrators = 0, rebalancers = 0, schedulers = 1, fleet = 'test' } = options;
  const spoolPath = options.spoolPath ?? join(dir, 'spool');
  await mkdir(spoolPath, { recursive: true });
  const config = join(dir, 'longshore.yaml');
  // JSON is YAML.
  await writeFile(
    config,
    JSON.stringify({
      fleet,
      allowAddresses: true,
      targets: options.targets ?? {},
      spools: { local: { path: spoolPath } },
      worker: { concurrency: options.concurrency ?? 2, lockMs: options.lockMs ?? 30_000, stopMs: 5_000 },
      sweepMs: options.sweepMs ?? 2_000,
      ...(options.kept === undefined ? {} : { operations: { retention: { count: options.kept } } }),
      ...(options.listen === undefined ? {} : { api: { listen: options.listen, ...options.api } }),
    }),
  );
  const members = new Map<string, Member>();
  const address = { url: redisUrl, fleet };
  const store = redisStore(address);
  const transport = bullTransport(address, silentLog);
  const service = createService({
    store,
    transport,
    registry: createRegistry([tsdb, counter]),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });

  const start = async (name: string, role: RoleName): Promise<void> => {
    const main = fileURLToPath(new URL(`../../apps/${role}/src/main.ts`, import.meta.url));
    const child = fork(main, [], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [...WORKER_FLAGS],
      env: { ...WORKER_ENVIRONMENT, ...process.env, ...options.env, REDIS_URL: redisUrl, LONGSHORE_CONFIG: config, LONGSHORE_SPOOLS: '' },
    });
    const log = createWriteStream(join(dir, `${name}.log`), { flags: 'a' });
    child.stdout!.pipe(log);
    child.stderr!.pipe(log);
    members.set(name, { name, role, child });
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code) => reject(new Error(`${name} ended with ${code} before it was ready; see ${join(dir, `${name}.log`)}`)));
    });
    child.removeAllListeners('exit');
  };

  // A test that falls over leaves nothing running.
  const endAll = (): void => {
    for (const { child } of members.values()) child.kill('SIGKILL');
  };
  process.once('exit', endAll);

  const names: [string, RoleName][] = [];
  for (let i = 1; i <= schedulers; i += 1) names.push([`scheduler-${i}`, 'scheduler']);
  for (let i = 1; i <= dumpers; i += 1) names.push([`dumper-${i}`, 'dumper']);
  for (let i = 1; i <= restorers; i += 1) names.push([`restorer-${i}`, 'restorer']);
  for (let i = 1; i <= migrators; i += 1) names.push([`migrator-${i}`, 'migrator']);
  for (let i = 1; i <= rebalancers; i += 1) names.push([`rebalancer-${i}`, 'rebalancer']);
  if (options.listen !== undefined) names.push(['api-1', 'api']);
  await Promise.all(names.map(([name, role]) => start(name, role)));

  const stop = async (): Promise<void> => {
    await Promise.all(
      [...members.values()].map(async ({ child }) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGCONT');
        child.kill('SIGTERM');
        const hard = setTimeout(() => child.kill('SIGKILL'), 10_000);
        await ended;
        clearTimeout(hard);
      }),
    );
    process.off('exit', endAll);
    await transport.close();
    await store.close();
  };

  return {
    service,
    store,
    transport,
    members,
    spoolPath,
    start,
    async finished(id, until = (header) => header.endedAt !== undefined) {
      let after: string | undefined;
      for (;;) {
        const header = await store.header(id);
        if (header && until(header)) return header;
        const events = await store.events(id, after, 500, 500);
        after = events.at(-1)?.id ?? after;
      }
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
