/**
 * A real server for a test, the first that is there: an address in the environment → Docker → a program of this machine → a skip with its
 * reason. LONGSHORE_REQUIRE_REAL=1 makes a missing one an error.
 *
 *   const vm = await realServer('victoria-metrics');
 *   describe.skipIf(!vm.there)('…', () => { … });
 *
 * What is started for a test is stopped by its `stop`; OpenTSDB, slow to start, is shared by a whole run and stopped by `global.ts`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  findRedis,
  findVictoriaMetrics,
  findZooKeeper,
  ProgramMissing,
  type RunningServer,
  startRedis,
  startVictoriaMetrics,
  startZooKeeper,
} from '@longshore/programs';
import { kildaDataset } from '../dataset/index.ts';
import { leaveOut } from '../reporter.ts';
import { scratchFolder } from '../support/interrupted.ts';
import { ensureDataset } from './dataset.ts';
import { redisInDocker, victoriaMetricsInDocker } from './docker.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { OpenTsdbImpossible, runningOpenTsdb, sharedOpenTsdbDirectory, startOpenTsdb } from './opentsdb.ts';
import { openTsdbVersion, redisVersion, victoriaMetricsVersion, zooKeeperVersion } from './version.ts';

export type ServerName = 'redis' | 'victoria-metrics' | 'opentsdb' | 'zookeeper';

export interface RealServer extends AsyncDisposable {
  there: true;
  name: ServerName;
  /** ZooKeeper: `host:port`, as its clients write it. */
  url: string;
  version: string;
  origin: 'environment' | 'docker' | 'local';
  /** Present when a local process was started for it. */
  pids: number[];
  stop(): Promise<void>;
}

export interface NoServer {
  there: false;
  name: ServerName;
  reason: string;
}

export interface RealServerOptions {
  /** One of this test's own, empty and free to be stopped: an address in the environment is passed over. */
  own?: boolean;
  /** Redis. `always` when absent. */
  appendfsync?: 'always' | 'everysec';
  /** VictoriaMetrics. `100y` when absent. */
  retention?: string;
  /** VictoriaMetrics. Implies `own`. */
  flags?: readonly string[];
  /** OpenTSDB: with the full data set of `kildaDataset()` loaded. */
  dataset?: boolean;
}

export const ADDRESS_VARIABLES: Record<ServerName, string> = {
  redis: 'REDIS_URL',
  'victoria-metrics': 'LONGSHORE_VICTORIA_METRICS_URL',
  opentsdb: 'LONGSHORE_OPENTSDB_URL',
  zookeeper: 'LONGSHORE_ZOOKEEPER_HOSTS',
};

const say = (line: string): void => void process.stderr.write(`[servers] ${line}\n`);

const versionOf: Record<ServerName, (url: string) => Promise<string>> = {
  redis: redisVersion,
  'victoria-metrics': victoriaMetricsVersion,
  opentsdb: openTsdbVersion,
  zookeeper: zooKeeperVersion,
};

async function there(
  name: ServerName,
  url: string,
  origin: RealServer['origin'],
  stop: () => Promise<void>,
  local?: { pids: number[]; version: string },
): Promise<RealServer> {
  const version = local?.version ?? (await versionOf[name](url));
  const where = {
    environment: `at ${name === 'zookeeper' ? url : new URL(url).host}, as the environment says`,
    docker: 'in Docker',
    local: 'on this machine',
  }[origin];
  say(`${name} ${version} ${where}`);
  return { there: true, name, url, version, origin, pids: local?.pids ?? [], stop, [Symbol.asyncDispose]: stop };
}

async function inDocker(name: ServerName, options: RealServerOptions): Promise<RealServer | undefined> {
  // OpenTSDB has no official image; ZooKeeper needs no more than Java.
  const started =
    name === 'redis'
      ? await redisInDocker(options.appendfsync ?? 'always')
      : name === 'victoria-metrics'
        ? await victoriaMetricsInDocker(options.retention ?? '100y', options.flags ?? [])
        : undefined;
  return started === undefined ? undefined : there(name, started.url, 'docker', started.stop);
}

async function ownOpenTsdb(options: RealServerOptions): Promise<RealServer> {
  const dir = await mkdtemp(join(tmpdir(), 'longshore-opentsdb-'));
  const server = await startOpenTsdb({ dir, say });
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  };
  if (options.dataset) await ensureDataset(server.url, kildaDataset(), { say });
  return there('opentsdb', server.url, 'local', stop, server);
}

async function start(name: Exclude<ServerName, 'opentsdb'>, dir: string, options: RealServerOptions): Promise<RunningServer> {
  if (name === 'redis')
    return startRedis({ program: await findRedis({ say }), dir, port: 0, appendfsync: options.appendfsync ?? 'always' });
  if (name === 'zookeeper') return startZooKeeper({ program: await findZooKeeper({ say }), dir });
  const program = await findVictoriaMetrics({ say });
  return startVictoriaMetrics({ program, dir, retention: options.retention ?? '100y', flags: options.flags ?? [] });
}

async function onThisMachine(name: ServerName, options: RealServerOptions): Promise<RealServer> {
  if (name === 'opentsdb') {
    if (options.own) return ownOpenTsdb(options);
    const dir = sharedOpenTsdbDirectory();
    // Two test files that need it may begin at once.
    const server = await oneAtATime(`${dir}.starting`, async () => {
      const running = (await runningOpenTsdb(dir)) ?? (await startOpenTsdb({ dir, say }));
      if (options.dataset) await ensureDataset(running.url, kildaDataset(), { dir, say });
      return running;
    });
    return there(name, server.url, 'local', async () => {}, server);
  }
  const scratch = await scratchFolder(`longshore-${name}-`);
  const server = await start(name, scratch.path, options);
  const stop = async (): Promise<void> => {
    await server.stop();
    await scratch.remove();
  };
  return there(name, server.address, 'local', stop, { pids: [server.pid], version: server.version });
}

export async function realServer(name: ServerName, options: RealServerOptions = {}): Promise<RealServer | NoServer> {
  const address = process.env[ADDRESS_VARIABLES[name]];
  if (address && !options.own && options.flags === undefined) {
    if (name === 'opentsdb' && options.dataset) {
      // When it is the shared one of this machine, its marker is of use.
      const dir = sharedOpenTsdbDirectory();
      const shared = (await runningOpenTsdb(dir))?.url === address;
      await ensureDataset(address, kildaDataset(), shared ? { dir, say } : { say });
    }
    return there(name, address, 'environment', async () => {});
  }
  try {
    return (await inDocker(name, options)) ?? (await onThisMachine(name, options));
  } catch (error) {
    const missing = error instanceof OpenTsdbImpossible || ProgramMissing.is(error);
    if (!missing || process.env.LONGSHORE_REQUIRE_REAL === '1') throw error;
    say(`SKIPPING tests that need ${name}: ${error.message}`);
    leaveOut(`what needs ${name}: ${error.message}`);
    return { there: false, name, reason: error.message };
  }
}

/**
 * Why each that is missing is. When any is, those that are there are stopped here: the hooks of a suite that is left out do not run.
 *
 *   const absent = await missingOf([redis, opentsdb]);
 *   describe.skipIf(absent.length > 0)('…', () => { … });
 */
export async function missingOf(
  needed: readonly ({ there: true; stop?: () => Promise<void> } | { there: false; reason: string })[],
): Promise<string[]> {
  const reasons = needed.flatMap((one) => (one.there ? [] : [one.reason]));
  if (reasons.length > 0) await Promise.all(needed.map((one) => (one.there ? one.stop?.() : undefined)));
  return reasons;
}
