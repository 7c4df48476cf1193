/** `longshore vitess …`: flags to parameters. The commands of old keep the names of the original's parameters. */
import type { Json } from '@longshore/core';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { BadUsage } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { milliseconds, names, wholeNumber } from './options.ts';
import type { OperationRequest, RunningFlags } from './system.ts';
import { needed, operationCommand, systemGroup, target } from './system.ts';

interface WorkflowFlags extends RunningFlags {
  cluster?: string;
  workflow?: string;
  vtgates?: string[];
  maxLag?: number;
  switchTimeout?: number;
  watchFor?: number;
  complete?: boolean;
  load?: { metric: string; limit: number } | null;
}

interface ReshardFlags extends WorkflowFlags {
  keyspace?: string;
  sourceShards?: string[];
  targetShards?: string[];
}

interface MoveFlags extends WorkflowFlags {
  sourceKeyspace?: string;
  targetKeyspace?: string;
  tables?: string[];
}

/** Under the names of the original's parameters. */
interface LegacyFlags extends RunningFlags {
  [parameter: string]: unknown;
  canary?: boolean;
  concurrency?: number;
  preflight?: boolean;
}

/** `lag=5`, or `off`. */
function loadSignal(text: string): { metric: string; limit: number } | null {
  if (text === 'off') return null;
  const [, metric, limit] = /^([\w/]+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (metric === undefined || Number(limit) <= 0)
    throw new InvalidArgumentError('It must be a metric with its limit, such as lag=5, or off.');
  return { metric, limit: Number(limit) };
}

/** Only what was given: the rest has its default in the kind. */
function given(values: { [key: string]: Json | undefined }): { [key: string]: Json } {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

/** All that is missing is named at once. */
function allNeeded(command: string, flags: { [flag: string]: unknown }): void {
  const missing = Object.keys(flags).filter((flag) => flags[flag] === undefined);
  if (missing.length < 2) return;
  const list = `${missing.slice(0, -1).join(', ')} and ${missing.at(-1)}`;
  throw BadUsage({ problem: `the flags ${list} are missing`, command: `longshore ${command}` });
}

/** A count that goes to vtworker as text. */
function count(text: string): string {
  return String(wholeNumber(0, 1_000_000)(text));
}

const cluster = (command: Command): Command =>
  command.option('--cluster <target>', 'vtctld: a name in longshore.yaml, or host:port', target('--cluster', 'grpc'));

const workflowOptions = (command: Command): Command =>
  cluster(command)
    .option('--workflow <name>', 'its name in Vitess; otherwise one is made')
    .option('--vtgates <targets>', 'vtgates that must know the targets before anything is switched, with commas', (text) =>
      names(text).map(target('--vtgates', 'grpc')),
    )
    .option('--max-lag <seconds>', 'nothing is switched while the targets are further behind', wholeNumber(0, 3_600))
    .option('--switch-timeout <duration>', 'how long writes may wait for the targets to catch up', milliseconds)
    .option('--watch-for <duration>', 'how long the way back is watched before it is given up', milliseconds)
    .option(
      '--load <metric=limit>',
      'throttle the copying while this metric of the throttler is above its limit, such as lag=5; off: never',
      loadSignal,
    )
    .option('--no-complete', 'leave the source and the way back as they are at the end');

const workflowParams = ({ workflow, vtgates, maxLag, switchTimeout, watchFor, complete, load }: WorkflowFlags): { [key: string]: Json } =>
  given({
    workflow,
    vtgates,
    maxLagSeconds: maxLag,
    switchTimeoutMs: switchTimeout,
    watchMs: watchFor,
    complete: complete === false ? false : undefined,
    load,
  });

const legacyOptions = (command: Command): Command =>
  command
    .option('--vtctld_endpoint <host:port>', 'vtctld, or the name of a target')
    .option('--vtworker_endpoint <host:port>', 'vtworker, or the name of a target')
    .option('--min_healthy_rdonly_tablets <n>', 'rdonly tablets that must be left to serve while one is used', count)
    .option('--canary', 'the first shard of each phase alone, then the rest; with --approvals every-stage a person looks in between')
    .option('--concurrency <n>', 'tasks of a phase at a time (a vtworker runs one all the same)', wholeNumber(1, 64))
    .option('--no-preflight', 'do not look at the topology first, as the original does not');

function legacyParams(command: string, flags: LegacyFlags, required: string[], optional: string[]): { [key: string]: Json } {
  const { canary, concurrency, preflight } = flags;
  const of = (key: string): string | undefined => flags[key] as string | undefined;
  allNeeded(command, Object.fromEntries(required.map((key) => [`--${key}`, of(key)])));
  return given({
    ...Object.fromEntries(required.map((key) => [key, needed(command, `--${key}`, of(key))])),
    ...Object.fromEntries(optional.map((key) => [key, of(key)])),
    canary,
    concurrency,
    preflight: preflight === false ? false : undefined,
  });
}

export function vitessCommand(terminal: Terminal): Command {
  const reshard = operationCommand<ReshardFlags>(terminal, {
    name: 'reshard',
    title: 'reshard a keyspace: copy, compare, switch reads, switch writes, complete (Vitess 24)',
    examples: [
      'longshore vitess reshard --cluster vt --keyspace customer --source-shards 0 --target-shards -80,80- --plan',
      'longshore vitess reshard --cluster localhost:15999 --keyspace customer --source-shards -80 --target-shards -40,40-80 --approvals cutover',
    ],
    options: (command) =>
      workflowOptions(command)
        .option('--keyspace <name>', 'the keyspace')
        .option('--source-shards <shards>', 'shards that serve now, with commas', names)
        .option('--target-shards <shards>', 'shards that shall serve, with commas', names),
    request: (flags): OperationRequest => {
      allNeeded('vitess reshard', {
        '--cluster': flags.cluster,
        '--keyspace': flags.keyspace,
        '--source-shards': flags.sourceShards,
        '--target-shards': flags.targetShards,
      });
      const keyspace = needed('vitess reshard', '--keyspace', flags.keyspace);
      const sourceShards = needed('vitess reshard', '--source-shards', flags.sourceShards);
      const targetShards = needed('vitess reshard', '--target-shards', flags.targetShards);
      const params = {
        cluster: needed('vitess reshard', '--cluster', flags.cluster),
        keyspace,
        sourceShards,
        targetShards,
        ...workflowParams(flags),
      };
      return { kind: 'vitess.reshard', params, headline: `reshard ${keyspace}: ${sourceShards.join(', ')} to ${targetShards.join(', ')}.` };
    },
  });
  const moveTables = operationCommand<MoveFlags>(terminal, {
    name: 'move-tables',
    title: 'move tables to another keyspace, through the same steps (Vitess 24)',
    examples: [
      'longshore vitess move-tables --cluster vt --source-keyspace commerce --target-keyspace customer --tables corder,customer --plan',
    ],
    options: (command) =>
      workflowOptions(command)
        .option('--source-keyspace <name>', 'where they are')
        .option('--target-keyspace <name>', 'where they go')
        .option('--tables <names>', 'which, with commas; otherwise all', names),
    request: (flags): OperationRequest => {
      allNeeded('vitess move-tables', {
        '--cluster': flags.cluster,
        '--source-keyspace': flags.sourceKeyspace,
        '--target-keyspace': flags.targetKeyspace,
      });
      const sourceKeyspace = needed('vitess move-tables', '--source-keyspace', flags.sourceKeyspace);
      const targetKeyspace = needed('vitess move-tables', '--target-keyspace', flags.targetKeyspace);
      const params = {
        cluster: needed('vitess move-tables', '--cluster', flags.cluster),
        sourceKeyspace,
        targetKeyspace,
        ...given({ tables: flags.tables }),
        ...workflowParams(flags),
      };
      const what = flags.tables?.join(', ') ?? 'all tables';
      return { kind: 'vitess.move-tables', params, headline: `move ${what} from ${sourceKeyspace} to ${targetKeyspace}.` };
    },
  });
  const status = operationCommand<RunningFlags & { cluster?: string; keyspace?: string }>(terminal, {
    name: 'status',
    title: 'look at a keyspace: who serves, what copies where, what is unsafe; changes nothing',
    examples: ['longshore vitess status --cluster vt --keyspace customer'],
    options: (command) => cluster(command).option('--keyspace <name>', 'the keyspace'),
    request: (flags): OperationRequest => {
      allNeeded('vitess status', { '--cluster': flags.cluster, '--keyspace': flags.keyspace });
      const keyspace = needed('vitess status', '--keyspace', flags.keyspace);
      const params = { cluster: needed('vitess status', '--cluster', flags.cluster), keyspace };
      return { kind: 'vitess.status', params, headline: `look at ${keyspace}.` };
    },
  });
  const horizontal = operationCommand<LegacyFlags>(terminal, {
    name: 'horizontal-resharding',
    title: 'the HorizontalReshardingTask of the automation of old (Vitess up to 7)',
    examples: [
      'longshore vitess horizontal-resharding --keyspace ks --source_shard_list 0 --dest_shard_list -80,80- --vtctld_endpoint localhost:15999 --vtworker_endpoint localhost:15033 --approvals cutover',
    ],
    options: (command) =>
      legacyOptions(
        command
          .option('--keyspace <name>', 'the keyspace')
          .option('--source_shard_list <shards>', 'source shards, with commas')
          .option('--dest_shard_list <shards>', 'destination shards, with commas')
          .option('--exclude_tables <names>', 'tables that are left out, with commas'),
      ),
    request: (flags): OperationRequest => {
      const required = ['keyspace', 'source_shard_list', 'dest_shard_list', 'vtctld_endpoint', 'vtworker_endpoint'];
      const params = legacyParams('vitess horizontal-resharding', flags, required, ['exclude_tables', 'min_healthy_rdonly_tablets']);
      const { keyspace, source_shard_list: from, dest_shard_list: to } = params;
      return { kind: 'vitess.horizontal-resharding', params, headline: `reshard ${String(keyspace)}: ${String(from)} to ${String(to)}.` };
    },
  });
  const vertical = operationCommand<LegacyFlags>(terminal, {
    name: 'vertical-split',
    title: 'the VerticalSplitTask of the automation of old (Vitess up to 7)',
    examples: [
      'longshore vitess vertical-split --source_keyspace src --dest_keyspace dst --shard_list 0 --tables t1,t2 --vtctld_endpoint localhost:15999 --vtworker_endpoint localhost:15033',
    ],
    options: (command) =>
      legacyOptions(
        command
          .option('--source_keyspace <name>', 'where the tables are')
          .option('--dest_keyspace <name>', 'where they go')
          .option('--shard_list <shards>', 'shards of both keyspaces, with commas')
          .option('--tables <names>', 'which, with commas; /…/ is a pattern'),
      ),
    request: (flags): OperationRequest => {
      const required = ['source_keyspace', 'dest_keyspace', 'shard_list', 'tables', 'vtctld_endpoint', 'vtworker_endpoint'];
      const params = legacyParams('vitess vertical-split', flags, required, ['min_healthy_rdonly_tablets']);
      const { source_keyspace: from, dest_keyspace: to, tables } = params;
      return { kind: 'vitess.vertical-split', params, headline: `move ${String(tables)} from ${String(from)} to ${String(to)}.` };
    },
  });
  return systemGroup('vitess', 'Vitess: reshard a keyspace, move tables, the way of today and that of old', [
    reshard,
    moveTables,
    status,
    horizontal,
    vertical,
  ]);
}
