/** A server that speaks just enough of Redis to be asked what it is and how it is set. */
import { createServer, type Server } from 'node:net';

export interface Answers {
  version: string;
  settings: Record<string, string>;
  /** Error reply to CONFIG, as managed servers give it. */
  configError?: string;
  /** Further lines of INFO. */
  info?: Record<string, string>;
  /** Error reply to everything, as to one who has not logged in. */
  denial?: string;
  /** From this command on, a connection gets no answers any more. Asked for each command, with the number of the connection. */
  silent?(command: string, connection: number): boolean;
}

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

export async function respServer(answers: Answers, port = 0): Promise<{ url: string; port: number; close(): Promise<void> }> {
  const reply = ([command = '', ...args]: string[]): string => {
    if (answers.denial !== undefined) return `-${answers.denial}\r\n`;
    switch (command.toLowerCase()) {
      case 'info':
        return bulk(
          `# Server\r\nredis_version:${answers.version}\r\nloading:0\r\n${Object.entries(answers.info ?? {})
            .map(([name, value]) => `${name}:${value}\r\n`)
            .join('')}`,
        );
      case 'config': {
        if (answers.configError !== undefined) return `-${answers.configError}\r\n`;
        const value = answers.settings[args[1]!];
        return value === undefined ? '*0\r\n' : `*2\r\n${bulk(args[1]!)}${bulk(value)}`;
      }
      default:
        return '+OK\r\n';
    }
  };
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections += 1;
    const connection = connections;
    let text = '';
    let silent = false;
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (;;) {
        const head = /^\*(\d+)\r\n/.exec(text);
        if (!head) return;
        const parts: string[] = [];
        let at = head[0].length;
        for (let left = Number(head[1]); left > 0; left -= 1) {
          const size = /^\$(\d+)\r\n/.exec(text.slice(at));
          if (!size || text.length < at + size[0].length + Number(size[1]) + 2) return;
          at += size[0].length;
          parts.push(text.slice(at, at + Number(size[1])));
          at += Number(size[1]) + 2;
        }
        text = text.slice(at);
        silent ||= answers.silent?.(parts[0]!.toLowerCase(), connection) ?? false;
        if (!silent) socket.write(reply(parts));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port');
  return {
    port: address.port,
    url: `redis://user:hunter2@127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
      }),
  };
}
