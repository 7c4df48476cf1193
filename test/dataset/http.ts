/** Plain HTTP for loading and reading the data set; independent of the product's own client, which is what is being tested. */
import { Agent, type IncomingMessage, request } from 'node:http';

export interface Reply {
  status: number;
  body: string;
}

export function exchange(
  agent: Agent,
  url: string,
  method: 'GET' | 'POST',
  headers: Record<string, string>,
  body?: Buffer,
): Promise<Reply> {
  return new Promise((done, fail) => {
    const outgoing = request(url, {
      agent,
      method,
      headers: body === undefined ? headers : { ...headers, 'content-length': String(body.length) },
    });
    outgoing.on('error', fail);
    outgoing.on('response', (incoming: IncomingMessage) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('error', fail);
      incoming.on('end', () => done({ status: incoming.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }));
    });
    outgoing.end(body);
  });
}

export function keepAlive(connections: number): Agent {
  return new Agent({ keepAlive: true, maxSockets: connections });
}
