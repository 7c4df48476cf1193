/** One plain HTTP request and all that came back; no pooling tricks, no retries, no decoding. */
import { request } from 'node:http';

export interface Answer {
  /** 0: the connection was closed without a reply. */
  status: number;
  type: string | undefined;
  body: string;
}

export interface Ask {
  method?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}

export function ask(url: string, { method = 'GET', body, headers = {} }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const outgoing = request(url, { method, headers: { ...length, ...headers }, agent: false }, (incoming) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, type: incoming.headers['content-type'], body: Buffer.concat(parts).toString() }),
      );
      incoming.on('error', reject);
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve({ status: 0, type: undefined, body: '' });
      else reject(error);
    });
    outgoing.end(body);
  });
}
