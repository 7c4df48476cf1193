/**
 * The other end of recorded commands: a real gRPC server that says to each what the recording says, in its order, and keeps what it was asked.
 *
 * The recording was made below gRPC, so some of its errors are texts that no gRPC error has. Those travel as code 2 with the text, and what
 * gRPC puts in front of it is taken off again before anything is compared.
 *
 * What is read in the topology when writes were not moved, to see that clients can write, is none of the original's commands: it is answered as
 * by a cluster in which nothing stands half-way, and stands in no recording.
 */
import { status } from '@grpc/grpc-js';
import type { Command, CommandServer, LogLine } from '@longshore/sandbox';
import { CommandStatus, startCommandServer } from '@longshore/sandbox';
import type { RecordedCommand } from './vitess-shapes.ts';

const CODES: Readonly<Record<string, number>> = {
  Unknown: status.UNKNOWN,
  Canceled: status.CANCELLED,
  FailedPrecondition: status.FAILED_PRECONDITION,
  Internal: status.INTERNAL,
};
const GRPC_TEXT = /^rpc error: code = (\w+) desc = ([\s\S]*)$/;

const READS: ReadonlySet<string> = new Set(['GetCellInfoNames', 'GetSrvKeyspace', 'GetKeyspace', 'GetShard']);

export interface Replay extends AsyncDisposable {
  /** Address of the server that stands in for every endpoint, by endpoint. */
  targets: Record<string, string>;
  /** What was asked, in order. */
  asked: { rpc: string; endpoint: string; args: string[] }[];
  /** Text as the recording has it. */
  asRecorded(text: string): string;
}

export async function startReplay(recorded: readonly RecordedCommand[]): Promise<Replay> {
  const asked: Replay['asked'] = [];
  const servers = new Map<string, CommandServer>();
  for (const endpoint of new Set(recorded.map((one) => one.endpoint))) {
    const run = async function* ({ args, program }: Command): AsyncGenerator<LogLine> {
      const said = recorded[asked.length];
      if (READS.has(args[0] ?? '') && said?.args[0] !== args[0]) {
        if (args[0] !== 'GetCellInfoNames') yield { level: 'CONSOLE', value: '{}' };
        return;
      }
      asked.push({ rpc: program, endpoint, args });
      for (const value of said?.console_events ?? []) yield { level: 'CONSOLE', value };
      const { stream_error: error } = said ?? {};
      if (error === undefined) return;
      const [, code = 'Unknown', details = error] = GRPC_TEXT.exec(error) ?? [];
      throw new CommandStatus(details, CODES[code] ?? status.UNKNOWN);
    };
    servers.set(endpoint, await startCommandServer({ run }));
  }
  const bare = recorded.flatMap(({ stream_error: text }) => (text === undefined || GRPC_TEXT.test(text) ? [] : [text]));
  return {
    targets: Object.fromEntries([...servers].map(([endpoint, { address }]) => [endpoint, address])),
    asked,
    asRecorded: (text) =>
      bare
        .reduce((seen, error) => seen.replaceAll(`rpc error: code = Unknown desc = ${error}`, error), text)
        .replace(/^I\d{4} \d\d:\d\d:\d\d\.\d{6} [^\]\n]+:\d+\] /gm, 'I<mmdd hh:mm:ss.uuuuuu file:line>] '),
    async [Symbol.asyncDispose]() {
      for (const server of servers.values()) await server.close();
    },
  };
}
