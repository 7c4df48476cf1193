/** A watch that survives: ZooKeeper's own is told once, and ends with its session. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Client, Stat } from 'node-zookeeper-client';
import { ZooKeeperNoNode } from './errors.ts';
import { type Call, type Callback, statOf, type ZNode } from './node.ts';
import type { Session } from './session.ts';

/** What a watch needs of the connection it is set on. */
interface Reader {
  session(): Session;
  get(path: string): Promise<ZNode>;
  call<T>(call: Call, send: (client: Client, done: Callback<T>) => void): Promise<T>;
}

export type NodeListener = (node: ZNode | undefined) => void;

/** A reading that failed is tried again so much later; what stands in the way is mostly that no server can be reached. */
const RETRY_MS = 500;

const same = (a: ZNode | undefined, b: ZNode | undefined): boolean => a?.createdBy === b?.createdBy && a?.version === b?.version;

export function watchNode(connection: Reader, path: string, listener: NodeListener, closing: AbortSignal): () => void {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, closing]);

  /** Arms ZooKeeper's watch and then reads, so that a change in between is told too. */
  async function read(changed: () => void): Promise<ZNode | undefined> {
    for (;;) {
      const stat = await connection.call<Stat | undefined>({ what: `watch ${path}`, path, changes: false }, (client, done) =>
        client.exists(path, changed, done),
      );
      if (!stat) return undefined;
      try {
        const node = await connection.get(path);
        if (same(node, { ...node, ...statOf(stat) })) return node;
      } catch (error) {
        if (!ZooKeeperNoNode.is(error)) throw error; // it went away in between
      }
    }
  }

  /** Resolves when ZooKeeper tells of a change, and when the link was cut: what happened meanwhile nobody tells. */
  async function follow(): Promise<void> {
    let told = false;
    let last: ZNode | undefined;
    while (!signal.aborted) {
      const wake = Promise.withResolvers<void>();
      const session = connection.session();
      const stop = session.onChange(wake.resolve);
      signal.addEventListener('abort', () => wake.resolve(), { once: true });
      try {
        const node = await read(wake.resolve);
        if (signal.aborted) return;
        if (!told || !same(node, last)) listener(node);
        told = true;
        last = node;
        await wake.promise;
      } catch {
        await pause(RETRY_MS, undefined, { signal }).catch(() => undefined);
      } finally {
        stop();
      }
    }
  }
  void follow();
  return () => ended.abort();
}
