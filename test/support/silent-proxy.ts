/** A way to Redis on which connections can go silent: nothing passes any more, and nobody is told. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';

export interface SilentProxy extends AsyncDisposable {
  url: string;
  /** From now on, every connection that sends a command of this name goes silent with it, those that come later too. */
  silence(command: string): void;
  /** Connections made from now on are left alone; the silent ones stay so. */
  relent(): void;
  /** How many connections have gone silent. */
  readonly silent: number;
}

export async function silentProxy(redisUrl: string): Promise<SilentProxy> {
  const { hostname, port } = new URL(redisUrl);
  const sockets = new Set<Socket>();
  let silenced: string | undefined;
  let silent = 0;
  const server = createServer((client) => {
    const redis = connect(Number(port), hostname);
    let dead = false;
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (bytes: Buffer) => {
      if (!dead && silenced !== undefined && bytes.toString('latin1').toLowerCase().includes(`\r\n${silenced}\r\n`)) {
        dead = true;
        silent += 1;
      }
      if (!dead) redis.write(bytes);
    });
    redis.on('data', (bytes: Buffer) => {
      if (!dead) client.write(bytes);
    });
    client.on('close', () => redis.destroy());
    redis.on('close', () => {
      if (!dead) client.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the proxy has no port');
  return {
    url: `redis://127.0.0.1:${address.port}`,
    silence(command) {
      silenced = command.toLowerCase();
    },
    relent() {
      silenced = undefined;
    },
    get silent() {
      return silent;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
