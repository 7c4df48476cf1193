/** What a call of `openmldb_ops` asks for, as an operation; or why it cannot be one, before anything is touched. Pure. */
import { resolve } from 'node:path';
import type { Json } from '@longshore/core';
import { EXIT } from '@longshore/core';
import type { OpsFlags } from './flags.ts';

export const COMMANDS = ['recoverdata', 'scalein', 'scaleout', 'pre-upgrade', 'post-upgrade', 'showopstatus', 'showtablestatus'] as const;
export type OpsCommand = (typeof COMMANDS)[number];

const KINDS: Readonly<Record<OpsCommand, string>> = {
  recoverdata: 'openmldb.recover-data',
  scalein: 'openmldb.scale-in',
  scaleout: 'openmldb.scale-out',
  'pre-upgrade': 'openmldb.pre-upgrade',
  'post-upgrade': 'openmldb.post-upgrade',
  showopstatus: 'openmldb.show-op-status',
  showtablestatus: 'openmldb.show-table-status',
};

export interface OpsRequest {
  command: OpsCommand;
  kind: string;
  params: { [key: string]: Json };
}

/** Lines for people, and the exit code. */
export interface OpsRefusal {
  lines: string[];
  exitCode: number;
}

export function isRefusal(value: OpsRequest | OpsRefusal): value is OpsRefusal {
  return 'lines' in value;
}

export function opsRequest(flags: OpsFlags, cwd: string): OpsRequest | OpsRefusal {
  const refuse = (...lines: string[]): OpsRefusal => ({ lines, exitCode: EXIT.usage });
  const command = COMMANDS.find((one) => one === flags.cmd);
  if (!command)
    return refuse(`unsupported cmd: ${flags.cmd ?? 'None'}`, `available cmds: [${COMMANDS.map((one) => `'${one}'`).join(', ')}]`);
  const { zk_cluster: zookeeper, zk_root_path: root } = flags;
  if (!zookeeper) return refuse('ERROR: must provide --zk_cluster');
  if (!root?.startsWith('/')) return refuse('ERROR: must provide --zk_root_path, which begins with /');
  const cluster = `openmldb://${zookeeper}${root}`;
  const base = (params: { [key: string]: Json } = {}): OpsRequest => ({ command, kind: KINDS[command], params: { cluster, ...params } });
  const deadline = deadlineOf(flags.op_deadline);
  if (deadline === undefined) return refuse(`ERROR: --op_deadline ${flags.op_deadline}: it must be a number of seconds`);
  const endpoints = (flags.endpoints ?? '').split(',').filter((endpoint) => endpoint !== '');
  const statfile = resolve(cwd, flags.statfile ?? '.stat');
  switch (command) {
    case 'recoverdata':
    case 'scaleout':
      return base(deadline);
    case 'scalein':
      return endpoints.length === 0 ? refuse('ERROR: no endpoint specified') : base({ endpoints, ...deadline });
    case 'pre-upgrade':
    case 'post-upgrade': {
      const [endpoint] = endpoints;
      if (endpoint === undefined) return refuse('ERROR: must provide --endpoints');
      // The original takes the first and forgets the others.
      if (endpoints.length > 1) return refuse(`ERROR: ${command} takes one endpoint, not ${endpoints.length}`);
      const single = command === 'pre-upgrade' ? { allowSingleReplica: flags.allow_single_replica === 'true' } : {};
      return base({ endpoint, statfile, ...single, ...deadline });
    }
    case 'showopstatus':
      return base({ ...(flags.db ? { db: flags.db } : {}), ...(flags.filter ? { filter: flags.filter } : {}) });
    case 'showtablestatus':
      return base(flags.filter ? { filter: flags.filter } : {});
  }
}

function deadlineOf(text: string | undefined): { opDeadlineMs?: number } | undefined {
  if (text === undefined) return {};
  const seconds = Number(text);
  return seconds > 0 ? { opDeadlineMs: Math.round(seconds * 1000) } : undefined;
}
