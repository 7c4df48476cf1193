/** `longshore tsdb …`: flags to parameters. What they mean is the kind's affair; nothing is started when one of them is wrong. */
import { access, constants, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Json } from '@longshore/core';
import type { Command } from 'commander';
import { Option } from 'commander';
import { parseDuration } from '../arguments/duration.ts';
import type { SpoolArgument } from '../arguments/target.ts';
import { parseSpool, parseTarget } from '../arguments/target.ts';
import { parseTime, showTime } from '../arguments/time.ts';
import type { Client } from '../client.ts';
import { BadSpool, BadUsage, BadWindow, directoryTrouble, SpoolNotMounted } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { wholeNumber } from './options.ts';
import type { OperationRequest, RunningFlags } from './system.ts';
import { operationCommand, needed as required, systemGroup } from './system.ts';

export interface TsdbFlags extends RunningFlags {
  source?: string;
  sink?: string;
  from?: string;
  folder?: string;
  start?: string;
  stop?: string;
  metricsPrefix?: string;
  interval?: string;
  spool?: string;
  existing?: 'refuse' | 'fill';
  verify?: boolean;
  settle?: string;
  match?: string[];
  exclude?: string[];
  tag?: string[];
  downsample?: string;
  via?: 'auto' | 'import' | 'put' | 'lines' | 'text';
  verifyUrl?: string;
  requestSizeLimit?: number;
  sync?: boolean;
  rename?: string[];
  prometheusNames?: boolean;
  extraLabel?: string[];
  annotations?: 'on' | 'off';
  follow?: boolean;
  grace?: string;
}

type Job = 'migrate' | 'dump' | 'restore' | 'verify';

/** `tsdb inspect`: one of a source with a window, a dump, and a folder of this machine. */
export function inspectRequest(flags: TsdbFlags, nowMs: number, cwd: string): TsdbRequest {
  const { source: from, folder } = flags;
  if ([from, flags.from, folder].filter((one) => one !== undefined).length !== 1)
    throw BadUsage({ problem: 'give one of --source, --from and --folder', command: 'longshore tsdb inspect' });
  if (flags.from !== undefined)
    return { kind: 'tsdb.inspect', params: { from: flags.from }, headline: `look at the dump ${flags.from}; nothing is changed.` };
  if (folder !== undefined) {
    const url = pathToFileURL(resolve(cwd, folder)).href;
    return { kind: 'tsdb.inspect', params: { folder: url }, headline: `look at ${resolve(cwd, folder)}; nothing is changed.` };
  }
  const startMs = parseTime(required('tsdb inspect', '--start', flags.start), nowMs);
  const stopMs = parseTime(required('tsdb inspect', '--stop', flags.stop), nowMs);
  if (startMs >= stopMs) throw BadWindow({ start: showTime(startMs), stop: showTime(stopMs) });
  const params = {
    source: parseTarget('--source', from!),
    startMs,
    stopMs,
    metricsPrefix: flags.metricsPrefix ?? '',
    ...selectionOf(flags),
  };
  return {
    kind: 'tsdb.inspect',
    params,
    headline: `look at ${params.source}: ${showTime(startMs)} up to, not including, ${showTime(stopMs)}; nothing is changed.`,
  };
}

export interface TsdbRequest extends OperationRequest {
  spool?: SpoolArgument;
}

/** Flags that say something else of a source that is followed, or nothing. */
const NOT_FOLLOWED: Partial<Record<keyof TsdbFlags, string>> = {
  stop: '--stop: it goes on until `longshore finish`',
  downsample: '--downsample: a point that comes late would change an average that has been sent',
  verifyUrl: '--verify-url: it reads back from the sink itself',
  requestSizeLimit: '--request-size-limit: requests are as large as the sink takes them',
  sync: '--sync: everything is read back',
  rename: '--rename: metrics that appear later could become one with others',
  prometheusNames: '--prometheus-names: metrics that appear later could become one with others',
  extraLabel: '--extra-label',
};

/** `tsdb migrate --follow`: no end but the one that is asked for later. */
function followRequest(flags: TsdbFlags, nowMs: number, cwd: string): TsdbRequest {
  const command = 'longshore tsdb migrate --follow';
  for (const [flag, why] of Object.entries(NOT_FOLLOWED))
    if (flags[flag as keyof TsdbFlags] !== undefined) throw BadUsage({ problem: `--follow does not go with ${why}`, command });
  if (flags.verify === false)
    throw BadUsage({ problem: '--follow does not go with --no-verify: its lag is told by what was read back', command });
  if (flags.via !== undefined && flags.via !== 'auto' && flags.via !== 'import')
    throw BadUsage({ problem: `--follow does not go with --via ${flags.via}: how the sink is written is what it answers`, command });
  const spool = flags.spool === undefined ? undefined : parseSpool(flags.spool, cwd);
  const startMs = parseTime(required('tsdb migrate --follow', '--start', flags.start), nowMs);
  const params = {
    source: parseTarget('--source', required('tsdb migrate --follow', '--source', flags.source)),
    sink: parseTarget('--sink', required('tsdb migrate --follow', '--sink', flags.sink)),
    startMs,
    metricsPrefix: flags.metricsPrefix ?? '',
    existing: flags.existing ?? 'refuse',
    ...selectionOf(flags),
    ...annotationsOf(flags),
    ...(flags.interval === undefined ? {} : { intervalMs: parseDuration(flags.interval) }),
    ...(flags.grace === undefined ? {} : { graceMs: parseDuration(flags.grace) }),
    ...(flags.settle === undefined ? {} : { settleMs: parseDuration(flags.settle) }),
    ...(spool ? { spool: spool.name } : {}),
  };
  const what = flags.metricsPrefix ? `metrics ${flags.metricsPrefix}…` : 'all metrics';
  const headline = `follow ${what} from ${params.source} to ${params.sink}: from ${showTime(startMs)} on, until \`longshore finish\` says that nothing is written any more.`;
  return { kind: 'tsdb.follow', params, headline, ...(spool ? { spool } : {}) };
}

/** Flags that say what of a source is compared: a dump is compared whole. */
const OF_A_SOURCE: Readonly<Record<string, string>> = {
  source: '--source',
  start: '--start',
  stop: '--stop',
  metricsPrefix: '--metrics-prefix',
  match: '--match',
  exclude: '--exclude',
  tag: '--tag',
  downsample: '--downsample',
  interval: '--interval',
};

function assertWhole(flags: TsdbFlags): void {
  for (const [name, flag] of Object.entries(OF_A_SOURCE))
    if (![undefined, ''].includes(flags[name as keyof TsdbFlags] as string | undefined))
      throw BadUsage({ problem: `--from does not go with ${flag}: a dump is compared whole`, command: 'longshore tsdb verify' });
}

/** Flags as the API's request. Pure but for `nowMs` and `cwd`, which are given. Throws a usage error that names the flag. */
export function tsdbRequest(job: Job, flags: TsdbFlags, nowMs: number, cwd: string): TsdbRequest {
  if (job === 'migrate' && flags.follow === true) return followRequest(flags, nowMs, cwd);
  if (flags.grace !== undefined) throw BadUsage({ problem: '--grace belongs to --follow', command: `longshore tsdb ${job}` });
  const needed = (flag: string, given: string | undefined): string => required(`tsdb ${job}`, flag, given);
  const ofDump = job === 'restore' || (job === 'verify' && flags.from !== undefined);
  if (job === 'verify' && ofDump) assertWhole(flags);
  const params: { [key: string]: Json } = {};
  const sentence: string[] = [];
  if (ofDump) params.from = needed('--from', flags.from);
  else params.source = parseTarget('--source', needed('--source', flags.source));
  if (job !== 'dump') params.sink = parseSink(needed('--sink', flags.sink), job, cwd);
  const what = `${flags.metricsPrefix ? `metrics ${flags.metricsPrefix}…` : 'all metrics'}`;
  sentence.push(
    `${job} ${params.from ?? `${what} from ${String(params.source)}`}${params.sink === undefined ? '' : ` to ${String(params.sink)}`}`,
  );
  if (!ofDump) {
    const startMs = parseTime(needed('--start', flags.start), nowMs);
    const stopMs = parseTime(needed('--stop', flags.stop), nowMs);
    if (startMs >= stopMs) throw BadWindow({ start: showTime(startMs), stop: showTime(stopMs) });
    Object.assign(params, {
      startMs,
      stopMs,
      metricsPrefix: flags.metricsPrefix ?? '',
      intervalMs: parseDuration(flags.interval ?? 'day'),
      ...selectionOf(flags),
      ...(flags.plan === true ? { estimate: true } : {}),
    });
    sentence.push(`${showTime(startMs)} up to, not including, ${showTime(stopMs)}`);
  }
  if (job === 'migrate' || job === 'restore') {
    params.existing = flags.existing ?? 'refuse';
    params.verify = flags.verify ?? true;
    Object.assign(params, puttingOf(flags));
    if (flags.settle !== undefined) params.settleMs = parseDuration(flags.settle);
  }
  Object.assign(params, annotationsOf(flags));
  if (job !== 'dump') Object.assign(params, renamingOf(job, flags));
  const spool = flags.spool === undefined ? undefined : parseSpool(flags.spool, cwd);
  if (spool) params.spool = spool.name;
  return { kind: `tsdb.${job}`, params, headline: `${sentence.join(': ')}.`, ...(spool ? { spool } : {}) };
}

/** A sink is a target, or, where it is written, a folder of this machine: anything with a slash in front, or `file:///…`. */
function parseSink(text: string, job: Job, cwd: string): string {
  if ((job === 'migrate' || job === 'restore') && /^(\/|\.{1,2}\/|file:)/.test(text))
    return text.startsWith('file:') ? text : pathToFileURL(resolve(cwd, text)).href;
  return parseTarget('--sink', text);
}

function selectionOf({ metricsPrefix = '', match, exclude, tag, downsample }: TsdbFlags): { [key: string]: Json } {
  const tags = Object.fromEntries(
    (tag ?? []).map((text) => {
      const [, key, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
      if (key === undefined || value === undefined)
        throw BadUsage({ problem: `--tag ${text} is not of the form name=value`, command: 'longshore tsdb migrate' });
      return [key, value];
    }),
  );
  const prefixes = metricsPrefix.split(',');
  return {
    ...(prefixes.length > 1 ? { metricsPrefix: '', prefixes } : {}),
    ...(match === undefined ? {} : { match }),
    ...(exclude === undefined ? {} : { exclude }),
    ...(tag === undefined ? {} : { tags }),
    ...(downsample === undefined ? {} : { downsample }),
  };
}

function puttingOf({ via, verifyUrl, requestSizeLimit, sync }: TsdbFlags): { [key: string]: Json } {
  return {
    ...(via === undefined || via === 'auto' ? {} : { via }),
    ...(verifyUrl === undefined ? {} : { verifyUrl: parseTarget('--verify-url', verifyUrl) }),
    ...(requestSizeLimit === undefined ? {} : { requestBytes: requestSizeLimit }),
    ...(sync === true ? { sync } : {}),
  };
}

function annotationsOf({ annotations }: TsdbFlags): { [key: string]: Json } {
  return annotations === 'off' ? { annotations } : {};
}

/** What the rules themselves must be like, the API says. */
function renamingOf(job: Job, { rename, prometheusNames, extraLabel }: TsdbFlags): { [key: string]: Json } {
  const extraLabels: { [key: string]: string } = {};
  for (const text of extraLabel ?? []) {
    const [, key, value] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined)
      throw BadUsage({ problem: `--extra-label ${text} is not of the form name=value`, command: `longshore tsdb ${job}` });
    if (Object.hasOwn(extraLabels, key)) throw BadUsage({ problem: `--extra-label gives ${key} twice`, command: `longshore tsdb ${job}` });
    extraLabels[key] = value;
  }
  return {
    ...(rename === undefined ? {} : { rename }),
    ...(prometheusNames === true ? { prometheusNames } : {}),
    ...(extraLabel === undefined ? {} : { extraLabels }),
  };
}

const MOUNT_MS = 30_000;
const POLL_MS = 250;

/** A directory given as spool is announced to the fleet; its workers take it up within seconds. */
export async function mountSpool(client: Client, { name, path }: SpoolArgument, terminal: Terminal): Promise<void> {
  if (path === undefined) return;
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw BadSpool({ text: path, why: directoryTrouble(error) }, { cause: error });
  }
  await client.addSpool(name, path);
  const until = Date.now() + MOUNT_MS;
  let told = false;
  while (Date.now() < until) {
    const roles = new Set((await client.workers()).filter(({ spools }) => spools.includes(name)).map(({ role }) => role));
    if (roles.has('dumper') && roles.has('restorer')) return;
    if (!told) terminal.say(`Spool ${name} (${path}): waiting for the fleet to take it up.`);
    told = true;
    await wait(POLL_MS);
  }
  throw SpoolNotMounted({ name, waitedS: MOUNT_MS / 1000 });
}

const source = (command: Command): Command =>
  command.option('-s, --source <target>', 'OpenTSDB to read: a name in longshore.yaml or an address');
const sink = (command: Command): Command =>
  command.option(
    '-d, --sink <target>',
    'what to write: a name in longshore.yaml, the address of a VictoriaMetrics or an OpenTSDB, or a folder (/…)',
  );
const window = (command: Command): Command =>
  chosen(command).option('-i, --interval <length>', 'width of one batch: day, hour, 6h, 90m (default: day; 10m with --follow)');
const chosen = (command: Command): Command =>
  command
    .option('--start <time>', 'first moment: 2023-03-08, 2023-03-08T12:00:00, with Z or +01:00, epoch seconds or ms; UTC without a zone')
    .option('--stop <time>', 'end, no longer part of it; the same forms, or now')
    .option('-m, --metrics-prefix <text>', 'only metrics whose name begins so; several with commas', '')
    .option('--match <glob>', 'only metrics whose name matches; * and ? are wild; may be given again', several)
    .option('--exclude <glob>', 'no metric whose name matches; may be given again', several)
    .option('--tag <name=value>', 'only series with this tag; a value may hold * and |; may be given again', several)
    .option('--downsample <rule>', 'let the source average, such as 1m-avg; without it every point is moved as it is');
const several = (text: string, before: string[] | undefined): string[] => [...(before ?? []), text];
const putting = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--via <how>',
        'how the sink is written: import (VictoriaMetrics), put (OpenTSDB, VictoriaMetrics on :4242), lines or text (files)',
      )
        .choices(['auto', 'import', 'put', 'lines', 'text'])
        .default('auto'),
    )
    .option('--verify-url <target>', 'query port of a VictoriaMetrics behind a listener that only takes points')
    .option('--request-size-limit <bytes>', 'bytes of a put request (default: as large as the sink takes them)', wholeNumber(512, 1 << 25))
    .option('--sync', 'puts are answered when they are stored');
const following = (command: Command): Command =>
  command
    .option('--follow', 'the source is still written to: go on with new windows as they close, until `longshore finish`')
    .option('--grace <length>', 'with --follow: a window is read again so long after its end, for late points (default: 10m)');
const annotated = (command: Command): Command =>
  command.addOption(
    new Option('--annotations <what>', 'whether annotations go with the points, as far as the sink holds them')
      .choices(['on', 'off'])
      .default('on'),
  );
const spoolOption = (command: Command): Command =>
  command.option('--spool <name|path>', 'where dumped data waits: a spool by name, or a directory of this machine');
const writing = (command: Command): Command =>
  command
    .addOption(
      new Option('--existing <what>', 'when the sink holds points of the window already').choices(['refuse', 'fill']).default('refuse'),
    )
    .option('--no-verify', 'do not read back what was written (the outcome is then "not verified")')
    .option('--settle <length>', 'how long verified data is kept before it is counted once more, such as 30s');
const naming = (command: Command): Command =>
  command
    .option(
      '--rename <pattern=replacement>',
      'other names in the sink: kilda.*=flow.*; may be given again, the first that fits counts',
      several,
    )
    .option('--prometheus-names', 'names of metrics and tags as Prometheus allows them: what it does not becomes _')
    .option('--extra-label <name=value>', 'a tag that every series gets in the sink; may be given again', several);
export function tsdbCommand(terminal: Terminal): Command {
  const add = (job: Job, title: string, parts: ((command: Command) => Command)[], examples: string[]): Command =>
    operationCommand<TsdbFlags, TsdbRequest>(terminal, {
      name: job,
      title,
      examples,
      options: (command) => parts.reduce((sum, part) => part(sum), command),
      request: (flags, { nowMs, cwd }) => tsdbRequest(job, flags, nowMs, cwd),
      before: async (client, { spool }) => {
        if (spool) await mountSpool(client, spool, terminal);
      },
    });
  const from = (command: Command): Command => command.option('--from <id>', 'the operation whose dump is used');
  return systemGroup('tsdb', 'time series: OpenTSDB to VictoriaMetrics, planned, resumable, read back', [
    add(
      'migrate',
      'dump and restore at once, then count everything again',
      [source, sink, window, following, spoolOption, annotated, writing, putting, naming],
      [
        'longshore tsdb migrate --source http://localhost:4242 --sink http://localhost:8428 --start 2023-03-01 --stop 2023-04-01',
        'longshore tsdb migrate -s otsdb-old -d vm-new --start 2023-03-08T00:00:00Z --stop now -m kilda. -i hour --plan',
        'longshore tsdb migrate -s otsdb-old -d vm-new --start 1678233600 --stop 1678320000 --existing fill --detach',
        "longshore tsdb migrate -s otsdb-old -d vm-new --start 2023-03-01 --stop 2023-04-01 --rename 'kilda.*=flow.*' --extra-label dc=north --plan",
        'longshore tsdb migrate -s otsdb-old -d vm-new --start 2023-03-08 --follow --grace 10m --detach',
      ],
    ),
    add(
      'dump',
      'dump into a spool and keep it there',
      [source, window, spoolOption, annotated],
      ['longshore tsdb dump --source http://localhost:4242 --start 2023-03-01 --stop 2023-04-01 --spool /data/dump'],
    ),
    add(
      'restore',
      'restore what an earlier dump has left in its spool',
      [from, sink, annotated, writing, putting, naming],
      [
        'longshore tsdb restore --from op_ab12cd34 --sink http://localhost:8428',
        'longshore tsdb restore --from op_ab12cd34 --sink /data/out --via text',
        'longshore tsdb restore --from op_ab12cd34 --sink http://localhost:8428 --prometheus-names',
      ],
    ),
    add(
      'verify',
      'compare source and sink, point by point; writes nothing',
      [source, from, sink, window, annotated, naming],
      ['longshore tsdb verify --source http://localhost:4242 --sink http://localhost:8428 --start 2023-03-01 --stop 2023-04-01'],
    ),
    operationCommand<TsdbFlags, TsdbRequest>(terminal, {
      name: 'inspect',
      title: 'metrics, series, points, times, size and damage of an OpenTSDB, a VictoriaMetrics, a dump or a folder; changes nothing',
      examples: [
        'longshore tsdb inspect --source http://localhost:4242 --start 2023-03-01 --stop 2023-03-02 -m kilda.',
        'longshore tsdb inspect --source http://localhost:8428 --start 2023-03-01 --stop 2023-03-02',
        'longshore tsdb inspect --from op_ab12cd34',
        'longshore tsdb inspect --folder /data/march',
      ],
      options: (command) =>
        chosen(
          from(command.option('-s, --source <target>', 'OpenTSDB or VictoriaMetrics to look at: a name in longshore.yaml or an address')),
        ).option(
          '--folder <directory>',
          'files of kilda-otsdb-dump (.ndjson), of --via lines (.jsonl) or text (.txt), readable for a worker',
        ),
      request: (flags, { nowMs, cwd }) => inspectRequest(flags, nowMs, cwd),
    }),
  ]);
}
