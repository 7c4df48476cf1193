/** `longshore openio …`: flags to parameters. */
import type { Json } from '@longshore/core';
import { type Command, Option } from 'commander';
import type { Terminal } from '../terminal.ts';
import { milliseconds, names, wholeNumber } from './options.ts';
import type { RunningFlags } from './system.ts';
import { needed, operationCommand, systemGroup, target } from './system.ts';

interface NamespaceFlags extends RunningFlags {
  ns?: string;
  proxy?: string[];
}

interface PlacementFlags extends NamespaceFlags {
  replicas?: number;
  location?: string;
  minDist?: number;
}

interface InventoryFlags extends NamespaceFlags {
  account?: string;
  container?: string[];
  inventory?: string;
  rdir?: string;
}

interface MoveFlags extends PlacementFlags {
  account?: string;
  container?: string;
  cid?: string;
  from?: string;
  to?: string;
  mode?: string;
  maxFrozen?: number;
  backup?: string;
  rdir?: string;
  pause?: number;
}

interface MovesFlags extends PlacementFlags, InventoryFlags {
  concurrency?: number;
  perService?: number;
  pause?: number;
}

interface RebalanceFlags extends MovesFlags {
  from?: string[];
  tolerance?: number;
  maxMoves?: number;
}

interface DecommissionFlags extends MovesFlags {
  from?: string;
  keep?: number;
}

interface CheckFlags extends InventoryFlags {
  concurrency?: number;
}

interface RepairFlags extends CheckFlags {
  enable?: boolean;
}

type Params = { [key: string]: Json };
/** Flags that were given, under the names of the parameters. */
function given(values: { [key: string]: Json | undefined }): Params {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Params;
}

const namespaceOptions = (command: Command): Command =>
  command
    .option('--proxy <targets>', 'all oio-proxies that clients use, with commas: names in longshore.yaml or addresses', (text) =>
      names(text).map(target('--proxy', 'http')),
    )
    .option('--ns <name>', 'namespace they are of; may stand under the settings of the target');

const placementOptions = (command: Command): Command =>
  command
    .option('--replicas <n>', 'replicas a container has', wholeNumber(1, 9))
    .option('--location <a.b.c.d>', 'strict_location_constraint of the pool: most replicas in a data centre, rack, server, disk')
    .option('--min-dist <n>', 'min_dist of the pool', wholeNumber(1, 4));

const inventoryOptions = (command: Command): Command =>
  command
    .option('--account <name>', 'of the containers named with --container')
    .option('--container <names>', 'only these, with commas', names)
    .addOption(new Option('--inventory <where>', 'where the bases are listed').choices(['files', 'rdir']))
    .option('--rdir <address>', 'address of the rdir: to list bases with it, and to be told which have left');

const movesOptions = (command: Command): Command =>
  placementOptions(inventoryOptions(namespaceOptions(command)))
    .option('--concurrency <n>', 'moves at a time', wholeNumber(1, 64))
    .option('--per-service <n>', 'moves at a time from one service, and to one', wholeNumber(1, 64))
    .option('--pause <duration>', 'draw each step out, to watch it', milliseconds);

function namespaceParams(command: string, { ns, proxy }: NamespaceFlags): Params {
  return { proxies: needed(command, '--proxy', proxy), ...given({ namespace: ns }) };
}
const placementParams = ({ replicas, location, minDist }: PlacementFlags): Params => given({ replicas, location, minDistance: minDist });

function inventoryParams(command: string, { account, container, inventory, rdir }: InventoryFlags): Params {
  const containers = container?.map((name) => (/^[0-9A-F]{64}$/.test(name) ? name : `${needed(command, '--account', account)}/${name}`));
  return given({ containers, inventory, rdir });
}
const movesParams = (command: string, flags: MovesFlags): Params => ({
  ...namespaceParams(command, flags),
  ...placementParams(flags),
  ...inventoryParams(command, flags),
  ...given({ concurrency: flags.concurrency, perService: flags.perService, pauseMs: flags.pause }),
});

export function openioCommand(terminal: Terminal): Command {
  return systemGroup('openio', 'OpenIO: meta2 bases are moved and evened out, and containers never disappear meanwhile', [
    operationCommand<MoveFlags>(terminal, {
      name: 'move',
      title: 'move the base of one container from one meta2 service to another',
      examples: [
        'longshore openio move --ns OPENIO --proxy 127.0.0.1:6006 --account acct --container cnt2 --from 127.0.0.1:6020 --plan',
        'longshore openio move --ns OPENIO --proxy 127.0.0.1:6006,127.0.0.1:6007 --account acct --container cnt2 --from 127.0.0.1:6020 --to 127.0.0.2:6024',
        'longshore openio move --proxy oio-1,oio-2 --account acct --container cnt2 --from 127.0.0.1:6020 --mode manual --max-frozen 5m',
      ],
      options: (command) =>
        placementOptions(namespaceOptions(command))
          .option('--account <name>', 'of the container')
          .option('--container <name>', 'which')
          .option('--cid <id>', 'its id, in place of both')
          .option('--from <service>', 'service that holds a replica of it, as meta1 names it')
          .option('--to <service>', 'service that gets it; left out: the fittest by location and score')
          .addOption(
            new Option(
              '--mode <mode>',
              'native: through the services, online; manual: files are edited on their hosts, for a container without a master, too',
            ).choices(['native', 'manual']),
          )
          .option('--max-frozen <duration>', 'manual: frozen for no longer than this', milliseconds)
          .option('--backup <directory>', 'manual: where backups go, on each host; left out: beside the volume')
          .option('--rdir <address>', 'address of the rdir, to be told that the base has left')
          .option('--pause <duration>', 'draw each step out, to watch it', milliseconds),
      request: (flags) => {
        const { account, container, cid, to, mode, maxFrozen, backup, rdir, pause } = flags;
        const from = needed('openio move', '--from', flags.from);
        if (cid === undefined) {
          needed('openio move', '--container', container);
          needed('openio move', '--account', account);
        }
        const params = {
          ...namespaceParams('openio move', flags),
          ...placementParams(flags),
          from,
          ...given({ account, container, cid, to, mode, maxFrozenMs: maxFrozen, backup, rdir, pauseMs: pause }),
        };
        const headline = `move ${cid ?? `${account}/${container}`} from ${from}${to === undefined ? '' : ` to ${to}`}.`;
        return { kind: 'openio.move-base', params, headline };
      },
    }),
    operationCommand<RebalanceFlags>(terminal, {
      name: 'rebalance',
      title: 'even out the bases of all meta2 services by score and location',
      examples: [
        'longshore openio rebalance --ns OPENIO --proxy 127.0.0.1:6006,127.0.0.1:6007 --plan',
        'longshore openio rebalance --proxy oio-1,oio-2 --from 127.0.0.1:6020 --max-moves 100 --location 3.3.2.1',
      ],
      options: (command) =>
        movesOptions(command)
          .option('--from <services>', 'only these may lose bases, with commas', names)
          .option('--tolerance <percent>', 'a surplus up to this is left alone', wholeNumber(0, 100))
          .option('--max-moves <n>', 'no more than so many; the same command again does the rest', wholeNumber(1, 1_000_000)),
      request: (flags) => ({
        kind: 'openio.rebalance',
        params: {
          ...movesParams('openio rebalance', flags),
          ...given({ from: flags.from, tolerancePercent: flags.tolerance, maxMoves: flags.maxMoves }),
        },
        headline: `even out the meta2 bases${flags.ns === undefined ? '' : ` of ${flags.ns}`}.`,
      }),
    }),
    operationCommand<DecommissionFlags>(terminal, {
      name: 'decommission',
      title: 'empty one meta2 service',
      examples: ['longshore openio decommission --ns OPENIO --proxy 127.0.0.1:6006,127.0.0.1:6007 --from 127.0.0.1:6020'],
      options: (command) =>
        movesOptions(command)
          .option('--from <service>', 'service to be emptied')
          .option('--keep <percent>', 'so many percent of its bases may stay', wholeNumber(0, 99)),
      request: (flags) => {
        const from = needed('openio decommission', '--from', flags.from);
        return {
          kind: 'openio.decommission',
          params: { ...movesParams('openio decommission', flags), from, ...given({ keepPercent: flags.keep }) },
          headline: `empty ${from}.`,
        };
      },
    }),
    operationCommand<CheckFlags>(terminal, {
      name: 'check',
      title: 'find containers whose directory, peers, election and files disagree; changes nothing',
      examples: [
        'longshore openio check --ns OPENIO --proxy 127.0.0.1:6006,127.0.0.1:6007',
        'longshore openio check --proxy oio-1,oio-2 --account acct --container cnt1,cnt2',
      ],
      options: (command) =>
        inventoryOptions(namespaceOptions(command)).option('--concurrency <n>', 'groups of containers at a time', wholeNumber(1, 64)),
      request: (flags) => ({
        kind: 'openio.check',
        params: {
          ...namespaceParams('openio check', flags),
          ...inventoryParams('openio check', flags),
          ...given({ concurrency: flags.concurrency }),
        },
        headline: 'look at every container; nothing is changed.',
      }),
    }),
    operationCommand<RepairFlags>(terminal, {
      name: 'repair',
      title: 'mend what a check finds, as far as a program may',
      examples: ['longshore openio repair --ns OPENIO --proxy 127.0.0.1:6006,127.0.0.1:6007 --plan'],
      options: (command) =>
        inventoryOptions(namespaceOptions(command))
          .option('--enable', 'also enable what somebody has frozen or disabled')
          .option('--concurrency <n>', 'containers at a time', wholeNumber(1, 16)),
      request: (flags) => ({
        kind: 'openio.repair',
        params: {
          ...namespaceParams('openio repair', flags),
          ...inventoryParams('openio repair', flags),
          ...given({ enable: flags.enable, concurrency: flags.concurrency }),
        },
        headline: 'mend what is not in order.',
      }),
    }),
  ]);
}
