/** The fleet itself: up, down, kinds, workers, spools. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Json, Log } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import { processLog, untilStopped } from '@longshore/host';
import { duration, UnknownKind } from '@longshore/operations';
import { isAlive, runningServer, stopServer } from '@longshore/programs';
import { Command } from 'commander';
import { openClient } from '../client.ts';
import type { ApiOption } from '../connection.ts';
import { connectFleet, withApi } from '../connection.ts';
import { FleetNotStopped, ListensElsewhere } from '../errors.ts';
import { Ended } from '../exit.ts';
import type { FleetRecord, Home } from '../local-fleet/home.ts';
import { fleetHome, makeHome, readFleet } from '../local-fleet/home.ts';
import { lockHolder } from '../local-fleet/lock.ts';
import { joinFleet } from '../local-fleet/start.ts';
import type { FleetMessage } from '../local-fleet/supervisor.ts';
import { endLeftovers, Supervisor } from '../local-fleet/supervisor.ts';
import type { Terminal } from '../terminal.ts';
import { bytes, plural, table } from '../text.ts';
import { examples, wholeNumber, withJson } from './options.ts';

interface Flags extends ApiOption {
  json?: boolean;
}

const STOP_WAIT_MS = 90_000;
/** The supervisor's own last resort, should one of its processes not end. */
const SUPERVISOR_STOP_MS = 60_000;
const POLL_MS = 50;

export function fleetCommands(terminal: Terminal): Command[] {
  return [
    upCommand(terminal),
    downCommand(terminal),
    kindsCommand(terminal),
    workersCommand(terminal),
    spoolsCommand(terminal),
    targetsCommand(terminal),
  ];
}

interface UpFlags {
  foreground?: boolean;
  dumpers: number;
  restorers: number;
  listen?: string;
}

function upCommand(terminal: Terminal): Command {
  const command = new Command('up')
    .description('start the whole fleet on this machine, with a Redis of its own unless REDIS_URL is set')
    .option('--foreground', 'stay, and end the fleet with Ctrl+C')
    .option('--dumpers <n>', 'dumper processes', wholeNumber(1, 64), 2)
    .option('--restorers <n>', 'restorer processes', wholeNumber(1, 64), 2)
    .option(
      '--listen <address>',
      'let the API listen on host:port, too; off 127.0.0.1 it asks for tokens (default: a socket only you can open)',
    );
  return examples(command, [
    'longshore up',
    'longshore up --dumpers 4 --restorers 4',
    'longshore up --foreground --listen 127.0.0.1:8750',
  ]).action(async (flags: UpFlags) => {
    const home = fleetHome();
    if (flags.foreground) return foreground(home, flags, terminal);
    const before = await readFleet(home);
    const wanted = { dumpers: flags.dumpers, restorers: flags.restorers, ...(flags.listen === undefined ? {} : { listen: flags.listen }) };
    const record = await joinFleet(home, wanted, (line) => terminal.say(line));
    const workers = `${plural(record.dumpers, 'dumper')}, ${plural(record.restorers, 'restorer')}`;
    const differs = record.dumpers !== flags.dumpers || record.restorers !== flags.restorers;
    if (before && flags.listen !== undefined && record.web !== flags.listen && !record.web?.endsWith(`//${flags.listen}`))
      throw ListensElsewhere({ wanted: flags.listen, now: record.web ?? record.api });
    terminal.print(
      `The local fleet ${before ? 'runs already' : 'is ready'}: process ${record.pid}, ${workers}, API at ${record.web ?? record.api}.`,
    );
    if (before && differs)
      terminal.say('To change its size: `longshore down`, then `longshore up` with the new numbers. Work in progress goes on afterwards.');
  });
}

/** The supervisor. Started by a command it tells that one over IPC how it goes, and lives on when it has left. */
async function foreground(home: Home, flags: UpFlags, terminal: Terminal): Promise<void> {
  const tell = (message: FleetMessage): void => {
    if (process.connected) process.send?.(message);
  };
  const detached = process.send !== undefined;
  await makeHome(home);
  const log: Log = detached ? processLog({ role: 'fleet' }) : plainLog(terminal);
  const supervisor = new Supervisor({
    home,
    dumpers: flags.dumpers,
    restorers: flags.restorers,
    ...(flags.listen === undefined ? {} : { listen: flags.listen }),
    log,
    say: detached ? (line) => tell({ say: line }) : (line) => terminal.say(line),
  });
  let stopping = false;
  const stopped = untilStopped(log, SUPERVISOR_STOP_MS, () => {
    stopping = true;
    if (!detached) terminal.say('Stopping: workers first, Redis last.');
    return supervisor.stop();
  });
  try {
    const record = await supervisor.start();
    tell({ ready: record });
    if (!detached) terminal.say(`The local fleet is ready, its API is at ${record.web ?? record.api}. Ctrl+C ends it.`);
  } catch (error) {
    if (stopping) return stopped;
    if (detached && error instanceof LongshoreError) tell({ failed: error.data });
    throw error;
  }
  return stopped;
}

/** For eyes: one line each, no JSON. */
function plainLog(terminal: Terminal): Log {
  const say = (details: object, text: string): void => {
    const rest = Object.entries(details).map(([key, value]) => `${key}=${value instanceof Error ? value.message : String(value)}`);
    terminal.say(`${new Date().toISOString().slice(11, 19)} ${text}${rest.length > 0 ? ` (${rest.join(', ')})` : ''}`);
  };
  return { debug: () => undefined, info: say, warn: say, error: say };
}

function downCommand(terminal: Terminal): Command {
  const command = new Command('down').description('end the local fleet; operations go on when it is started again');
  return examples(command, ['longshore down']).action(async () => {
    const home = fleetHome();
    const holder = await lockHolder(home.lockFile);
    if (!holder) {
      const ended = await cleanUp(home);
      terminal.print(
        ended ? 'The local fleet had been killed; what was left of it has been ended.' : `No local fleet runs in ${home.dir}.`,
      );
      return;
    }
    const record = await readFleet(home);
    const live = record ? await liveOperations(record) : [];
    for (const line of live) terminal.say(line);
    process.kill(holder.pid, 'SIGTERM');
    const until = Date.now() + STOP_WAIT_MS;
    while (isAlive(holder) && Date.now() < until) await wait(POLL_MS);
    if (isAlive(holder)) throw FleetNotStopped({ pid: holder.pid, waitedS: STOP_WAIT_MS / 1000 });
    await cleanUp(home);
    terminal.print(
      `The local fleet has ended.${live.length > 0 ? ' What was running goes on when it is started again (`longshore up`).' : ''}`,
    );
  });
}

async function liveOperations(record: FleetRecord): Promise<string[]> {
  try {
    await using client = openClient(record.api);
    const { operations } = await client.operations({ state: ['submitted', 'running', 'paused', 'needs-attention'] });
    return operations.map(({ id, kind, state }) => `${id} (${kind}) is ${state}; it rests until the fleet is started again.`);
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    return []; // a fleet that does not answer is ended all the same
  }
}

/** What a killed supervisor has left behind. True when there was something. */
async function cleanUp(home: Home): Promise<boolean> {
  const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const children = await endLeftovers(home, silent);
  const redis = await runningServer(home.redis, 'redis-server');
  if (redis) await stopServer(home.redis, redis);
  return children > 0 || redis !== undefined;
}

interface ParamsSchema {
  properties?: Record<string, { type?: string; description?: string; default?: Json }>;
  required?: string[];
}

function kindsCommand(terminal: Terminal): Command {
  const command = withApi(withJson(new Command('kinds').description('kinds of operations this fleet can do; of one its parameters, too')));
  command.argument('[kind]', 'such as tsdb.migrate; with a dot at its end all that begin so');
  return examples(command, ['longshore kinds', 'longshore kinds tsdb.migrate', 'longshore kinds --json']).action(
    async (one: string | undefined, flags: Flags) => {
      await using client = await connectFleet(flags, terminal);
      const all = await client.kinds();
      const meant = one === undefined ? all : all.filter(({ name }) => (one.endsWith('.') ? name.startsWith(one) : name === one));
      if (one !== undefined && meant.length === 0) throw UnknownKind({ kind: one, known: all.map(({ name }) => name).sort() });
      if (one === undefined && !flags.json) {
        terminal.print(
          table(
            ['kind', 'what it does'],
            all.map(({ name, title }) => [name, title]),
          ).join('\n'),
        );
        terminal.say('`longshore kinds <kind>` lists its parameters.');
        return;
      }
      for (const kind of meant) {
        if (flags.json) {
          terminal.json(kind);
          continue;
        }
        terminal.print(`${terminal.out.style('bold', kind.name)}  ${kind.title}`);
        const { properties = {}, required = [] } = kind.params as ParamsSchema;
        const needed = new Set(required);
        const rows = Object.entries(properties).map(([name, schema]) => [
          `  ${name}`,
          schema.type ?? '',
          needed.has(name) ? 'needed' : schema.default === undefined ? '' : `default ${JSON.stringify(schema.default)}`,
          schema.description ?? '',
        ]);
        terminal.print(table(['  parameter', 'type', '', ''], rows).slice(1).join('\n'));
      }
    },
  );
}

function workersCommand(terminal: Terminal): Command {
  const command = withApi(withJson(new Command('workers').description('processes of the fleet that are alive')));
  return examples(command, ['longshore workers', 'longshore workers --json']).action(async (flags: Flags) => {
    await using client = await connectFleet(flags, terminal);
    const workers = (await client.workers()).sort((a, b) => (a.role + a.worker < b.role + b.worker ? -1 : 1));
    if (flags.json) {
      for (const worker of workers) terminal.json(worker);
      return;
    }
    if (workers.length === 0) throw new Ended(tellNoWorkers(terminal));
    const now = Date.now();
    const rows = workers.map((one) => [
      one.role,
      one.worker,
      `${one.busy}/${one.concurrency}`,
      one.spools.join(', '),
      duration(now - one.startedAt),
    ]);
    terminal.print(table(['role', 'worker', 'busy', 'spools', 'up for'], rows).join('\n'));
  });
}

function tellNoWorkers(terminal: Terminal): number {
  terminal.say('No worker is alive: nothing will be done until a scheduler, dumpers and restorers are started.');
  return 0;
}

function forgetCommand(terminal: Terminal): Command {
  const command = withApi(
    withJson(
      new Command('forget')
        .argument('<name>')
        .description('give a lost spool up: what had not been verified there is dumped again elsewhere'),
    ),
  );
  return examples(command, ['longshore spools forget machine-1']).action(async (name: string, flags: Flags) => {
    await using client = await connectFleet(flags, terminal);
    const forgotten = await client.forgetSpool(name);
    if (flags.json) {
      for (const row of forgotten) terminal.json(row);
      return;
    }
    terminal.print(`The spool ${name} is forgotten.`);
    for (const { operation, batches } of forgotten)
      terminal.print(`${operation}: ${plural(batches, 'batch', 'batches')} will be dumped again; only what is missing is sent.`);
  });
}

function spoolsCommand(terminal: Terminal): Command {
  const command = withApi(withJson(new Command('spools').description('directories where dumped data waits to be restored')));
  command.addCommand(forgetCommand(terminal));
  return examples(command, ['longshore spools']).action(async (flags: Flags) => {
    await using client = await connectFleet(flags, terminal);
    const [spools, workers] = await Promise.all([client.spools(), client.workers()]);
    const rows = spools.map(({ name, path, host, quotaBytes }) => {
      const mine = workers.filter((worker) => worker.spools.includes(name));
      const of = (role: string): number => mine.filter((worker) => worker.role === role).length;
      return { name, path, host, ...(quotaBytes === undefined ? {} : { quotaBytes }), dumpers: of('dumper'), restorers: of('restorer') };
    });
    if (flags.json) {
      for (const row of rows) terminal.json(row);
      return;
    }
    if (rows.length === 0) return terminal.say('No spool has been announced yet.');
    const cells = rows.map((row) => [
      row.name,
      row.path,
      row.host,
      row.quotaBytes === undefined ? 'the disk' : bytes(row.quotaBytes),
      String(row.dumpers),
      String(row.restorers),
    ]);
    terminal.print(table(['spool', 'path', 'host', 'may use', 'dumpers', 'restorers'], cells, new Set([4, 5])).join('\n'));
    for (const row of rows.filter(({ dumpers, restorers }) => dumpers === 0 || restorers === 0))
      terminal.say(`${row.name} is not used: it needs a dumper and a restorer.`);
  });
}

function targetsCommand(terminal: Terminal): Command {
  const command = withApi(
    withJson(
      new Command('targets').description('systems that operations can name, as longshore.yaml has them; addresses and secrets stay there'),
    ),
  );
  return examples(command, ['longshore targets', 'longshore targets --json']).action(async (flags: Flags) => {
    await using client = await connectFleet(flags, terminal);
    const targets = (await client.targets()).sort((a, b) => (a.system + a.name < b.system + b.name ? -1 : 1));
    const kinds = await client.kinds();
    const rows = targets.map((one) => ({
      ...one,
      kinds: kinds.filter(({ params }) => namesSystem(params, one.system)).map(({ name }) => name),
    }));
    if (flags.json) {
      for (const row of rows) terminal.json(row);
      return;
    }
    if (rows.length === 0)
      return terminal.say('No target is configured. Name them under `targets:` in longshore.yaml; a local fleet takes addresses as well.');
    terminal.print(
      table(
        ['target', 'system', 'for'],
        rows.map(({ name, system, kinds: its }) => [name, system, its.join(', ')]),
      ).join('\n'),
    );
  });
}

/** Whether a kind has a parameter that names a target of the system. */
function namesSystem(schema: Json, system: string): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  if (!Array.isArray(schema) && schema.target === system) return true;
  return Object.values(schema).some((part) => namesSystem(part, system));
}
