/** `kilda-otsdb-dump`: options, messages and exit codes of the original; the work is done by the fleet. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { parseTarget } from '../arguments/target.ts';
import { examples } from '../commands/options.ts';
import type { ApiOption } from '../connection.ts';
import { connectFleet, withApi } from '../connection.ts';
import { Ended } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { localTime, notADate, utcText } from './dates.ts';
import { followOperation } from './follow.ts';
import { badValue, wholeValue } from './usage.ts';

interface Flags extends ApiOption {
  timeStop?: string;
  dumpDir: string;
  queryFrameSize: string;
  metricsPrefix: string;
  removeMetadata?: boolean;
  concurrent: string;
}

const NAME = 'kilda-otsdb-dump';
const USAGE = `${NAME} [OPTIONS] OPENTSDB_ENDPOINT TIME_START`;
const MAX_FRAME_S = 366 * 86_400;
const MAX_CONCURRENT = 64;

export function kildaDumpCommand(terminal: Terminal): Command {
  const command = new Command(NAME)
    .description('dump OpenTSDB into a folder, in the format of the kilda tools; a second run goes on where the first one was')
    .usage('[OPTIONS] OPENTSDB_ENDPOINT TIME_START')
    .argument('<endpoint>', 'address of an OpenTSDB, or a name in longshore.yaml')
    .argument('<time-start>', 'first moment: 2023-03-08, 2023-03-08T12:00:00 or "2023-03-08 12:00:00", in the zone of this process')
    .option('--time-stop <time>', 'end, no longer part of the dump (default: now)')
    .option('--dump-dir <directory>', 'folder for the files; made when it is not there', '.')
    .option('--query-frame-size <seconds>', 'width of a frame', '180')
    .option('--metrics-prefix <text>', 'metrics whose name begins so; empty: all', 'kilda.')
    .option('--remove-metadata', 'remove the metadata of each metric that is done')
    .option('--concurrent <n>', 'metrics dumped at once', '1');
  return examples(withApi(command), [
    `${NAME} --dump-dir /data/march --time-stop 2023-04-01 http://localhost:4242 2023-03-01`,
    `longshore ${NAME} --in-process --concurrent 4 http://localhost:4242 "2023-03-08 12:00:00"`,
  ]).action(async (endpoint: string, start: string, flags: Flags) => {
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    const startMs = localTime(start);
    if (startMs === undefined) throw badValue(terminal, USAGE, 'TIME_START', notADate(start));
    const stopMs = flags.timeStop === undefined ? nowMs : localTime(flags.timeStop);
    if (stopMs === undefined) throw badValue(terminal, USAGE, '--time-stop', notADate(flags.timeStop ?? ''));
    if (stopMs < startMs) throw badValue(terminal, USAGE, 'TIME_START', `${start} is after the end, ${utcText(stopMs)}`);
    const params = {
      source: parseTarget('OPENTSDB_ENDPOINT', endpoint),
      folder: pathToFileURL(resolve(flags.dumpDir)).href,
      startMs,
      stopMs,
      frameS: wholeValue(terminal, USAGE, '--query-frame-size', flags.queryFrameSize, 1, MAX_FRAME_S),
      metricsPrefix: flags.metricsPrefix,
      removeMetadata: flags.removeMetadata === true,
      concurrent: wholeValue(terminal, USAGE, '--concurrent', flags.concurrent, 1, MAX_CONCURRENT),
    };
    terminal.out.write(`Starting dumping metrics from ${utcText(startMs)} to ${utcText(stopMs)} (exclusive)\n`);
    await using client = await connectFleet(flags, terminal);
    const exitCode = await followOperation({
      client,
      operation: { kind: 'tsdb.kilda-dump', params },
      terminal,
      line: ({ type, text }) => (type === 'dump' ? `${text}\n` : undefined),
    });
    throw new Ended(exitCode);
  });
}
