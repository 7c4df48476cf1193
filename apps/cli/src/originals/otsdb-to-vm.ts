/**
 * `otsdb-to-vm`: options, folders and messages of the wrapper of this name. The work is an operation of the fleet; this program watches
 * it, and its keys are that operation's.
 */
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { EXIT, FINAL_STATES } from '@longshore/core';
import { Command } from 'commander';
import { parseDuration } from '../arguments/duration.ts';
import { parseSpool, parseTarget } from '../arguments/target.ts';
import type { Client } from '../client.ts';
import { mountSpool } from '../commands/tsdb.ts';
import type { ApiOption } from '../connection.ts';
import { connectFleet, withApi } from '../connection.ts';
import { BadWindow } from '../errors.ts';
import { Ended, tellError } from '../exit.ts';
import { verdict } from '../report/text.ts';
import type { Terminal } from '../terminal.ts';
import { LEFT } from '../watch/keys.ts';
import { watchOperation } from '../watch/watch.ts';
import type { Interval } from './wrapper-dates.ts';
import { ceilTo, floorTo, INTERVAL_MS, wrapperTime } from './wrapper-dates.ts';
import { WrapperLog } from './wrapper-log.ts';

interface Flags extends ApiOption {
  source?: string;
  destination?: string;
  start_date?: string;
  end_date?: string;
  metrics_prefix: string | true;
  interval: string;
  concurrent_jobs: string;
  query_frame_size: string;
  dump_folder_prefix: string;
  dump_storage_folder: string;
  show_background_log?: boolean;
  verifyUrl?: string;
  existing: string;
  kildaFiles?: boolean;
  settle?: string;
}

const NAME = 'otsdb-to-vm';
const MARKER = '/tmp/kilda-otsdb-dump-restore-marker';
const BACKGROUND_LOG = '/tmp/kilda-otsdb-dump-restore.log';
const MAX_JOBS = 50;

/** The long and short names of the wrapper that commander does not take as they are. */
const ALIASES: Readonly<Record<string, string>> = {
  '-sd': '--start_date',
  '-ed': '--end_date',
  '-dfp': '--dump_folder_prefix',
  '-dsf': '--dump_storage_folder',
  '-sbl': '--show_background_log',
  '--opentsdb_endpoint': '--source',
  '--victoria_metrics_endpoint': '--destination',
};

/** Arguments of this command in commander's forms; others are left alone. */
export function wrapperArguments(argv: readonly string[]): string[] {
  const at = argv.indexOf(NAME);
  if (at < 0 || at > 2) return [...argv];
  return argv.map((text, index) => (index > at ? (ALIASES[text] ?? text) : text));
}

export function otsdbToVmCommand(terminal: Terminal): Command {
  const command = new Command(NAME)
    .description('move OpenTSDB to VictoriaMetrics, a folder for each day or hour: dumped in the foreground, restored in the background')
    .option('-s, --source <target>', 'address of an OpenTSDB (also --opentsdb_endpoint)')
    .option('-d, --destination <target>', 'VictoriaMetrics, or its listener for OpenTSDB (also --victoria_metrics_endpoint)')
    .option('--start_date <date>', 'first day or hour, in the zone of this process (also -sd)')
    .option('--end_date <date>', 'end, no longer part of it; an end inside a day or hour means all of that (also -ed)')
    .option('-m, --metrics_prefix [text]', 'only metrics whose name begins so', '')
    .option('-i, --interval <length>', 'day or hour: one folder each', 'day')
    .option('-c, --concurrent_jobs <n>', 'accepted as the wrapper takes it, 1 to 50; the fleet decides how much runs at once', '1')
    .option(
      '-q, --query_frame_size <seconds>',
      'width of the frames in files of --kilda-files; queries take the size that suits the source',
      '180',
    )
    .option('--dump_folder_prefix <text>', 'how the names of folders begin (also -dfp)', 'opentsdb-data-')
    .option('--dump_storage_folder <directory>', 'where the folders lie; must exist (also -dsf)', '/vm_migration_volume')
    .option('--show_background_log', 'show the last lines of the background log after each folder (also -sbl)')
    .option('--verify-url <target>', 'query port of the VictoriaMetrics behind the listener')
    .option('--kilda-files', 'the folders hold the files of kilda-otsdb-dump, and are restored from these')
    .option('--existing <what>', 'refuse: stop when the destination holds points of the window; fill: send what is missing', 'fill')
    .option('--settle <length>', 'how long verified data is kept before it is counted once more, such as 30s');
  command.addHelpText(
    'after',
    `
Environment: marker_for_execution (${MARKER}), background_log (${BACKGROUND_LOG}).
Ctrl+C once tells what the next does; twice stops the dump and waits for what is ready; three times stops after the current step.

Examples:
  ${NAME} -s http://otsdb:4242 -d http://vm:4242 -sd 2022-01-01 -ed 2022-02-01 -i day -dsf /data
  longshore ${NAME} -s http://otsdb:4242 -d http://vm:8428 -sd 2022-01-01T00:00:00 -ed 2022-01-01T12:00:00 -i hour -m kilda. -dsf /data`,
  );
  // Unknown options get the wrapper's answer, not commander's.
  return withApi(command)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (flags: Flags, self: Command) => {
      if (self.args.length === 0) return run(flags, terminal);
      terminal.err.write(`${self.helpInformation()}\n`);
      new WrapperLog(terminal, '').foreground('ERROR', `Unknown option: ${self.args[0]}`);
      throw new Ended(EXIT.failed);
    });
}

async function run(flags: Flags, terminal: Terminal): Promise<never> {
  const log = new WrapperLog(terminal, process.env.background_log || BACKGROUND_LOG);
  const fail = (text: string): Ended => {
    log.foreground('ERROR', text);
    return new Ended(EXIT.failed);
  };
  const missing = (['source', 'destination', 'start_date', 'end_date'] as const).filter((name) => flags[name] === undefined);
  if (missing.length > 0) throw fail(`Missing mandatory options: ${missing.map((name) => `--${name}`).join(', ')}`);
  const interval = flags.interval.toLowerCase() as Interval;
  if (INTERVAL_MS[interval] === undefined) throw fail(`--interval must be day or hour, not ${flags.interval}`);
  if (!/^\d+$/.test(flags.concurrent_jobs) || Number(flags.concurrent_jobs) < 1 || Number(flags.concurrent_jobs) > MAX_JOBS)
    throw fail(`--concurrent_jobs must be a number from 1 to ${MAX_JOBS}, not ${flags.concurrent_jobs}`);
  if (!/^[1-9]\d*$/.test(flags.query_frame_size))
    throw fail(`--query_frame_size must be a number of seconds, not ${flags.query_frame_size}`);
  if (flags.existing !== 'fill' && flags.existing !== 'refuse') throw fail(`--existing must be refuse or fill, not ${flags.existing}`);
  const storage = resolve(flags.dump_storage_folder);
  if (!statSync(storage, { throwIfNoEntry: false })?.isDirectory())
    throw fail(`The folder ${storage} (--dump_storage_folder) does not exist`);
  const marker = process.env.marker_for_execution || MARKER;
  const now = Date.now();
  let window: { startMs: number; stopMs: number };
  let targets: { source: string; sink: string; verifyUrl?: string };
  let settling: { settleMs?: number };
  try {
    settling = flags.settle === undefined ? {} : { settleMs: parseDuration(flags.settle) };
    window = {
      startMs: floorTo(interval, wrapperTime(flags.start_date!, now)),
      stopMs: ceilTo(interval, wrapperTime(flags.end_date!, now)),
    };
    if (window.stopMs <= window.startMs) throw BadWindow({ start: flags.start_date!, stop: flags.end_date! });
    targets = {
      source: parseTarget('--source', flags.source!),
      sink: parseTarget('--destination', flags.destination!),
      ...(flags.verifyUrl === undefined ? {} : { verifyUrl: parseTarget('--verify-url', flags.verifyUrl) }),
    };
  } catch (error) {
    throw fail(tellError(error).text.trim().replace('\n', ' '));
  }
  const local = (ms: number): string => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
  log.foreground('INFO', `From ${local(window.startMs)} up to, not including, ${local(window.stopMs)}, a folder for each ${interval}`);
  const spool = parseSpool(`${storage}/`, '/');
  await using client = await connectFleet(flags, terminal);
  await mountSpool(client, spool, terminal);
  const prefix = flags.metrics_prefix === true ? '' : flags.metrics_prefix;
  const operation = {
    kind: 'tsdb.migrate',
    params: {
      ...targets,
      ...window,
      metricsPrefix: prefix,
      intervalMs: INTERVAL_MS[interval],
      originMs: window.startMs,
      existing: flags.existing,
      ...settling,
      spool: spool.name,
      folders: {
        prefix: flags.dump_folder_prefix,
        timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        ...(flags.kildaFiles === true ? { kildaFrameS: Number(flags.query_frame_size) } : {}),
      },
    },
    mode: 'run' as const,
  };
  const id = await client.submit(operation);
  log.foreground('INFO', `Operation ${id}; \`longshore watch ${id}\` watches it from elsewhere`);
  writeMarker(marker, log);
  try {
    throw new Ended(await watch({ client, id, log, terminal, marker, tail: flags.show_background_log === true }));
  } finally {
    rmSync(marker, { force: true });
  }
}

/** The wrapper's own form: its process, and that of its background part. Here both are this program. */
function writeMarker(marker: string, log: WrapperLog): void {
  try {
    writeFileSync(marker, `${process.pid}\t${process.pid}`);
  } catch (error) {
    log.foreground('WARNING', `The marker ${marker} cannot be written: ${(error as Error).message}`);
  }
}

interface Watched {
  client: Client;
  id: string;
  log: WrapperLog;
  terminal: Terminal;
  marker: string;
  tail: boolean;
}

const MARKER_MS = 1_000;

async function watch({ client, id, log, terminal, marker, tail }: Watched): Promise<number> {
  let stopped = false;
  const act = (action: 'drain' | 'cancel', text: string): void => {
    log.foreground('WARNING', text);
    client.act(id, action).then(
      () => {
        stopped = true;
      },
      (error: unknown) => log.foreground('ERROR', tellError(error).text.trim()),
    );
  };
  const drain = (): void => act('drain', 'SIGUSR1: no new dump is begun, what is ready is restored');
  process.on('SIGUSR1', drain);
  let marked = existsSync(marker);
  const timer = setInterval(() => {
    if (!marked || existsSync(marker)) return;
    marked = false;
    act('cancel', `${marker} is gone: the restore stops after its current step`);
  }, MARKER_MS);
  log.background('INFO', 'Restore loop process started');
  try {
    const { header, exitCode: watched } = await watchOperation({
      client,
      id,
      terminal,
      json: false,
      owned: true,
      stopOnTerm: true,
      display: {
        event({ type, text }) {
          if (type === 'folder' && text.startsWith('Rest')) log.background(text.startsWith('Restored') ? 'OK' : 'INFO', text);
          else if (type === 'folder') {
            log.foreground(text.startsWith('Dumped') ? 'OK' : 'INFO', text);
            if (tail && text.startsWith('Dumped')) log.showBackground();
          } else if (type === 'folder-error') log.foreground('ERROR', text);
          else if (type === 'note') log.foreground('INFO', text);
        },
        picture: () => undefined,
        say: (text) => log.foreground('WARNING', text),
        end: () => undefined,
      },
    });
    // Stopped by the signal or the marker, as by Ctrl+C: that is no failure.
    const exitCode = stopped && header.state === 'cancelled' ? LEFT.SIGINT : watched;
    log.background('INFO', 'Restore loop process finished');
    if (FINAL_STATES.has(header.state) && header.startedAt !== undefined) {
      const report = await client.report(id);
      for (const { level, text, row } of report.notes.slice(0, 20))
        if (level === 'error') log.foreground('ERROR', `${row ? `${row}: ` : ''}${text}`);
      terminal.out.write(`${verdict(report, terminal.out.style).trim()}\n`);
    }
    if (header.error) log.foreground('ERROR', `${header.error.message}. ${header.error.fix}`);
    log.foreground(
      exitCode === EXIT.done ? 'OK' : 'ERROR',
      exitCode === EXIT.done ? 'Finished.' : `Finished with exit code ${exitCode}; \`longshore report ${id}\` says what is not there.`,
    );
    return exitCode;
  } finally {
    clearInterval(timer);
    process.off('SIGUSR1', drain);
  }
}
