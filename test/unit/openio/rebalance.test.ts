/** Bases are evened out, a service is emptied, a namespace is looked at and mended. */
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { wrongWith } from './checks.ts';
import type { OpenIoFleet } from './fleet.ts';
import { ask, makeContainer, startFleet } from './fleet.ts';

const IDS = Array.from({ length: 5 }, (_, at) => `127.0.0.1:1602${at}`);
const [A, B, C, D, E] = IDS as [string, string, string, string, string];
const NAMES = ['c1', 'c2', 'c3', 'c4', 'c5'];
let fleet: OpenIoFleet;
beforeEach(async () => {
  fleet = await startFleet({ services: IDS.map((id, at) => ({ id, location: `srv${at + 1}.vol1` })), speed: 10 });
  for (const name of NAMES) await makeContainer(fleet, name, [A, B, C]);
});
afterEach(() => fleet[Symbol.asyncDispose]());

const cidOf = (name: string) => fleet.io.cluster.meta1.all().find((one) => one.name === name)!.cid;
const hostsOf = (name: string) => fleet.io.cluster.meta1.hosts(`${cidOf(name)}.1`);
const counts = () => IDS.map((id) => NAMES.filter((name) => hostsOf(name).includes(id)).length);

test('the bases are evened out, and the plan said how', async () => {
  const header = await fleet.run({ kind: 'openio.rebalance', params: { ...fleet.where, tolerancePercent: 0, concurrency: 2 } });
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(counts()).toEqual([3, 3, 3, 3, 3]);
  const plan = await fleet.service.plan(header.id);
  expect((plan.data as { bars: object[] }).bars).toEqual(
    IDS.map((service, at) => ({ service, before: at < 3 ? 5 : 0, target: 3, after: 3 })),
  );
  expect(plan.leases).toHaveLength(new Set((plan.stages[0]!.tasks ?? []).map(({ params }) => (params as { cid: string }).cid)).size);
  for (const name of NAMES) expect(await wrongWith(fleet, name, hostsOf(name))).toEqual([]);
  expect((await fleet.service.report(header.id)).totals).toMatchObject({ planned: 6, moved: 6 });
});

test('it goes on where it was stopped, and what is even is not touched', async () => {
  let effects = 0;
  fleet.around = async () => {
    effects += 1;
    const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
    if (effects === 20) await fleet.service.act(id, 'pause', 'tester');
  };
  const paused = await fleet.run(
    { kind: 'openio.rebalance', params: { ...fleet.where, tolerancePercent: 0 } },
    ({ state }) => state === 'paused',
  );
  await fleet.service.act(paused.id, 'resume', 'tester');
  expect((await fleet.finished(paused.id)).state).toBe('succeeded');
  expect(counts()).toEqual([3, 3, 3, 3, 3]);
  const again = await fleet.run({ kind: 'openio.rebalance', params: { ...fleet.where, tolerancePercent: 0 } });
  expect((await fleet.service.report(again.id)).totals).toMatchObject({ planned: 0 });
});

test('a rebalancing is taken back, newest move first', async () => {
  const { id } = await fleet.run({ kind: 'openio.rebalance', params: { ...fleet.where, tolerancePercent: 0, maxMoves: 2 } });
  await fleet.service.revert(id, 'tester');
  expect((await fleet.finished(id, ({ state }) => state === 'reverted' || state === 'needs-attention')).state).toBe('reverted');
  expect(counts()).toEqual([5, 5, 5, 0, 0]);
  for (const name of NAMES) expect(await wrongWith(fleet, name, [A, B, C])).toEqual([]);
});

test('a service is emptied', async () => {
  fleet.io.cluster.services.get(A)!.tags.score = 0;
  const header = await fleet.run({ kind: 'openio.decommission', params: { ...fleet.where, from: A } });
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(counts()[0]).toBe(0);
  for (const name of NAMES) expect(await wrongWith(fleet, name, hostsOf(name))).toEqual([]);
});

test('what disagrees is found, and mended where a program may', { timeout: 180_000 }, async () => {
  const { cluster } = fleet.io;
  const peersAt = (id: string, name: string, peers: string[]): void => {
    const service = cluster.services.get(id)!;
    service.file(`${cidOf(name)}.1`).close();
    const db = new DatabaseSync(service.file(`${cidOf(name)}.1`).path);
    db.prepare("UPDATE admin SET v = ? WHERE k = 'sys.peers'").run(Buffer.from(peers.join(',')));
    db.close();
  };
  // An old file that nobody uses; peers that were edited by hand; a frozen container; a base that meta1 links to nothing.
  await cluster.services.get(D)!.take(`${cidOf('c1')}.1`, cluster.services.get(A)!);
  for (const id of [A, B, C]) await cluster.services.get(id)!.leave(`${cidOf('c2')}.1`);
  for (const id of [A, B]) peersAt(id, 'c2', [A, B, E]);
  await ask(fleet, 0, 'POST', `admin/freeze?cid=${cidOf('c3')}&type=meta2`, '');
  await ask(fleet, 0, 'POST', `reference/unlink?cid=${cidOf('c4')}&type=meta2`);

  const checked = await fleet.run({ kind: 'openio.check', params: { ...fleet.where } });
  expect([checked.state, checked.error?.code]).toEqual(['failed', 'LSH_OPENIO_TROUBLE']);
  const troubles = (await fleet.store.done(checked.id)).flatMap(
    ({ output }) => (output as { troubles?: { name: string; kind: string }[] } | undefined)?.troubles ?? [],
  );
  const found = troubles.map(({ name, kind }) => `${name} ${kind}`);
  expect(found).toEqual(expect.arrayContaining(['acct/c1 orphan-file', 'acct/c2 peers-differ', 'acct/c3 frozen', 'acct/c4 no-row']));
  expect(found.filter((one) => one.startsWith('acct/c5'))).toEqual([]);
  expect(fleet.io.proxies[0]!.log.matching(/admin\/leave|force|reference\/link/)).toEqual([]);

  const repaired = await fleet.run({ kind: 'openio.repair', params: { ...fleet.where, enable: true } });
  expect(repaired.state).toBe('succeeded');
  for (const name of ['c1', 'c2', 'c3', 'c5']) expect(await wrongWith(fleet, name, [A, B, C]), name).toEqual([]);
  // What is linked to nothing is for a person: it is named, and stays.
  for (const id of [A, B, C]) expect(cluster.services.get(id)!.file(`${cidOf('c4')}.1`).exists).toBe(true);
});
