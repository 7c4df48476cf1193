/** `automationservice.Automation` over gRPC, so that an automation_client works unchanged. It knows no tokens: for the loopback and sockets only. */
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { Log } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import { AUTOMATION } from '../client/protocol.ts';
import type { Automation } from './automation.ts';
import { Refusal } from './automation.ts';

export interface AutomationServer extends AsyncDisposable {
  /** The port it listens on. */
  port: number;
}

/** Lets calls at work end for so long when it stops. */
const STOP_MS = 2_000;

/** `listen`: `127.0.0.1:15002`; port 0 takes a free one. */
export async function serveAutomation(listen: string, served: Automation, log: Log): Promise<AutomationServer> {
  const server = new Server();
  const answer =
    <Request, Reply>(handle: (request: Request) => Promise<Reply>) =>
    (call: ServerUnaryCall<Request, Reply>, reply: sendUnaryData<Reply>): void => {
      handle(call.request).then(
        (value) => reply(null, value),
        (error: unknown) => {
          const known = error instanceof Refusal || error instanceof LongshoreError;
          if (!known) log.error({ err: error }, 'the automation could not answer');
          // As the original's: every refusal has the code of an error that says nothing of itself.
          reply({ code: status.UNKNOWN, details: error instanceof Error ? error.message : String(error) });
        },
      );
    };
  server.addService(AUTOMATION, {
    EnqueueClusterOperation: answer(async ({ name, parameters }: { name: string; parameters: Record<string, string> }) => ({
      id: await served.enqueue(name, parameters),
    })),
    GetClusterOperationDetails: answer(async ({ id }: { id: string }) => ({ cluster_op: await served.details(id) })),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(listen, ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    port,
    async [Symbol.asyncDispose]() {
      const ended = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      const timer = setTimeout(() => server.forceShutdown(), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
