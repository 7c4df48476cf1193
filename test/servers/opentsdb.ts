/**
 * A real OpenTSDB 2.4.1 on a real HBase 2.4.18: two Java processes on the loopback, their jars from Maven, their data in one directory
 * that survives. No Docker, no ZooKeeper to install, no root.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  cacheDirectory,
  downloadsAllowed,
  findOnPath,
  freePort,
  httpAnswers,
  publishDirectory,
  type RunningServer,
  runningServer,
  runToSuccess,
  startServer,
  stopServer,
} from '@longshore/programs';

export const OPENTSDB_VERSION = '2.4.1';

const FILES = join(import.meta.dirname, 'opentsdb');
const HBASE = 'hbase';
const TSD = 'opentsdb';
/** Metrics whose name begins so cannot be queried for more points than this at once, counted in whole hours of storage. */
export const LIMITED = { prefix: 'limited.', points: 300 } as const;
/** Its presence says that HBase closed its data. */
const CLEAN = 'stopped-in-order';
const MAVEN_TIMEOUT_MS = 15 * 60_000;
/** The first start on a loaded machine takes half a minute. */
const READY_TIMEOUT_MS = 240_000;
/** Flushing what is in memory to the disk. */
const STOP_TIMEOUT_MS = 90_000;

export interface OpenTsdb extends AsyncDisposable {
  url: string;
  version: string;
  pids: number[];
  dir: string;
  stop(): Promise<void>;
}

export interface StartOpenTsdb {
  /** Data, configuration, logs and records. Test data: what a crash has damaged is dropped at the next start. */
  dir: string;
  say?: (line: string) => void;
}

/** Thrown when the machine lacks what OpenTSDB needs; a reason to skip, not a failure. */
export class OpenTsdbImpossible extends Error {}

/** Where the data of the shared instance lie. */
export function sharedOpenTsdbDirectory(): string {
  return join(cacheDirectory(), 'opentsdb', 'data');
}

function need(program: string): string {
  const path = findOnPath([program]);
  if (path === undefined) throw new OpenTsdbImpossible(`OpenTSDB needs ${program}, which is not on the PATH`);
  return path;
}

/** Directories of the jars and of the compiled main class, made once; their name changes with the files they are made from. */
async function classPaths(say: (line: string) => void): Promise<{ java: string; hbase: string; tsd: string }> {
  const java = need('java');
  const sources = await Promise.all(['pom-hbase.xml', 'pom-tsd.xml', 'LoneHBase.java'].map((file) => readFile(join(FILES, file))));
  const digest = createHash('sha256').update(Buffer.concat(sources)).digest('hex').slice(0, 12);
  const root = join(cacheDirectory(), 'opentsdb', `java-${digest}`);
  await publishDirectory(root, async (temporary) => {
    if (!downloadsAllowed()) throw new OpenTsdbImpossible('the jars of OpenTSDB are not here, and LONGSHORE_NO_DOWNLOAD is set');
    const maven = need('mvn');
    const javac = need('javac');
    say('downloading the jars of HBase 2.4.18 and OpenTSDB 2.4.1 through Maven (about 130 MB)');
    const repository = process.env.LONGSHORE_MAVEN_REPO;
    for (const name of ['hbase', 'tsd']) {
      const args = [
        '-q',
        '-B',
        '-f',
        join(FILES, `pom-${name}.xml`),
        'dependency:copy-dependencies',
        `-DoutputDirectory=${join(temporary, name)}`,
      ];
      if (repository) args.push(`-Dmaven.repo.local=${repository}`);
      await runToSuccess(maven, args, { cwd: temporary, timeoutMs: MAVEN_TIMEOUT_MS });
    }
    const options = ['-cp', join(temporary, 'hbase', '*'), '-d', join(temporary, 'classes'), join(FILES, 'LoneHBase.java')];
    await runToSuccess(javac, options, { timeoutMs: 120_000 });
  });
  return { java, hbase: `${join(root, 'classes')}:${join(root, 'hbase', '*')}`, tsd: join(root, 'tsd', '*') };
}

function asOpenTsdb(dir: string, hbase: { pid: number }, tsd: { pid: number; address: string }, stop: () => Promise<void>): OpenTsdb {
  return { url: tsd.address, version: OPENTSDB_VERSION, pids: [hbase.pid, tsd.pid], dir, stop, [Symbol.asyncDispose]: stop };
}

/**
 * Ends both, OpenTSDB first: it still writes to HBase while it ends. Only what HBase flushed while ending is safe: its log, on a local
 * file system, loses what was not written out, so that after a kill it may wait for a lost table for ever. Hence the mark.
 */
async function stopBoth(dir: string): Promise<void> {
  const tsd = await runningServer(dir, TSD);
  if (tsd !== undefined) await stopServer(dir, tsd, STOP_TIMEOUT_MS);
  const hbase = await runningServer(dir, HBASE);
  if (hbase !== undefined && (await stopServer(dir, hbase, STOP_TIMEOUT_MS))) await writeFile(join(dir, CLEAN), '');
}

/** Data that were not closed in order are thrown away; they are made again faster than they are mended. */
async function dropBrokenData(dir: string, say: (line: string) => void): Promise<void> {
  if (!existsSync(join(dir, HBASE))) return;
  if (!existsSync(join(dir, CLEAN))) {
    say(`the HBase in ${dir} was not stopped in order; its data are dropped`);
    for (const name of await readdir(dir)) if (!name.includes('.log')) await rm(join(dir, name), { recursive: true, force: true });
  }
  await rm(join(dir, CLEAN), { force: true });
}

/** The one that runs on `dir`, whoever started it. */
export async function runningOpenTsdb(dir: string): Promise<OpenTsdb | undefined> {
  const [hbase, tsd] = [await runningServer(dir, HBASE), await runningServer(dir, TSD)];
  if (!hbase?.ready || !tsd?.ready) return undefined;
  return asOpenTsdb(dir, hbase, tsd, () => stopBoth(dir));
}

async function startHBase(java: string, classPath: string, dir: string): Promise<{ server: RunningServer; zooKeeperPort: number }> {
  const zooKeeperPort = await freePort();
  const logFile = join(dir, `${HBASE}.log`);
  const server = await startServer({
    name: HBASE,
    path: java,
    version: '2.4.18',
    env: {},
    args: [
      `@${join(FILES, 'java17.opts')}`,
      '-Xmx1500m',
      '-cp',
      `${FILES}:${classPath}`,
      'LoneHBase',
      join(dir, 'hbase'),
      String(zooKeeperPort),
    ],
    dir,
    address: `127.0.0.1:${zooKeeperPort}`,
    answers: async () => (await readFile(logFile)).includes('HBASE_READY'),
    detached: true,
    readyTimeoutMs: READY_TIMEOUT_MS,
  });
  return { server, zooKeeperPort };
}

async function startTsd(java: string, classPath: string, dir: string, zooKeeperPort: number): Promise<RunningServer> {
  const port = await freePort();
  const run = join(dir, 'tsd');
  for (const directory of ['static', 'cache']) await mkdir(join(run, directory), { recursive: true });
  const template = await readFile(join(FILES, 'opentsdb.conf'), 'utf8');
  const configuration = template
    .replaceAll('@PORT@', String(port))
    .replaceAll('@ZOOKEEPER_PORT@', String(zooKeeperPort))
    .replaceAll('@DIRECTORY@', run);
  await writeFile(join(run, 'opentsdb.conf'), configuration);
  const limits = [{ regex: `^${LIMITED.prefix.replace('.', '\\.')}`, byteLimit: 0, dataPointsLimit: LIMITED.points }];
  await writeFile(join(run, 'limits.json'), JSON.stringify(limits));
  const url = `http://127.0.0.1:${port}`;
  return startServer({
    name: TSD,
    path: java,
    version: OPENTSDB_VERSION,
    env: {},
    args: ['-Xmx2g', '-cp', `${FILES}:${classPath}`, 'net.opentsdb.tools.TSDMain', `--config=${join(run, 'opentsdb.conf')}`],
    dir,
    address: url,
    answers: () => httpAnswers(`${url}/api/version`),
    detached: true,
    readyTimeoutMs: READY_TIMEOUT_MS,
  });
}

/**
 * Starts OpenTSDB on the data of `dir` and waits until it answers. It outlives this process; its `stop`, or `servers down`, ends it.
 * Throws `OpenTsdbImpossible` where Java or Maven are missing.
 */
export async function startOpenTsdb({ dir, say = () => {} }: StartOpenTsdb): Promise<OpenTsdb> {
  const { java, hbase: hbaseClassPath, tsd: tsdClassPath } = await classPaths(say);
  await stopBoth(dir); // one of the two left alone is of no use
  await dropBrokenData(dir, say);
  for (const log of [`${HBASE}.log`, `${TSD}.log`]) if (existsSync(join(dir, log))) await rename(join(dir, log), join(dir, `${log}.1`));
  const { server: hbase, zooKeeperPort } = await startHBase(java, hbaseClassPath, dir);
  try {
    const tsd = await startTsd(java, tsdClassPath, dir, zooKeeperPort);
    return asOpenTsdb(dir, hbase, tsd, () => stopBoth(dir));
  } catch (error) {
    await stopBoth(dir);
    throw error;
  }
}

const IMPORT_TIMEOUT_MS = 120_000;

/** Takes files of `metric time number tag=value …` into the storage of a running one, with its own `tsdb import`. Throws when that stops anywhere. */
export async function importFiles({ dir }: OpenTsdb, files: readonly string[]): Promise<void> {
  const { java, tsd } = await classPaths(() => {});
  const program = ['-Xmx256m', '-Dfile.encoding=UTF-8', '-cp', `${FILES}:${tsd}`, 'net.opentsdb.tools.TextImporter'];
  await runToSuccess(java, [...program, `--config=${join(dir, 'tsd', 'opentsdb.conf')}`, '--auto-metric', ...files], {
    timeoutMs: IMPORT_TIMEOUT_MS,
  });
}
