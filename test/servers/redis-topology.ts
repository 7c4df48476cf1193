/**
 * Redis as it stands in production: a cluster, or a master with a replica and a Sentinel; started from the program of this machine, since
 * addresses in the environment and containers are of one server alone.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program, RunningServer } from '@longshore/programs';
import { findRedis, freePort, ProgramMissing, redisAnswers, startServer } from '@longshore/programs';
import { askRedis } from '../faults/raw-redis.ts';
import { until } from '../support/until.ts';

export interface RedisNode {
  port: number;
  /** `redis://127.0.0.1:PORT` */
  url: string;
  /** At once, without a word to anybody. */
  kill(): Promise<void>;
  /** After `kill`: on the same port and data. */
  restart(): Promise<void>;
}

export interface RedisHouse extends AsyncDisposable {
  /** Starts a server; `settings` are those of redis.conf on top of the safe ones. */
  node(settings?: Record<string, string>): Promise<RedisNode>;
  /** A cluster of one node with every slot. */
  cluster(settings?: Record<string, string>): Promise<RedisNode>;
  /** A Sentinel that needs no other one to agree, over this master. */
  sentinel(master: RedisNode, name: string): Promise<RedisNode>;
}

const SLOTS = 16_384;
/** A cluster's nodes talk to each other on their port and this. */
const BUS = 10_000;
const SAFE = { appendonly: 'yes', appendfsync: 'always', save: '', 'maxmemory-policy': 'noeviction' };

const say = (line: string): void => void process.stderr.write(`[servers] ${line}\n`);

/** Undefined where there is no Redis to be had; with LONGSHORE_REQUIRE_REAL=1 that is an error. */
export async function redisHouse(): Promise<RedisHouse | undefined> {
  let program: Program;
  try {
    program = await findRedis({ say });
  } catch (error) {
    if (!ProgramMissing.is(error) || process.env.LONGSHORE_REQUIRE_REAL === '1') throw error;
    say(`SKIPPING tests that need their own Redis: ${error.message}`);
    return undefined;
  }
  const root = await mkdtemp(join(tmpdir(), 'longshore-redis-'));
  const servers: RunningServer[] = [];

  const start = async (name: string, port: number, args: (dir: string) => Promise<string[]>): Promise<RedisNode> => {
    const dir = join(root, `${name}-${port}`);
    await mkdir(dir, { mode: 0o700 });
    const { path, version, env } = program;
    const answers = (): Promise<boolean> => redisAnswers({ host: '127.0.0.1', port });
    const url = `redis://127.0.0.1:${port}`;
    const its = await args(dir);
    const run = async (): Promise<RunningServer> => {
      const started = await startServer({ name, path, version, env, dir, address: url, args: its, answers });
      servers.push(started);
      return started;
    };
    let server = await run();
    return {
      port,
      url,
      async kill() {
        process.kill(server.pid, 'SIGKILL');
        await until(async () => !(await answers()), `the server on port ${port} was gone`);
      },
      async restart() {
        server = await run();
      },
    };
  };

  const node = async (settings: Record<string, string> = {}, port?: number): Promise<RedisNode> => {
    const its = port ?? (await freePort());
    const flags = Object.entries({ ...SAFE, ...settings }).flatMap(([name, value]) => [`--${name}`, ...value.split(' ')]);
    return start('redis-server', its, async (dir) => ['--bind', '127.0.0.1', '--port', String(its), '--dir', dir, ...flags]);
  };

  return {
    node,
    async cluster(more = {}) {
      let port = await freePort();
      while (port + BUS > 65_535) port = await freePort();
      // Alone, it has nobody to learn its own address from.
      const settings = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000', 'cluster-announce-ip': '127.0.0.1', ...more };
      const made = await node(settings, port);
      await askRedis(made.url, 'CLUSTER', 'ADDSLOTS', ...Array.from({ length: SLOTS }, (_, slot) => String(slot)));
      await until(async () => /cluster_state:ok/.test(String(await askRedis(made.url, 'CLUSTER', 'INFO'))), 'the cluster was ready');
      return made;
    },
    async sentinel(master, name) {
      const port = await freePort();
      const made = await start('redis-sentinel', port, async (dir) => {
        const file = join(dir, 'sentinel.conf');
        const lines = [
          `port ${port}`,
          'bind 127.0.0.1',
          `dir ${dir}`,
          `sentinel monitor ${name} 127.0.0.1 ${master.port} 1`,
          `sentinel down-after-milliseconds ${name} 1000`,
          `sentinel failover-timeout ${name} 5000`,
        ];
        await writeFile(file, `${lines.join('\n')}\n`);
        return [file, '--sentinel'];
      });
      const knows = async (): Promise<boolean> => /slaves=[1-9]/.test(String(await askRedis(made.url, 'INFO', 'sentinel')));
      await until(knows, 'the Sentinel knew the replica');
      return made;
    },
    async [Symbol.asyncDispose]() {
      // The Sentinel first: it would take the end of the others for a failure.
      for (const server of servers.toReversed()) await server.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}
