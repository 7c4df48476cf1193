/** A server that speaks just enough of Redis to be asked what it is and how it is set. */
import { createServer, type Server } from 'node:net';

export interface Answers {
  version: string;
  settings: Record<string, string>;
  /** Error reply to CONFIG, as managed servers give it. */
  configError?: string;
}

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

export async function respServer(answers: Answers): Promise<{ url: string; close(): Promise<void> }> {
  const reply = ([command = '', ...args]: string[]): string => {
    switch (command.toLowerCase()) {
      case 'info':
        return bulk(`# Server\r\nredis_version:${answers.version}\r\nloading:0\r\n`);
      case 'config': {
        if (answers.configError !== undefined) return `-${answers.configError}\r\n`;
        const value = answers.settings[args[1]!];
        return value === undefined ? '*0\r\n' : `*2\r\n${bulk(args[1]!)}${bulk(value)}`;
      }
      default:
        return '+OK\r\n';
    }
  };
  const server: Server = createServer((socket) => {
    let text = '';
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
        socket.write(reply(parts));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port');
  return {
    url: `redis://user:hunter2@127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
      }),
  };
}
