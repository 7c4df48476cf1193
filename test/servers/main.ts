/**
 * Real servers for a working day:
 *
 *   pnpm servers up [redis] [victoria-metrics] [opentsdb] [zookeeper] [--empty]
 *   pnpm servers status
 *   pnpm servers down [names]
 *
 * `up` prints the variables by which tests and the command line find them, ready for `eval`, and nothing else, on the standard output.
 * The servers stay until `down`, with their data in the cache. OpenTSDB gets the data set of the tests, unless `--empty` is given.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  cacheDirectory,
  findRedis,
  findVictoriaMetrics,
  findZooKeeper,
  type RunningServer,
  runningServer,
  startRedis,
  startVictoriaMetrics,
  startZooKeeper,
  stopServer,
} from '@longshore/programs';
import { kildaDataset } from '../dataset/index.ts';
import { ensureDataset } from './dataset.ts';
import { runningOpenTsdb, sharedOpenTsdbDirectory, startOpenTsdb } from './opentsdb.ts';
import { ADDRESS_VARIABLES, type ServerName } from './real.ts';

const NAMES: readonly ServerName[] = ['redis', 'victoria-metrics', 'opentsdb', 'zookeeper'];
const RECORDS: Record<Exclude<ServerName, 'opentsdb'>, string> = {
  redis: 'redis-server',
  'victoria-metrics': 'victoria-metrics',
  zookeeper: 'zookeeper',
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const directory = (name: ServerName): string => (name === 'opentsdb' ? sharedOpenTsdbDirectory() : join(cacheDirectory(), 'servers', name));

interface Running {
  url: string;
  version: string;
  pids: number[];
  stop(): Promise<void>;
}

async function running(name: ServerName): Promise<Running | undefined> {
  const dir = directory(name);
  if (name === 'opentsdb') return runningOpenTsdb(dir);
  const record = await runningServer(dir, RECORDS[name]);
  return (
    record && { url: record.address, version: record.version, pids: [record.pid], stop: async () => void (await stopServer(dir, record)) }
  );
}

function asRunning(server: RunningServer): Running {
  return { url: server.address, version: server.version, pids: [server.pid], stop: () => server.stop() };
}

async function start(name: ServerName): Promise<Running> {
  const dir = directory(name);
  if (name === 'opentsdb') return startOpenTsdb({ dir, say });
  if (name === 'redis')
    return asRunning(await startRedis({ program: await findRedis({ say }), dir, port: 0, appendfsync: 'always', detached: true }));
  if (name === 'zookeeper') return asRunning(await startZooKeeper({ program: await findZooKeeper({ say }), dir, detached: true }));
  const program = await findVictoriaMetrics({ say });
  return asRunning(await startVictoriaMetrics({ program, dir, dataDir: join(dir, `data-${program.version}`), detached: true }));
}

async function up(names: readonly ServerName[], empty: boolean): Promise<void> {
  for (const name of names) {
    const startedAt = performance.now();
    const server = (await running(name)) ?? (await start(name));
    if (name === 'opentsdb' && !empty) await ensureDataset(server.url, kildaDataset(), { dir: directory(name), say });
    say(
      `${name} ${server.version} at ${server.url} (process ${server.pids.join(', ')}), ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
    );
    process.stdout.write(`export ${ADDRESS_VARIABLES[name]}=${server.url}\n`);
  }
}

async function down(names: readonly ServerName[]): Promise<void> {
  for (const name of names) {
    const server = await running(name);
    await server?.stop();
    say(server === undefined ? `${name} was not running` : `${name} stopped`);
  }
}

async function status(names: readonly ServerName[]): Promise<void> {
  for (const name of names) {
    const server = await running(name);
    process.stdout.write(
      server === undefined ? `${name}: not running\n` : `${name}: ${server.version} at ${server.url} (process ${server.pids.join(', ')})\n`,
    );
  }
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { empty: { type: 'boolean', default: false } } });
const [command = '', ...asked] = positionals;
const names = NAMES.filter((name) => asked.length === 0 || asked.includes(name));
const unknown = asked.filter((name) => !NAMES.some((known) => known === name));
if (unknown.length > 0 || !['up', 'down', 'status'].includes(command)) {
  say(`usage: servers up|down|status [${NAMES.join('] [')}] [--empty]`);
  process.exitCode = 2;
} else if (command === 'up') await up(names, values.empty);
else if (command === 'down') await down(names);
else await status(names);
