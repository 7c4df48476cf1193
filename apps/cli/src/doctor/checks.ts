/** What `longshore doctor` looks at. Nothing is changed, nothing is downloaded, no fleet is started. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorData, LongshoreError } from '@longshore/core';
import { checkRedis, shownAddress } from '@longshore/fleet';
import type { Configuration } from '@longshore/host';
import { loadConfiguration } from '@longshore/host';
import { openHttp } from '@longshore/http';
import type { FindOptions, Program } from '@longshore/programs';
import { findRedis, findVictoriaMetrics, ProgramMissing } from '@longshore/programs';
import { openClient } from '../client.ts';
import type { ChildRecord, Home } from '../local-fleet/home.ts';
import { readFleet, readJson } from '../local-fleet/home.ts';
import { lockHolder } from '../local-fleet/lock.ts';
import { bytes, count, plural } from '../text.ts';

export interface Finding {
  /** `warning`: works, but look at it. `problem`: something will not work. */
  level: 'ok' | 'warning' | 'problem';
  what: string;
  found: string;
  /** What to do about it. */
  todo?: string;
}

const OLDEST_NODE = 24;
const LITTLE_BYTES = 5_000_000_000;
const LITTLE_INODES = 10_000;
const REACH_MS = 5_000;

export function checkNode(version: string = process.versions.node): Finding {
  const what = 'Node.js';
  if (Number(version.split('.')[0]) >= OLDEST_NODE) return { level: 'ok', what, found: version };
  return {
    level: 'problem',
    what,
    found: `${version} is too old`,
    todo: `Use Node.js ${OLDEST_NODE} or later; in a checkout, \`npx -y pnpm@12 dev …\` brings its own.`,
  };
}

export async function checkDisk(home: Home): Promise<Finding> {
  let dir = home.dir;
  while (!existsSync(dir)) dir = dirname(dir);
  const { bavail, bsize, ffree, files } = await statfs(dir);
  const free = bavail * bsize;
  const found = `${bytes(free)}${files > 0 ? ` and ${count(ffree)} files` : ''} free for ${home.dir}`;
  const todo = 'Free some space, set LONGSHORE_HOME to a larger disk, or give a larger one with --spool /path.';
  if (free < LITTLE_BYTES || (files > 0 && ffree < LITTLE_INODES)) return { level: 'warning', what: 'disk', found, todo };
  return { level: 'ok', what: 'disk', found };
}

export function checkConfiguration(): { finding: Finding; configuration?: Configuration } {
  const what = 'configuration';
  try {
    const configuration = loadConfiguration();
    const targets = Object.keys(configuration.targets);
    const found = configuration.file
      ? `${configuration.file}, ${plural(targets.length, 'target')}`
      : 'no longshore.yaml; the defaults hold';
    return { finding: { level: 'ok', what, found }, configuration };
  } catch (error) {
    const { message, fix } = errorData(error);
    return { finding: { level: 'problem', what, found: message, todo: fix } };
  }
}

async function program(what: string, find: (options: FindOptions) => Promise<Program>, use: string, variable: string): Promise<Finding> {
  try {
    const { version, path, origin } = await find({ env: { ...process.env, LONGSHORE_NO_DOWNLOAD: '1' } });
    return { level: 'ok', what, found: `${version} at ${path} (${ORIGIN[origin]})` };
  } catch (error) {
    if (!ProgramMissing.is(error)) throw error;
    const forbidden = !['', '0', undefined].includes(process.env.LONGSHORE_NO_DOWNLOAD);
    if (forbidden) return { level: 'problem', what, found: 'not on this machine, and LONGSHORE_NO_DOWNLOAD is set', todo: error.data.fix };
    return {
      level: 'warning',
      what,
      found: `not on this machine; ${use} fetches it into its cache`,
      todo: `To have your own used, put it on the PATH or set ${variable}.`,
    };
  }
}

const ORIGIN: Record<Program['origin'], string> = {
  env: 'named by the environment',
  path: 'on the PATH',
  debian: 'fetched before, from a Debian package',
  wheel: 'fetched before, from a Python package',
};

export async function checkRedisHere(configuration: Configuration | undefined): Promise<Finding> {
  const url = configuration?.redisUrl;
  if (url === undefined) return program('Redis', findRedis, 'the first command that needs a fleet', 'REDIS_SERVER_BIN');
  try {
    return { level: 'ok', what: 'Redis', found: `${await checkRedis(url)} at ${shownAddress(url)}` };
  } catch (error) {
    const { message, fix } = errorData(error);
    return { level: 'problem', what: 'Redis', found: message, todo: fix };
  }
}

export const checkVictoriaMetrics = (): Promise<Finding> =>
  program('VictoriaMetrics', findVictoriaMetrics, 'only `longshore demo` needs one, and', 'VICTORIA_METRICS_BIN');

/** The fleet a command would talk to. */
export async function checkFleet(home: Home, api: string | undefined, token?: string): Promise<Finding[]> {
  const what = 'fleet';
  const record = api ? undefined : await readFleet(home);
  const address = api ?? record?.api;
  if (address === undefined) {
    const starting = await lockHolder(home.lockFile);
    if (starting)
      return [
        {
          level: 'warning',
          what,
          found: `the local fleet is starting or stopping (process ${starting.pid})`,
          todo: 'Look again in a moment.',
        },
      ];
    return [{ level: 'ok', what, found: 'the local fleet is not running; the first command that needs it starts it' }];
  }
  const findings: Finding[] = [];
  try {
    await using client = openClient(address, record ? undefined : token);
    await client.ready();
    const workers = await client.workers();
    const by = Map.groupBy(workers, ({ role }) => role);
    const found = [...by].map(([role, group]) => plural(group.length, role)).join(', ');
    const lacking = ['scheduler', 'dumper', 'restorer'].filter((role) => !by.has(role as never));
    if (lacking.length === 0) findings.push({ level: 'ok', what, found: `answers at ${address}: ${found}` });
    else
      findings.push({
        level: 'problem',
        what,
        found: `answers at ${address}, but has no ${lacking.join(' and no ')}`,
        todo: record
          ? `See the logs in ${home.logs}; \`longshore down\` and \`longshore up\` start it anew.`
          : `Start one with \`longshore ${lacking[0]}\`.`,
      });
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    const todo = record ? `See ${home.fleetLog}; \`longshore down\` and \`longshore up\` start it anew.` : error.data.fix;
    findings.push({ level: 'problem', what, found: error.message, todo });
  }
  for (const { name, state, restarts } of record ? ((await readJson<ChildRecord[]>(home.childrenFile)) ?? []) : [])
    if (state === 'gave-up' || restarts > 0)
      findings.push({
        level: state === 'gave-up' ? 'problem' : 'warning',
        what: name,
        found:
          state === 'gave-up'
            ? `died ${restarts + 1} times and is not started any more`
            : `had to be started again ${plural(restarts, 'time')}`,
        todo: `See ${home.logs}/${name}.log.`,
      });
  return findings;
}

/** Whether anything answers at the address; what it answers is for the operation's plan to judge. */
export async function checkTarget(name: string, { system, address }: { system: string; address: string }): Promise<Finding> {
  const what = `target ${name}`;
  try {
    await using http = openHttp({ base: address, connectTimeoutMs: REACH_MS });
    const reply = await http.request({
      method: 'GET',
      path: system === 'opentsdb' ? '/api/version' : '/health',
      what,
      deadlineMs: REACH_MS,
    });
    await reply.discard();
    return { level: 'ok', what, found: `${system} at ${http.origin} answers (status ${reply.status})` };
  } catch (error) {
    const { message, fix } = errorData(error);
    return { level: 'problem', what, found: message, todo: fix };
  }
}
