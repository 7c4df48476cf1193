/** The ZooKeeper package on a real ZooKeeper: what its client library does badly, by cut, silent and expired links. */
import {
  connectZooKeeper,
  type ZNode,
  type ZooKeeper,
  ZooKeeperBadVersion,
  ZooKeeperDenied,
  ZooKeeperNodeExists,
  ZooKeeperNoNode,
  ZooKeeperUnknownOutcome,
  ZooKeeperUnreachable,
} from '@longshore/zookeeper';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realServer } from '../servers/real.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const server = await realServer('zookeeper', { own: true });
const SESSION_MS = 1_000;

describe.skipIf(!server.there)('ZooKeeper', () => {
  const hosts = server.there ? server.url : '';
  const port = Number(hosts.split(':')[1]);
  /** The way of an onlooker, past every proxy. */
  let direct: ZooKeeper;
  let root = 0;

  beforeAll(() => {
    direct = connectZooKeeper(hosts, { sessionTimeoutMs: 5_000 });
  });
  afterAll(async () => {
    await direct.close();
    if (server.there) await server.stop();
  });

  /** A node that no other test uses. */
  async function place(): Promise<string> {
    root += 1;
    return direct.create(`/t${root}`, '');
  }

  async function through(options: { callTimeoutMs?: number } = {}): Promise<{ proxy: TcpProxy; zk: ZooKeeper } & AsyncDisposable> {
    const proxy = await tcpProxy({ host: '127.0.0.1', port });
    const zk = connectZooKeeper(proxy.address, { sessionTimeoutMs: SESSION_MS, ...options });
    return {
      proxy,
      zk,
      async [Symbol.asyncDispose]() {
        await zk.close();
        await proxy[Symbol.asyncDispose]();
      },
    };
  }

  test('a node is made, read, changed by its version, listed and removed', async () => {
    const path = await place();
    const before = Date.now();
    expect(await direct.create(`${path}/b`, 'one')).toBe(`${path}/b`);
    await direct.create(`${path}/a`, Buffer.alloc(0));
    expect(await direct.getChildren(path)).toEqual(['a', 'b']);
    const node = await direct.get(`${path}/b`);
    expect([node.data.toString(), node.version]).toEqual(['one', 0]);
    expect(node.changedAt).toBeGreaterThanOrEqual(before - 60_000);
    expect((await direct.get(`${path}/a`)).data).toHaveLength(0);
    expect(await direct.set(`${path}/b`, 'two', 0)).toBe(1);
    expect(await direct.exists(`${path}/b`)).toMatchObject({ version: 1, createdBy: node.createdBy });
    await direct.remove(`${path}/b`, 1);
    expect(await direct.exists(`${path}/b`)).toBeUndefined();
    expect(await direct.create(`${path}/s-`, '', { sequential: true })).toMatch(/s-\d{10}$/);
  });

  test('each refusal has its own error', async () => {
    const path = await place();
    await direct.set(path, 'x', 0);
    await expect(direct.set(path, 'y', 0)).rejects.toSatisfy(ZooKeeperBadVersion.is);
    await expect(direct.remove(path, 7)).rejects.toSatisfy(ZooKeeperBadVersion.is);
    await expect(direct.create(path, '')).rejects.toSatisfy(ZooKeeperNodeExists.is);
    await expect(direct.get(`${path}/none`)).rejects.toSatisfy(ZooKeeperNoNode.is);
    await expect(direct.getChildren(`${path}/none`)).rejects.toSatisfy(ZooKeeperNoNode.is);
    expect((await direct.get(path)).data.toString()).toBe('x');
  });

  test('paths are under the chroot of the address, and a dead server of the list does no harm', async () => {
    const path = await place();
    await direct.create(`${path}/inner`, 'v');
    await using zk = connectZooKeeper(`127.0.0.1:1,${hosts}${path}/`);
    expect((await zk.get('/inner')).data.toString()).toBe('v');
    expect(await zk.getChildren('/')).toEqual(['inner']);
    expect(await zk.create('/other', 'w')).toBe('/other');
    expect((await direct.get(`${path}/other`)).data.toString()).toBe('w');
  });

  test('digest: what one user made is not shown to another', async () => {
    const path = await place();
    await using owner = connectZooKeeper(hosts, { auth: { user: 'ann', password: 'secret' } });
    await using other = connectZooKeeper(hosts, { auth: { user: 'bob', password: 'guess' } });
    await owner.create(`${path}/mine`, 'm');
    await expect(other.get(`${path}/mine`)).rejects.toSatisfy(ZooKeeperDenied.is);
    await expect(direct.get(`${path}/mine`)).rejects.toSatisfy(ZooKeeperDenied.is);
    expect((await owner.get(`${path}/mine`)).data.toString()).toBe('m');
  });

  test('a call has its deadline when nobody is there, and says so', async () => {
    const proxy = await tcpProxy({ host: '127.0.0.1', port });
    proxy.shut();
    await using zk = connectZooKeeper(proxy.address, { callTimeoutMs: 300 });
    const failure = await zk.get('/').catch((error: unknown) => error);
    expect(ZooKeeperUnreachable.is(failure)).toBe(true);
    expect(String(failure)).toContain(proxy.address);
    await proxy[Symbol.asyncDispose]();
  });

  test('a reading that meets a cut link is made on the next one', async () => {
    const path = await place();
    await using world = await through();
    await world.zk.get(path);
    const before = world.proxy.taken;
    for (let round = 0; round < 3; round += 1) {
      world.proxy.cut();
      expect((await world.zk.get(path)).version).toBe(0);
    }
    expect(world.proxy.taken).toBeGreaterThan(before);
  });

  test('an ephemeral node survives a short cut and goes with its session; a new session is made by itself', async () => {
    const path = await place();
    await using world = await through();
    await world.zk.create(`${path}/e`, '', { ephemeral: true });
    world.proxy.cut();
    await world.zk.get(path);
    expect(await direct.exists(`${path}/e`)).toBeDefined();

    world.proxy.shut();
    await until(async () => (await direct.exists(`${path}/e`)) === undefined, 'the server has ended the session');
    world.proxy.open();
    expect(await world.zk.create(`${path}/again`, '', { ephemeral: true })).toBe(`${path}/again`);
  });

  test('a call that waits while the session expires comes back', async () => {
    const path = await place();
    await using world = await through({ callTimeoutMs: 15_000 });
    await world.zk.create(`${path}/e`, '', { ephemeral: true });
    world.proxy.shut();
    const waiting = world.zk.get(path);
    await until(async () => (await direct.exists(`${path}/e`)) === undefined, 'the server has ended the session');
    world.proxy.open();
    expect((await waiting).version).toBe(0);
  });

  test('a change whose answer is lost is an unknown outcome, not a failure, and is made once', async () => {
    const path = await place();
    await using world = await through();
    await world.zk.get(path);
    world.proxy.swallowAnswers();
    const change = world.zk.set(path, 'sent', 0).catch((error: unknown) => error);
    await until(async () => (await direct.get(path)).version === 1, 'the change has arrived');
    world.proxy.open();
    expect(ZooKeeperUnknownOutcome.is(await change)).toBe(true);
    const node = await world.zk.get(path);
    expect([node.data.toString(), node.version]).toEqual(['sent', 1]);
  });

  test('a change is not sent after its caller has been told that it was not', async () => {
    const path = await place();
    await using world = await through({ callTimeoutMs: 400 });
    await world.zk.get(path);
    world.proxy.shut();
    const failure = await world.zk.set(path, 'late', 0).catch((error: unknown) => error);
    world.proxy.open();
    // On the same connection a later call is answered after every earlier one.
    await world.zk.get(path);
    const node = await direct.get(path);
    if (ZooKeeperUnreachable.is(failure)) expect(node.version).toBe(0);
    else expect(ZooKeeperUnknownOutcome.is(failure)).toBe(true);
  });

  test('a link that has gone silent is given up at the deadline, and another is made', async () => {
    const path = await place();
    await using world = await through({ callTimeoutMs: 600 });
    await world.zk.get(path);
    world.proxy.silence();
    await expect(world.zk.get(path)).rejects.toSatisfy(ZooKeeperUnreachable.is);
    world.proxy.open();
    expect((await world.zk.get(path)).version).toBe(0);
  });

  test('a server that takes connections and never greets is left for another one', async () => {
    const path = await place();
    const mute = await tcpProxy({ host: '127.0.0.1', port });
    mute.silence();
    await using zk = connectZooKeeper(`${mute.address},${hosts}`, { sessionTimeoutMs: 2_000 });
    for (let round = 0; round < 3; round += 1) expect((await zk.get(path)).version).toBe(0);
    await mute[Symbol.asyncDispose]();
  });

  test('a watch tells of making, changing and removing, and survives cuts and expiries', async () => {
    const path = await place();
    await using world = await through();
    const seen: (string | undefined)[] = [];
    const latest = (node: ZNode | undefined): void => void seen.push(node?.data.toString());
    const stop = world.zk.watch(`${path}/w`, latest);
    await until(() => seen.length === 1 && seen[0] === undefined, 'it tells that there is none');
    await direct.create(`${path}/w`, 'a');
    await until(() => seen.at(-1) === 'a', 'it tells of the making');
    world.proxy.cut();
    await direct.set(`${path}/w`, 'b', 0);
    await until(() => seen.at(-1) === 'b', 'it tells of a change during a cut');

    await world.zk.create(`${path}/e`, '', { ephemeral: true });
    world.proxy.shut();
    await until(async () => (await direct.exists(`${path}/e`)) === undefined, 'the server has ended the session');
    await direct.remove(`${path}/w`, 1);
    await direct.create(`${path}/w`, 'c');
    world.proxy.open();
    await until(() => seen.at(-1) === 'c', 'it tells what happened while it had no session');
    await direct.remove(`${path}/w`, 0);
    await until(() => seen.at(-1) === undefined, 'it tells of the removing');

    stop();
    const told = seen.length;
    await direct.create(`${path}/w`, 'd');
    await world.zk.get(`${path}/w`);
    expect(seen).toHaveLength(told);
  });

  test('closing while it connects does no harm, whatever the server says then', async () => {
    for (let round = 0; round < 40; round += 1) {
      const zk = connectZooKeeper(hosts);
      const waiting = zk.get('/').catch((error: unknown) => error);
      // At every moment of the connecting there is.
      for (let turn = 0; turn < round; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      await zk.close();
      const came = await waiting;
      if (came instanceof Error) expect(ZooKeeperUnreachable.is(came) || ZooKeeperUnknownOutcome.is(came)).toBe(true);
    }
  });

  test('closing ends what waits, and twice is harmless', async () => {
    const proxy = await tcpProxy({ host: '127.0.0.1', port });
    proxy.silence();
    const zk = connectZooKeeper(proxy.address, { callTimeoutMs: 60_000 });
    const waiting = zk.get('/').catch((error: unknown) => error);
    await zk.close();
    expect(ZooKeeperUnreachable.is(await waiting)).toBe(true);
    await zk.close();
    await expect(zk.get('/')).rejects.toSatisfy(ZooKeeperUnreachable.is);
    await proxy[Symbol.asyncDispose]();
  });
});
