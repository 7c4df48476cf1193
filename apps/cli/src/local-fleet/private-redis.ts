/** The fleet's own Redis: nothing acknowledged is lost (`appendfsync always`), reached by a socket only its owner may open. */
import type { Log } from '@longshore/core';
import type { RedisServer } from '@longshore/programs';
import { findRedis, isAlive, processId, runningServer, startRedis, stopServer } from '@longshore/programs';

export interface PrivateRedis {
  url: string;
  /** Starts it again when it has died. Called every second or so. */
  look(): Promise<void>;
  stop(): Promise<void>;
}

const STOP_MS = 20_000;

export async function startPrivateRedis(dir: string, socket: string, say: (line: string) => void, log: Log): Promise<PrivateRedis> {
  const left = await runningServer(dir, 'redis-server');
  if (left) {
    log.warn({ pid: left.pid }, 'a Redis was left over by a fleet that was killed; it is stopped first');
    await stopServer(dir, left, STOP_MS);
  }
  const program = await findRedis({ say });
  const start = (): Promise<RedisServer> => startRedis({ program, dir, appendfsync: 'always', socket });
  let server = await start();
  let id = processId(server.pid);
  log.info({ version: program.version, origin: program.origin, pid: server.pid }, 'Redis is ready');
  return {
    url: `unix:${server.socketPath ?? socket}`,
    async look() {
      if (isAlive(id)) return;
      log.error({ pid: id.pid, logFile: server.logFile }, 'Redis ended by itself and is started again');
      server = await start();
      id = processId(server.pid);
    },
    stop: () => server.stop(STOP_MS),
  };
}
