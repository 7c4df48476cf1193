/** The small server of a worker or scheduler: `/metrics` and `/healthz`, for whoever reaches its address; it takes nothing in. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '@longshore/core';
import { MetricsNotServed } from './errors.ts';
import type { ProcessMetrics } from './metrics.ts';

export interface MetricsServer {
  /** `host:port`. */
  address: string;
  close(): Promise<void>;
}

export async function serveMetrics(listen: string, metrics: ProcessMetrics, log: Log): Promise<MetricsServer> {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(listen) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) throw MetricsNotServed({ listen, why: 'it is not host:port' });
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    const path = request.url?.split('?')[0];
    const answer = (status: number, text: string): void => {
      response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', connection: 'close' }).end(text);
    };
    if (request.method !== 'GET' || (path !== '/metrics' && path !== '/healthz')) return answer(404, 'There are /metrics and /healthz.\n');
    if (path === '/healthz') return answer(200, 'ok\n');
    metrics.text().then(
      (text) => answer(200, text),
      (error: unknown) => {
        log.error({ err: error }, 'the metrics could not be put together');
        answer(500, 'The log of this process has the cause.\n');
      },
    );
  });
  try {
    server.listen(Number(port), host);
    await once(server, 'listening');
  } catch (error) {
    throw MetricsNotServed({ listen, why: (error as Error).message }, { cause: error });
  }
  const found = server.address() as AddressInfo;
  const address = `${found.family === 'IPv6' ? `[${found.address}]` : found.address}:${found.port}`;
  log.info({ address }, 'metrics are shown');
  return {
    address,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
