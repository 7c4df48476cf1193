/** `longshore openmldb …`: flags to parameters. */
import { resolve } from 'node:path';
import type { Json } from '@longshore/core';
import { type Command, Option } from 'commander';
import { parseAddress } from '../arguments/target.ts';
import { BadUsage } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { milliseconds, names, wholeNumber } from './options.ts';
import type { OperationRequest, RunningFlags } from './system.ts';
import { needed, operationCommand, systemGroup } from './system.ts';

interface ClusterFlags extends RunningFlags {
  cluster?: string;
  zk_cluster?: string;
  zk_root_path?: string;
}

interface ChangeFlags extends ClusterFlags {
  concurrency?: number;
  opDeadline?: number;
  maxHold?: number;
  foreign?: string;
}

interface ScaleInFlags extends ChangeFlags {
  endpoints?: string[];
}

interface UpgradeFlags extends ChangeFlags {
  endpoints?: string[];
  statfile?: string;
  from?: string;
  allow_single_replica?: boolean;
  tabletDeadline?: number;
}

interface OpStatusFlags extends ClusterFlags {
  db?: string;
  filter?: string;
}

const CLUSTER = '--zk_cluster zk1:2181,zk2:2181 --zk_root_path /openmldb';

function cluster(command: Command): Command {
  return command
    .option('--cluster <target>', 'the cluster: a name in longshore.yaml, or openmldb://zk1:2181,zk2:2181/root')
    .option('--zk_cluster <hosts>', 'its ZooKeeper in place of that, host:port with commas')
    .option('--zk_root_path <path>', 'and its root path there');
}

function change(command: Command): Command {
  return cluster(command)
    .option('--concurrency <n>', 'partitions at a time; the nameserver itself runs two ops at once', wholeNumber(1, 32))
    .option('--op-deadline <duration>', 'an op of the nameserver that has not ended by then is cancelled (default 2h)', milliseconds)
    .option('--max-hold <duration>', 'auto_failover is off for no longer than this (default 1d)', milliseconds)
    .addOption(new Option('--foreign <what>', 'what to do while ops of others are in progress').choices(['wait', 'refuse']));
}

function missing(name: string, flag: string): ReturnType<typeof BadUsage> {
  return BadUsage({ problem: `the flag ${flag} is missing`, command: `longshore openmldb ${name}` });
}

/** Options with an underscore keep it: they are those of OpenMLDB's own tool. */
function clusterOf(name: string, flags: ClusterFlags): string {
  const { cluster: given, zk_cluster: hosts, zk_root_path: root } = flags;
  if (given !== undefined) return parseAddress('--cluster', given, 'openmldb');
  if (hosts === undefined) throw missing(name, '--cluster (or --zk_cluster with --zk_root_path)');
  const path = needed(`openmldb ${name}`, '--zk_root_path', root);
  return parseAddress('--zk_cluster', `${hosts}/${path.replace(/^\/+/, '')}`, 'openmldb');
}

/** What an operation on a cluster takes. */
interface ClusterParams {
  cluster: string;
  [key: string]: Json;
}

function changing(name: string, flags: ChangeFlags): ClusterParams {
  const { concurrency, opDeadline, maxHold, foreign } = flags;
  return {
    cluster: clusterOf(name, flags),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(opDeadline === undefined ? {} : { opDeadlineMs: opDeadline }),
    ...(maxHold === undefined ? {} : { maxHoldMs: maxHold }),
    ...(foreign === undefined ? {} : { foreign }),
  };
}

function oneEndpoint(name: string, endpoints: string[] | undefined): string {
  const [endpoint, ...others] = needed(`openmldb ${name}`, '--endpoints', endpoints);
  if (endpoint === undefined || others.length > 0)
    throw BadUsage({ problem: '--endpoints takes one tablet here', command: `longshore openmldb ${name}` });
  return endpoint;
}

const all =
  (kind: string, name: string, headline: string) =>
  (flags: ChangeFlags): OperationRequest => {
    const params = changing(name, flags);
    return { kind, params, headline: `${headline} ${params.cluster}.` };
  };

export function openmldbCommand(terminal: Terminal): Command {
  return systemGroup('openmldb', 'OpenMLDB: recover, scale out, scale in, upgrade tablets', [
    operationCommand<ChangeFlags>(terminal, {
      name: 'recoverdata',
      title: 'mend what a restart or a loss of tablets has left',
      examples: [`longshore openmldb recoverdata ${CLUSTER} --plan`, 'longshore openmldb recoverdata --cluster prod'],
      options: change,
      request: all('openmldb.recover-data', 'recoverdata', 'recover partitions of'),
    }),
    operationCommand<ChangeFlags>(terminal, {
      name: 'scaleout',
      title: 'spread partitions and leaders over all tablets, new ones included',
      examples: [`longshore openmldb scaleout ${CLUSTER} --plan`, 'longshore openmldb scaleout --cluster prod --concurrency 2'],
      options: change,
      request: all('openmldb.scale-out', 'scaleout', 'spread the partitions of'),
    }),
    operationCommand<ScaleInFlags>(terminal, {
      name: 'scalein',
      title: 'empty tablets, to take them away',
      examples: [`longshore openmldb scalein ${CLUSTER} --endpoints tablet3:10921,tablet4:10921 --plan`],
      options: (command) => change(command).option('--endpoints <tablets>', 'which, with commas', names),
      request: (flags) => {
        const endpoints = needed('openmldb scalein', '--endpoints', flags.endpoints);
        const params: ClusterParams = { ...changing('scalein', flags), endpoints };
        return { kind: 'openmldb.scale-in', params, headline: `empty ${endpoints.join(', ')} of ${params.cluster}.` };
      },
    }),
    operationCommand<UpgradeFlags>(terminal, {
      name: 'pre-upgrade',
      title: 'have others lead what a tablet leads, before it is stopped',
      examples: [
        `longshore openmldb pre-upgrade ${CLUSTER} --endpoints tablet1:10921 --statfile /var/tmp/stat`,
        'longshore openmldb pre-upgrade --cluster prod --endpoints tablet1:10921 --allow_single_replica --plan',
      ],
      options: (command) =>
        change(command)
          .option('--endpoints <tablet>', 'the tablet', names)
          .option('--statfile <file>', 'file in which what was moved is noted as well, on the machine of the migrator')
          .option('--allow_single_replica', 'partitions with one replica stay where they are'),
      request: (flags, { cwd }) => {
        const endpoint = oneEndpoint('pre-upgrade', flags.endpoints);
        const params: ClusterParams = {
          ...changing('pre-upgrade', flags),
          endpoint,
          allowSingleReplica: flags.allow_single_replica === true,
          ...(flags.statfile === undefined ? {} : { statfile: resolve(cwd, flags.statfile) }),
        };
        return { kind: 'openmldb.pre-upgrade', params, headline: `move the leaders off ${endpoint} of ${params.cluster}.` };
      },
    }),
    operationCommand<UpgradeFlags>(terminal, {
      name: 'post-upgrade',
      title: 'have a tablet lead again what it led before its upgrade',
      examples: [
        `longshore openmldb post-upgrade ${CLUSTER} --endpoints tablet1:10921 --statfile /var/tmp/stat`,
        'longshore openmldb post-upgrade --cluster prod --endpoints tablet1:10921 --from op_ab12cd34',
      ],
      options: (command) =>
        change(command)
          .option('--endpoints <tablet>', 'the tablet', names)
          .option('--statfile <file>', 'the file that pre-upgrade wrote, on the machine of the migrator')
          .option('--from <id>', 'the pre-upgrade by its id, in place of a file')
          .option('--tablet-deadline <duration>', 'how long the tablet is waited for (default 10m)', milliseconds),
      request: (flags, { cwd }) => {
        const endpoint = oneEndpoint('post-upgrade', flags.endpoints);
        if (flags.statfile === undefined && flags.from === undefined) throw missing('post-upgrade', '--statfile (or --from)');
        const params: ClusterParams = {
          ...changing('post-upgrade', flags),
          endpoint,
          ...(flags.statfile === undefined ? {} : { statfile: resolve(cwd, flags.statfile) }),
          ...(flags.from === undefined ? {} : { from: flags.from }),
          ...(flags.tabletDeadline === undefined ? {} : { tabletDeadlineMs: flags.tabletDeadline }),
        };
        return { kind: 'openmldb.post-upgrade', params, headline: `bring the leaders back to ${endpoint} of ${params.cluster}.` };
      },
    }),
    operationCommand<OpStatusFlags>(terminal, {
      name: 'showopstatus',
      title: 'show the ops of the nameserver',
      examples: [`longshore openmldb showopstatus ${CLUSTER} --filter kFailed`],
      options: (command) =>
        cluster(command)
          .option('--db <name>', 'only of this database')
          .addOption(
            new Option('--filter <status>', 'only in this status').choices(['kInited', 'kDoing', 'kDone', 'kFailed', 'kCanceled']),
          ),
      request: (flags) => {
        const params = {
          cluster: clusterOf('showopstatus', flags),
          ...(flags.db === undefined ? {} : { db: flags.db }),
          ...(flags.filter === undefined ? {} : { filter: flags.filter }),
        };
        return { kind: 'openmldb.show-op-status', params, headline: `ops of ${params.cluster}.` };
      },
    }),
    operationCommand<OpStatusFlags>(terminal, {
      name: 'showtablestatus',
      title: 'show the tables, and what does not fit together',
      examples: [`longshore openmldb showtablestatus ${CLUSTER} --filter 'db%'`],
      options: (command) =>
        cluster(command).option('--filter <pattern>', 'of the database: % stands for anything, _ for one character', '%'),
      request: (flags) => {
        const params = { cluster: clusterOf('showtablestatus', flags), ...(flags.filter === undefined ? {} : { filter: flags.filter }) };
        return { kind: 'openmldb.show-table-status', params, headline: `tables of ${params.cluster}.` };
      },
    }),
  ]);
}
