/** Asks a Redis directly, in its own protocol: the checker shares no client with what it checks. */
import { once } from 'node:events';
import { connect } from 'node:net';

export type RedisReply = string | number | null | RedisReply[];

/** One command on a connection of its own. Throws on an error reply. */
export async function askRedis(url: string, ...command: string[]): Promise<RedisReply> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    socket.write(`*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`);
    let bytes = Buffer.alloc(0);
    for await (const part of socket as AsyncIterable<Buffer>) {
      bytes = Buffer.concat([bytes, part]);
      const parsed = parse(bytes, 0);
      if (parsed) return parsed.value;
    }
    throw new Error(`Redis closed the connection in the middle of its answer to ${command[0]}`);
  } finally {
    socket.destroy();
  }
}

interface Parsed {
  value: RedisReply;
  end: number;
}

/** Undefined: the reply is not whole yet. */
function parse(bytes: Buffer, at: number): Parsed | undefined {
  const lineEnd = bytes.indexOf('\r\n', at);
  if (lineEnd < 0) return undefined;
  const text = bytes.toString('utf8', at + 1, lineEnd);
  const next = lineEnd + 2;
  switch (String.fromCharCode(bytes[at]!)) {
    case '+':
      return { value: text, end: next };
    case ':':
      return { value: Number(text), end: next };
    case '-':
      throw new Error(`Redis: ${text}`);
    case '$': {
      const length = Number(text);
      if (length < 0) return { value: null, end: next };
      if (bytes.length < next + length + 2) return undefined;
      return { value: bytes.toString('utf8', next, next + length), end: next + length + 2 };
    }
    case '*': {
      const values: RedisReply[] = [];
      let end = next;
      for (let left = Number(text); left > 0; left -= 1) {
        const item = parse(bytes, end);
        if (!item) return undefined;
        values.push(item.value);
        end = item.end;
      }
      return { value: values, end };
    }
    default:
      throw new Error('not an answer of Redis');
  }
}

/** `used_memory`, bytes. */
export async function redisMemory(url: string): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(String(await askRedis(url, 'INFO', 'memory')))?.[1]);
}
