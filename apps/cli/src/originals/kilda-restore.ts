/** `kilda-otsdb-restore`: options, messages and exit codes of the original; the work is done by the fleet. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { parseTarget } from '../arguments/target.ts';
import { examples } from '../commands/options.ts';
import type { ApiOption } from '../connection.ts';
import { connectFleet, withApi } from '../connection.ts';
import { Ended } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { followOperation } from './follow.ts';
import { wholeValue } from './usage.ts';

interface Flags extends ApiOption {
  dumpDir: string;
  requestSizeLimit: string;
}

const NAME = 'kilda-otsdb-restore';
const USAGE = `${NAME} [OPTIONS] OPENTSDB_ENDPOINT`;
const MAX_REQUEST_BYTES = 1 << 30;

export function kildaRestoreCommand(terminal: Terminal): Command {
  const command = new Command(NAME)
    .description('send the files of kilda-otsdb-dump to an /api/put; a second run goes on where the first one was')
    .usage('[OPTIONS] OPENTSDB_ENDPOINT')
    .argument('<endpoint>', 'address of an OpenTSDB, or of the listener of VictoriaMetrics for it, or a name in longshore.yaml')
    .option('--dump-dir <directory>', 'folder with the files', '.')
    .option('--request-size-limit <bytes>', 'a request is sent as soon as it is so large', '4096');
  return examples(withApi(command), [
    `${NAME} --dump-dir /data/march http://localhost:4242`,
    `longshore ${NAME} --in-process --request-size-limit 1048576 http://localhost:4242`,
  ]).action(async (endpoint: string, flags: Flags) => {
    const params = {
      sink: parseTarget('OPENTSDB_ENDPOINT', endpoint),
      folder: pathToFileURL(resolve(flags.dumpDir)).href,
      requestBytes: wholeValue(terminal, USAGE, '--request-size-limit', flags.requestSizeLimit, 1, MAX_REQUEST_BYTES),
    };
    await using client = await connectFleet(flags, terminal);
    const exitCode = await followOperation({
      client,
      operation: { kind: 'tsdb.kilda-restore', params },
      terminal,
      line: ({ type, text }) => (type !== 'restore' ? undefined : text.endsWith('\n') ? text : `${text}\r`),
    });
    throw new Ended(exitCode);
  });
}
