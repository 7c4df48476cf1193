/** What a server that somebody else started says of itself. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** `INFO server` over a plain socket: the tests' provider must not depend on the client under test. */
export async function redisVersion(address: string): Promise<string> {
  const url = new URL(address);
  const where = { host: url.hostname, port: Number(url.port || 6379) };
  const socket = url.protocol === 'rediss:' ? connectTls(where) : connect(where);
  socket.setTimeout(5_000, () => socket.destroy(new Error(`the Redis at ${url.host} does not answer`)));
  await once(socket, url.protocol === 'rediss:' ? 'secureConnect' : 'connect');
  if (url.password) {
    const words = [url.username, url.password].filter((word) => word !== '').map(decodeURIComponent);
    socket.write(`*${words.length + 1}\r\n$4\r\nAUTH\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
  }
  socket.write('*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n');
  let reply = '';
  for await (const part of socket) {
    reply += String(part);
    const version = /^(?:redis|valkey)_version:(\S+)/m.exec(reply)?.[1];
    if (version !== undefined) return version;
    const refusal = /^-(.*)\r$/m.exec(reply)?.[1];
    if (refusal !== undefined) throw new Error(`the Redis at ${url.host} refuses: ${refusal}`);
  }
  throw new Error(`the Redis at ${url.host} closed the connection`);
}

/** From its own metrics; `/api/v1/status/buildinfo` tells a version of Prometheus. */
export async function victoriaMetricsVersion(url: string): Promise<string> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return /short_version="v?([^"]+)"/.exec(metrics)?.[1] ?? 'unknown';
}

export async function openTsdbVersion(url: string): Promise<string> {
  const answer: unknown = await (await fetch(`${url}/api/version`)).json();
  return typeof answer === 'object' && answer !== null && 'version' in answer ? String(answer.version) : 'unknown';
}

/** By the four-letter command `srvr`, which a server allows unless it was told otherwise. */
export async function zooKeeperVersion(hosts: string): Promise<string> {
  const [first = ''] = hosts.split(',');
  const [host = '', port = '2181'] = first.split('/')[0]?.split(':') ?? [];
  const socket = connect({ host, port: Number(port) });
  socket.setTimeout(5_000, () => socket.destroy(new Error(`the ZooKeeper at ${first} does not answer`)));
  await once(socket, 'connect');
  socket.write('srvr');
  let reply = '';
  for await (const part of socket) reply += String(part);
  return /Zookeeper version: (\d+\.\d+\.\d+)/.exec(reply)?.[1] ?? 'unknown';
}
