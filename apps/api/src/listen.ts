/** Where the API may listen: the loopback and Unix sockets; elsewhere only where it asks for tokens. */
import { chmod, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { BadListen, CannotListen, NotLoopback } from './errors.ts';
import type { Auth } from './setup.ts';

export type ListenAddress = { path: string } | { host: string; port: number };

export const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);

/** Reads `host:port`, `[::1]:port`, `unix:/path`. Throws `LSH_API_ADDRESS` for anything else. */
export function parseListen(listen: string): ListenAddress {
  if (listen.startsWith('unix:/')) return { path: listen.slice('unix:'.length) };
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(listen) ?? [];
  const host = bracketed ?? plain ?? '';
  if (!/^[\w.:-]+$/.test(host) || port === undefined || Number(port) > 65_535) throw BadListen({ listen });
  return { host, port: Number(port) };
}

/**
 * Whether callers need a token there. What the configuration leaves open is answered by who can get there: on the loopback and on a
 * socket nobody but this machine, elsewhere everybody. Throws `LSH_API_LISTEN` for no tokens where everybody is.
 */
export function authAt(listen: string, wanted: Auth | undefined): Auth {
  const address = parseListen(listen);
  const near = 'path' in address || LOOPBACK.has(address.host);
  if (wanted === 'none' && !near) throw NotLoopback({ listen });
  return wanted ?? (near ? 'none' : 'tokens');
}

/** Whether a `Host` header names this API: any loopback name, with or without a port. A browser lured by a foreign name sends that name. */
export function isLoopbackHost(host: string | undefined): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(host ?? '') ?? [];
  return LOOPBACK.has((bracketed ?? plain ?? '').toLowerCase());
}

/** Starts listening; resolves to the address as a client writes it. A socket file left by a dead process is replaced. */
export async function listen(server: FastifyInstance, wanted: string): Promise<string> {
  const address = parseListen(wanted);
  try {
    if ('path' in address) {
      await removeDeadSocket(address.path);
      await server.listen({ path: address.path });
      await chmod(address.path, 0o600);
      return `unix:${address.path}`;
    }
    return await server.listen(address);
  } catch (error) {
    throw CannotListen({ listen: wanted, cause: error instanceof Error ? error.message : String(error) }, { cause: error });
  }
}

async function removeDeadSocket(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!found?.isSocket()) return;
  const alive = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true));
    // Only a refusal says that nobody listens; whatever else goes wrong, the socket may be somebody's.
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
    socket.unref();
  });
  if (!alive) await rm(path, { force: true });
}
