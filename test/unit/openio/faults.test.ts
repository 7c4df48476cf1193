/** Services die, sessions end, disks are full, copies arrive torn, ex-peers come back, proxies know old things: a move gets there, or is taken back. */
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { wrongWith } from './checks.ts';
import type { OpenIoFleet } from './fleet.ts';
import { ask, makeContainer, startFleet } from './fleet.ts';
import { hammer, missing } from './traffic.ts';

const [A, B, C, D, E] = ['127.0.0.1:16020', '127.0.0.1:16021', '127.0.0.1:16022', '127.0.0.1:16023', '127.0.0.1:16024'] as const;
let fleet: OpenIoFleet;
beforeEach(async () => {
  fleet = await startFleet({ services: [A, B, C, D, E], speed: 20 });
  await makeContainer(fleet, 'c1', [A, B, C]);
});
afterEach(() => fleet[Symbol.asyncDispose]());

const move = (params: object = {}) => ({
  kind: 'openio.move-base',
  params: { ...fleet.where, account: 'acct', container: 'c1', from: A, to: D, ...params },
});
const service = (id: string) => fleet.io.cluster.services.get(id)!;
const cid = () => fleet.io.cluster.meta1.all()[0]!.cid;
/** Once, before the effect of this name. */
function before(effect: string, strike: () => void): void {
  let struck = false;
  fleet.around = async (name, when) => {
    if (struck || when !== 'before' || name !== `openio.move/${effect}`) return;
    struck = true;
    strike();
  };
}
const EFFECTS = ['widen', 'copy', 'join', 'force', 'narrow', 'part', 'remove'] as const;

describe.each(EFFECTS)('before %s', (effect) => {
  test('a replica that stays dies, and comes back', async () => {
    before(effect, () => {
      service(B).kill();
      setTimeout(() => service(B).restart(), 200);
    });
    const header = await fleet.run(move());
    expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
    expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
  });

  test('every session in ZooKeeper ends', async () => {
    before(effect, () => {
      for (const one of fleet.io.cluster.services.values()) one.dropSession();
    });
    const header = await fleet.run(move());
    expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
    expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
  });
});

test('the disk of the new service is full: the move fails, and is taken back', async () => {
  service(D).faults.diskFull = true;
  const { id, state } = await fleet.run(move());
  expect(state).toBe('failed');
  await fleet.service.revert(id, 'tester');
  expect((await fleet.finished(id, ({ state: now }) => now === 'reverted' || now === 'needs-attention')).state).toBe('reverted');
  expect(await wrongWith(fleet, 'c1', [A, B, C])).toEqual([]);
});

test('a new replica that takes part but could not take the base is not shown to clients', async () => {
  // What is written after the copy comes when it joins, and then there is no room for it: it is a slave all the same.
  let seen: string | undefined;
  fleet.around = async (name, when) => {
    if (name === 'openio.move/join' && when === 'before' && !service(D).faults.diskFull) {
      await ask(fleet, 0, 'POST', 'container/set_properties?acct=acct&ref=c1', { properties: { n: '1' } });
      await ask(fleet, 0, 'POST', 'container/set_properties?acct=acct&ref=c1', { properties: { n: '2' } });
      service(D).faults.diskFull = true;
    }
    if (name === 'openio.move/join' && when === 'after') service(D).faults.diskFull = false;
    if (name === 'openio.move/force' && when === 'before') seen = service(D).file(`${cid()}.1`).admin.get('user.n');
  };
  const header = await fleet.run(move());
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(seen).toBe('2');
  expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
});

test('a copy that arrives torn is not taken for one', async () => {
  service(D).faults.tornCopies = 1;
  const header = await fleet.run(move());
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
});

test('an ex-peer that is still master is made to leave, and its file goes', async () => {
  // It had a replica once, has its session still, and nobody told it.
  const { cluster } = fleet.io;
  const base = `${cid()}.1`;
  for (const id of [A, B, C]) await service(id).leave(base);
  await service(E).take(base, service(A));
  const file = new DatabaseSync(service(E).file(base).path);
  file.prepare("UPDATE admin SET v = ? WHERE k = 'sys.peers'").run(Buffer.from([A, B, C, E].join(',')));
  file.close();
  cluster.settings.electionTimeoutMs = 300;
  cluster.steering.master.set(base, E);
  service(E).member(base).start();
  expect((await ask(fleet, 0, 'POST', 'container/get_properties?acct=acct&ref=c1')).status).toBe(503);
  cluster.steering.master.delete(base);
  const header = await fleet.run({ kind: 'openio.repair', params: { ...fleet.where } });
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(await wrongWith(fleet, 'c1', [A, B, C])).toEqual([]);
});

test('a proxy that cannot be told to forget keeps the old replica in service until it can', async () => {
  const flush = fleet.io.proxies[1]!.knobs.times(6, /^POST \/v3.0\/cache\/flush\/low/, { kind: 'status', status: 503 });
  // It knows where the container was.
  await ask(fleet, 1, 'POST', 'container/get_properties?acct=acct&ref=c1');
  const clients = hammer(fleet, 'c1');
  const header = await fleet.run(move());
  await clients.stop();
  expect(flush.hits).toBe(6);
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(clients.seen.wrong).toEqual([]);
  expect(await missing(fleet, 'c1', clients)).toEqual([]);
});

describe.each(['set_properties', 'copy', 'force', 'leave', 'remove'])('the answer to %s', (route) => {
  const match = new RegExp(`^POST .*/${route}`);
  test.each(['reset-before', 'reset-after'] as const)('does not come (%s)', async (kind) => {
    const fault = fleet.io.proxies[0]!.knobs.once(match, { kind });
    const header = await fleet.run(move());
    expect(fault.hits).toBe(1);
    expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
    expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
  });
});

test('what is in the way is said at once, and nothing is changed', async () => {
  service(D).tags.score = 0;
  await ask(fleet, 0, 'POST', `admin/freeze?cid=${cid()}&type=meta2`, '');
  const header = await fleet.run(move());
  expect([header.state, header.error?.code]).toEqual(['failed', 'LSH_PLAN_REFUSED']);
  expect(header.error?.message).toContain('has a score of 0');
  expect(header.error?.message).toContain('it is frozen at');
  expect(fleet.io.proxies[0]!.log.matching(/set_properties|copy|force|admin\/leave/)).toEqual([]);
});

test('with the peers replaced at once, a write between force and leave would not be seen: why the new replica joins first', async () => {
  const at = `cid=${cid()}&type=meta2`;
  const { cluster } = fleet.io;
  const base = `${cid()}.1`;
  cluster.steering.master.set(base, B);
  for (const id of [A, B, C]) await service(id).leave(base);
  for (const id of [A, B, C]) await service(id).elected(base);
  await ask(fleet, 0, 'POST', `admin/set_properties?${at}`, { system: { 'sys.peers': [B, C, D].join(',') } });
  await ask(fleet, 0, 'POST', `admin/copy?${at}`, { from: B, to: D });
  await ask(fleet, 0, 'POST', `reference/force?${at}&replace=yes`, { seq: 1, type: 'meta2', host: [B, C, D].join(','), args: '' });
  await service(D).elected(base);
  expect((await ask(fleet, 0, 'POST', 'container/set_properties?acct=acct&ref=c1', { properties: { n: '1' } })).status).toBe(204);
  cluster.steering.reader = D;
  const { json } = await ask(fleet, 0, 'POST', 'container/get_properties?acct=acct&ref=c1');
  expect(json).toMatchObject({ properties: { colour: 'blue' } });
  expect((json as { properties: object }).properties).not.toHaveProperty('n');
});

test('a copy that was lost on its way is waited out before the new file is taken away again', async () => {
  let lostAt = 0;
  let removedAt = 0;
  fleet.around = async (effect, when) => {
    if (when !== 'before') return;
    if (effect === 'openio.move/remove') removedAt = fleet.clock.now();
    if (effect !== 'openio.move/copy' || lostAt > 0) return;
    lostAt = fleet.clock.now();
    const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
    await fleet.service.act(id, 'cancel', 'tester');
    await new Promise<never>((_, reject) => fleet.ended.addEventListener('abort', () => reject(new Error('it is dead')), { once: true }));
  };
  const { id } = await fleet.run(move());
  await fleet.service.revert(id, 'tester');
  expect((await fleet.finished(id, ({ state: now }) => now === 'reverted' || now === 'needs-attention')).state).toBe('reverted');
  // What the proxy was told: half a minute, and a millisecond an object.
  expect(removedAt - lostAt).toBeGreaterThanOrEqual(30_000);
  expect(await wrongWith(fleet, 'c1', [A, B, C])).toEqual([]);
});
