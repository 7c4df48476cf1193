/** One command a role, for production: the role's own program in the foreground, with its signals and its exit code. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants } from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { resolve } from 'node:path';
import { WORKER_ENVIRONMENT, WORKER_FLAGS } from '@longshore/host';
import { Command } from 'commander';
import { BadSpool, directoryTrouble } from '../errors.ts';
import { Ended } from '../exit.ts';
import { mainOf } from '../local-fleet/supervisor.ts';
import { examples } from './options.ts';

interface Flags {
  config?: string;
  redis?: string;
  spool?: string[];
  metrics?: string;
}

const TITLES = {
  api: 'serve the HTTP API',
  scheduler: 'turn operations into work, step after step; any number may run',
  dumper: 'read sources into spools',
  restorer: 'write spools to sinks and read back',
  migrator: 'move things between clusters',
  rebalancer: 'spread things evenly within a cluster',
} as const;
type Role = keyof typeof TITLES;

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

export function roleCommands(): Command[] {
  return (Object.keys(TITLES) as Role[]).map((role) => {
    const command = new Command(role)
      .description(`${TITLES[role]} (production: one process, in the foreground)`)
      .option('--config <file>', 'configuration (default: $LONGSHORE_CONFIG, else ./longshore.yaml)')
      .option(
        '--redis <url>',
        'redis://host:port, unix:/path, redis+sentinel://h1,h2/master or redis+cluster://h1,h2 (default: $REDIS_URL, else from the configuration)',
      );
    if (role !== 'api')
      command.option('--metrics <host:port>', 'show the metrics of this process there (default: as configured, else nowhere)');
    const worker = role === 'dumper' || role === 'restorer';
    if (worker) command.option('--spool <name=/path...>', 'a spool of this machine, on top of the configured ones');
    const sample = worker ? ` --spool disk1=/data/spool` : '';
    return examples(command, [`longshore ${role} --redis redis://redis.example:6379${sample}`]).action((flags: Flags) =>
      runRoleProcess(role, flags),
    );
  });
}

async function runRoleProcess(role: Role, { config, redis, spool, metrics }: Flags): Promise<never> {
  for (const one of spool ?? []) await checkSpool(one);
  const child = spawn(process.execPath, [...WORKER_FLAGS, mainOf(role)], {
    stdio: 'inherit',
    env: {
      ...WORKER_ENVIRONMENT,
      ...process.env,
      ...(config === undefined ? {} : { LONGSHORE_CONFIG: resolve(config) }),
      ...(redis === undefined ? {} : { REDIS_URL: redis }),
      ...(metrics === undefined ? {} : { LONGSHORE_METRICS: metrics }),
      ...(spool === undefined ? {} : { LONGSHORE_SPOOLS: spool.join(',') }),
    },
  });
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  throw new Ended(code ?? 128 + osConstants.signals[signal ?? 'SIGKILL']);
}

/** A folder that is not there may be a disk that is not mounted: nothing is made in its place. */
async function checkSpool(given: string): Promise<void> {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(given) ?? [];
  if (name === undefined || path === undefined) throw BadSpool({ text: given, why: 'it is given as name=/path' });
  try {
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw BadSpool({ text: given, why: directoryTrouble(error) }, { cause: error });
  }
}
