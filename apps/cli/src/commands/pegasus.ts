/** `longshore pegasus …`: flags to parameters. The flags of the original table migrator keep their names. */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { Terminal } from '../terminal.ts';
import { milliseconds, wholeNumber } from './options.ts';
import type { RunningFlags } from './system.ts';
import { needed, operationCommand, systemGroup, target } from './system.ts';

interface TableFlags extends RunningFlags {
  table?: string;
  source?: string;
}

interface MigrateFlags extends TableFlags {
  node?: string;
  root?: string;
  cluster?: string;
  meta?: string;
  threshold?: number;
  maxDenial?: number;
  denials?: number;
  poll?: number;
  rounds?: number;
  configSync?: number;
  dupSync?: number;
  prepare?: number;
  stuck?: number;
  afterDrain?: string;
  acceptCounters?: true;
}

interface CleanupFlags extends TableFlags {
  cluster?: string;
  dropTable?: true;
  reserve?: number;
}

interface StatusFlags extends TableFlags {
  node?: string;
  root?: string;
}

const ofTable = (command: Command): Command =>
  command
    .option('-t, --table <name>', 'the table')
    .option(
      '--source <metas>',
      'metas of the cluster that has it: a name in longshore.yaml, or host:port,host:port',
      target('--source', 'pegasus'),
    );

const ofProxy = (command: Command): Command =>
  command
    .option('-n, --node <zookeeper>', 'ZooKeeper of the meta proxy; absent: the one of the source cluster', target('--node', 'zookeeper'))
    .option('-r, --root <path>', 'path of the meta proxy in ZooKeeper');

/** A root may be given with a slash at its end, as people do. */
const path = (root: string): string => `/${root.replace(/^\/+|\/+$/g, '')}`;

function migrate(terminal: Terminal, name: string, title: string): Command {
  return operationCommand<MigrateFlags>(terminal, {
    name,
    title,
    examples: [
      `longshore pegasus ${name} -t temp --source 10.0.0.1:34601,10.0.0.2:34601 -c onebox2 -m 10.0.1.1:34601,10.0.1.2:34601 -r /pegasus-meta-proxy --plan`,
      `longshore pegasus ${name} -t temp --source cluster1 -c onebox2 -m cluster2 -r /pegasus-meta-proxy --approvals cutover`,
      `longshore pegasus ${name} -t temp --source cluster1 -c onebox2 -m cluster2 --after-drain lift`,
    ],
    options: (command) =>
      ofProxy(ofTable(command))
        .option('-c, --cluster <name>', 'name of the target cluster, as the source servers know it')
        .option('-m, --meta <metas>', 'metas of the target cluster; written into the meta proxy as they stand', target('--meta', 'pegasus'))
        .option(
          '-p, --threshold <mutations>',
          'writes are denied when fewer wait, over all partitions (10000)',
          wholeNumber(0, 1_000_000_000),
        )
        .option('--max-denial <duration>', 'writes are denied for no longer than this (5m)', milliseconds)
        .option('--denials <n>', 'how often, when they did not drain in time (3)', wholeNumber(1, 10))
        .option('--poll <duration>', 'pause between two looks at the backlog (10s)', milliseconds)
        .option('--rounds <n>', 'looks in a row that must find it small (3)', wholeNumber(1, 100))
        .option('--prepare <duration>', 'longest time for the copy of what is there (1d)', milliseconds)
        .option('--stuck <duration>', 'a backlog that has not moved for so long is stuck (5m)', milliseconds)
        .option('--config-sync <duration>', 'config_sync_interval_ms of the source servers (30s)', milliseconds)
        .option('--dup-sync <duration>', 'how often their replicas tell of duplications (10s)', milliseconds)
        .addOption(
          new Option('--after-drain <what>', 'without --root: leave writes denied for you to switch by hand, or lift the denial').choices([
            'keep-denied',
            'lift',
          ]),
        )
        .option('--accept-counters', 'go on where the source tells by counters only what waits: drained is seen then, not proven'),
    request: (flags) => {
      const command = `pegasus ${name}`;
      const { node, root, threshold, maxDenial, denials, poll, rounds, configSync, dupSync, prepare, stuck, afterDrain, acceptCounters } =
        flags;
      const params = {
        table: needed(command, '--table', flags.table),
        source: needed(command, '--source', flags.source),
        cluster: needed(command, '--cluster', flags.cluster),
        meta: needed(command, '--meta', flags.meta),
        ...given({ node, root: root === undefined ? undefined : path(root), threshold, denials, rounds, afterDrain }),
        ...(acceptCounters ? { acceptCounters } : {}),
        ...given({
          maxDenialMs: maxDenial,
          pollMs: poll,
          configSyncMs: configSync,
          dupSyncMs: dupSync,
          prepareMs: prepare,
          stuckMs: stuck,
        }),
      };
      return {
        kind: 'pegasus.migrate-table',
        params,
        headline: `move the table ${params.table} from ${params.source} to ${params.cluster} (${params.meta}).`,
      };
    },
  });
}

/** What was given, without what was not. */
function given(flags: Record<string, string | number | undefined>): Record<string, string | number> {
  return Object.fromEntries(Object.entries(flags).filter((entry): entry is [string, string | number] => entry[1] !== undefined));
}

function denial(terminal: Terminal, name: 'finish' | 'lift', title: string): Command {
  return operationCommand<TableFlags>(terminal, {
    name,
    title,
    examples: [`longshore pegasus ${name} -t temp --source cluster1`],
    options: ofTable,
    request: ({ table, source }) => {
      const params = {
        table: needed(`pegasus ${name}`, '--table', table),
        source: needed(`pegasus ${name}`, '--source', source),
      };
      const what = name === 'finish' ? 'send the clients away from' : 'let clients write again at';
      return { kind: `pegasus.${name}`, params, headline: `${what} ${params.source}, table ${params.table}.` };
    },
  });
}

export function pegasusCommand(terminal: Terminal): Command {
  return systemGroup('pegasus', 'Pegasus: move a live table to another cluster', [
    migrate(terminal, 'migrate-table', 'move a live table to another cluster: duplicate, catch up, deny writes, drain, switch'),
    migrate(terminal, 'table-migrator', 'the same, under the name of the tool it takes the place of'),
    operationCommand<StatusFlags>(terminal, {
      name: 'status',
      title: 'where a table stands: its denial, its duplications, the meta proxy',
      examples: ['longshore pegasus status -t temp --source cluster1 -r /pegasus-meta-proxy'],
      options: (command) => ofProxy(ofTable(command)),
      request: ({ table, source, node, root }) => {
        const params = {
          table: needed('pegasus status', '--table', table),
          source: needed('pegasus status', '--source', source),
          ...given({ node, root: root === undefined ? undefined : path(root) }),
        };
        return { kind: 'pegasus.status', params, headline: `look at the table ${params.table} at ${params.source}.` };
      },
    }),
    operationCommand<CleanupFlags>(terminal, {
      name: 'cleanup',
      title: 'remove the duplication of a table that was moved, and the table at the source when asked',
      examples: [
        'longshore pegasus cleanup -t temp --source cluster1 -c onebox2',
        'longshore pegasus cleanup -t temp --source cluster1 -c onebox2 --drop-table',
      ],
      options: (command) =>
        ofTable(command)
          .option('-c, --cluster <name>', 'name of the cluster that has it now')
          .option('--drop-table', 'drop the table at the source too')
          .option('--reserve <duration>', 'for so long its data can be recalled (7d)', milliseconds),
      request: ({ table, source, cluster, dropTable, reserve }) => {
        const params = {
          table: needed('pegasus cleanup', '--table', table),
          source: needed('pegasus cleanup', '--source', source),
          cluster: needed('pegasus cleanup', '--cluster', cluster),
          ...(dropTable ? { dropTable } : {}),
          ...(reserve === undefined ? {} : { reserveSeconds: Math.round(reserve / 1000) }),
        };
        return {
          kind: 'pegasus.cleanup',
          params,
          headline: `clean up after ${params.table} was moved from ${params.source} to ${params.cluster}.`,
        };
      },
    }),
    denial(terminal, 'finish', 'end a switch that was made by hand: send the clients of the source away'),
    denial(terminal, 'lift', 'let the clients of a table write again'),
  ]);
}
