/** The gRPC half of vtctld and vtworker as they were up to version 7: a call runs a command, streams its log, and ends with its error. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { Clock } from '@longshore/core';
import { systemClock } from '@longshore/core';
import { VTCTL, VTWORKER } from './wire.ts';

export interface LogLine {
  level: 'INFO' | 'WARNING' | 'ERROR' | 'CONSOLE';
  value: string;
  file?: string;
  line?: number;
}

/** Ends a command with this status. */
export class CommandStatus extends Error {
  readonly code: number;
  constructor(details: string, code: number = status.UNKNOWN) {
    super(details);
    this.code = code;
  }
}

export type Program = 'vtctl' | 'vtworker';

export interface Command {
  args: string[];
  program: Program;
  /** Aborted when the client has gone, or its deadline has passed: the command runs under the call's context. */
  signal: AbortSignal;
}

export interface CommandServerOptions {
  run(command: Command): AsyncIterable<LogLine>;
  /** 0 or absent: a free one. */
  port?: number;
  clock?: Clock;
}

export interface CommandServer extends AsyncDisposable {
  readonly port: number;
  /** `127.0.0.1:port`. */
  readonly address: string;
  close(): Promise<void>;
}

type Call = ServerWritableStream<{ args: string[] }, { event: object }>;

/** Listens on 127.0.0.1 for commands of both programs. */
export async function startCommandServer({ run, port = 0, clock = systemClock }: CommandServerOptions): Promise<CommandServer> {
  const server = new Server();
  const serve =
    (program: Program) =>
    (call: Call): void => {
      const gone = new AbortController();
      call.on('cancelled', () => gone.abort(new CommandStatus('context canceled', status.CANCELLED)));
      const play = async (): Promise<void> => {
        for await (const { level, value, file = 'stand_in.go', line = 1 } of run({
          args: call.request.args,
          program,
          signal: gone.signal,
        })) {
          const now = clock.now();
          const time = { seconds: Math.floor(now / 1_000), nanoseconds: (now % 1_000) * 1_000_000 };
          if (!gone.signal.aborted) call.write({ event: { time, level, file, line, value } });
        }
      };
      play().then(
        () => call.end(),
        (error: unknown) => {
          const code = error instanceof CommandStatus ? error.code : status.UNKNOWN;
          call.emit('error', { code, details: error instanceof Error ? error.message : String(error) });
        },
      );
    };
  server.addService(VTCTL, { ExecuteVtctlCommand: serve('vtctl') });
  server.addService(VTWORKER, { ExecuteVtworkerCommand: serve('vtworker') });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) => (error ? reject(error) : resolve(at)));
  });
  const close = async (): Promise<void> => server.forceShutdown();
  return { port: bound, address: `127.0.0.1:${bound}`, close, [Symbol.asyncDispose]: close };
}
