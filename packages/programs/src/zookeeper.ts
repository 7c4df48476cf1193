/** A ZooKeeper of one server, for tests: Java and the jars found or fetched, started, stopped. */
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { findOnPath } from './command.ts';
import { unpackDebian } from './debian.ts';
import { type FindOptions, type Found, findProgram, type Program, type Source } from './program.ts';
import { freePort, type RunningServer, startServer } from './server.ts';

/** Prints the version; Java takes a class to run where other programs take a flag. */
const VERSION_CLASS = 'org.apache.zookeeper.version.VersionInfoMain';
const SERVER_CLASS = 'org.apache.zookeeper.server.ZooKeeperServerMain';

/** The jars that a lone server needs, of the forty packages that Debian's own would bring along. */
const PACKAGES = ['libzookeeper-java', 'libnetty-java', 'libslf4j-java', 'libdropwizard-metrics-java', 'libsnappy-java'];
const JARS =
  /^(zookeeper|zookeeper-jute|metrics-core|snappy-java|slf4j-(api|simple)|netty-(all|buffer|codec|common|handler|resolver|transport|transport-native-(epoll|unix-common)))\.jar$/;

function onJava(classPath: string, { env }: { env: FindOptions['env'] }): Found {
  const path = findOnPath(['java'], env);
  if (path === undefined) throw new Error('it needs java, which is not on the PATH');
  return { path, env: { CLASSPATH: classPath } };
}

const fromClassPath: Source = {
  origin: 'env',
  place: 'ZOOKEEPER_CLASSPATH',
  async find(fetch) {
    const classPath = fetch.env.ZOOKEEPER_CLASSPATH;
    return classPath ? onJava(classPath, fetch) : undefined;
  },
};

const fromDebianJars: Source = {
  origin: 'debian',
  place: 'the Debian package libzookeeper-java',
  async find(fetch) {
    onJava('', fetch); // before anything is downloaded
    const { files } = await unpackDebian({ packages: PACKAGES, alone: true, holds: join('usr', 'share', 'java', 'zookeeper.jar') }, fetch);
    const jars = (await files(join('usr', 'share', 'java'))).filter((file) => JARS.test(file.slice(file.lastIndexOf('/') + 1)));
    return onJava(jars.join(':'), fetch);
  },
};

/** `ZOOKEEPER_CLASSPATH` → the jars of Debian's package, unpacked (7 MB to download). Java must be there. Throws `LSH_PROGRAM_MISSING`. */
export function findZooKeeper(options: FindOptions = {}): Promise<Program> {
  return findProgram(
    {
      name: 'zookeeper',
      versionFlag: VERSION_CLASS,
      sources: [fromClassPath, fromDebianJars],
      remedy:
        'Put a Java on the PATH, and set ZOOKEEPER_CLASSPATH to the jars of a ZooKeeper or allow downloads by unsetting LONGSHORE_NO_DOWNLOAD.',
    },
    options,
  );
}

export interface StartZooKeeper {
  program: Program;
  /** Configuration, data, log and record. */
  dir: string;
  /** On 127.0.0.1; 0, the default, takes a free one. */
  port?: number;
  /** Its unit of time: sessions live two to twenty of it. Default 500 ms. */
  tickMs?: number;
  detached?: boolean;
  readyTimeoutMs?: number;
}

export interface ZooKeeperServer extends RunningServer {
  /** `127.0.0.1:2181` */
  readonly hosts: string;
}

/** True when a ZooKeeper that serves says so there. */
export function zooKeeperAnswers(where: { host: string; port: number }, timeoutMs = 2_000): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(where);
    let reply = '';
    const end = (answer: boolean): void => {
      socket.destroy();
      done(answer);
    };
    socket.setTimeout(timeoutMs, () => end(false));
    socket.on('error', () => end(false));
    socket.on('connect', () => socket.write('ruok'));
    socket.on('data', (bytes: Buffer) => {
      reply += bytes.toString('latin1');
      if (reply.includes('imok')) end(true);
    });
    socket.on('close', () => end(false));
  });
}

export async function startZooKeeper(options: StartZooKeeper): Promise<ZooKeeperServer> {
  const { program } = options;
  const dir = resolve(options.dir);
  const port = options.port === undefined || options.port === 0 ? await freePort() : options.port;
  const configuration = join(dir, 'zoo.cfg');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await writeFile(
    configuration,
    [
      `tickTime=${options.tickMs ?? 500}`,
      `dataDir=${join(dir, 'data')}`,
      `clientPort=${port}`,
      'clientPortAddress=127.0.0.1',
      '4lw.commands.whitelist=*',
      'maxClientCnxns=0',
      '',
    ].join('\n'),
  );
  const hosts = `127.0.0.1:${port}`;
  const server = await startServer({
    name: 'zookeeper',
    path: program.path,
    version: program.version,
    env: program.env,
    // Its tree fits in little memory; flushing each change is not what the tests wait for.
    args: ['-Xmx128m', '-Dzookeeper.admin.enableServer=false', '-Dzookeeper.forceSync=no', SERVER_CLASS, configuration],
    dir,
    address: hosts,
    answers: () => zooKeeperAnswers({ host: '127.0.0.1', port }),
    ...(options.detached === undefined ? {} : { detached: options.detached }),
    ...(options.readyTimeoutMs === undefined ? {} : { readyTimeoutMs: options.readyTimeoutMs }),
  });
  return { ...server, hosts };
}
