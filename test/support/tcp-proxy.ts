/** A way to a server that can be cut, shut, or go silent. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** `127.0.0.1:port` */
  readonly address: string;
  /** Ends every connection there is. New ones are welcome. */
  cut(): void;
  /** Ends every connection, and refuses new ones. */
  shut(): void;
  /** From now on nothing passes, and nobody is told; connections are still taken. */
  silence(): void;
  /** As `silence`, for what the server says alone: requests arrive, answers do not. */
  swallowAnswers(): void;
  /** Told of what clients send, before it is passed on. */
  onRequest: ((bytes: Buffer) => void) | undefined;
  /** New connections pass again, and those that were silent are ended. */
  open(): void;
  /** Connections taken so far. */
  readonly taken: number;
}

export async function tcpProxy(to: { host: string; port: number }): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; server: Socket }>();
  let mode: 'open' | 'shut' | 'silent' | 'no answers' = 'open';
  let taken = 0;
  const listener = createServer((client) => {
    if (mode === 'shut') {
      client.destroy();
      return;
    }
    taken += 1;
    const server = connect(to.port, to.host);
    const pair = { client, server };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
    client.on('data', (bytes: Buffer) => {
      proxy.onRequest?.(bytes);
      if (mode !== 'silent') server.write(bytes);
    });
    server.on('data', (bytes) => mode === 'open' && client.write(bytes));
  });
  const cut = (): void => {
    for (const { client, server } of [...pairs]) {
      client.destroy();
      server.destroy();
    }
    pairs.clear();
  };
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new TypeError('the proxy has no port');
  const proxy: TcpProxy = {
    onRequest: undefined,
    port: address.port,
    address: `127.0.0.1:${address.port}`,
    cut,
    shut() {
      mode = 'shut';
      cut();
    },
    silence() {
      mode = 'silent';
    },
    swallowAnswers() {
      mode = 'no answers';
    },
    open() {
      if (mode === 'silent' || mode === 'no answers') cut();
      mode = 'open';
    },
    get taken() {
      return taken;
    },
    async [Symbol.asyncDispose]() {
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
  return proxy;
}
