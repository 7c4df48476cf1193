/** Bases are listed by an rdir, page by page, and it is told which have left; a move does not fail with it. */
import { seededRandom, systemClock } from '@longshore/core';
import { startRdir } from '@longshore/sandbox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { noted } from '../../../packages/openio/src/client/rdir.ts';
import { wrongWith } from './checks.ts';
import { makeContainer, type OpenIoFleet, startFleet } from './fleet.ts';

const IDS = ['127.0.0.1:16020', '127.0.0.1:16021', '127.0.0.1:16022', '127.0.0.1:16023'] as const;
const [A, B, C, D] = IDS;
let fleet: OpenIoFleet;
let rdir: Awaited<ReturnType<typeof startRdir>>;

beforeEach(async () => {
  rdir = await startRdir();
  fleet = await startFleet({ services: [...IDS], speed: 5 });
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
  await rdir[Symbol.asyncDispose]();
});

const able = { clock: systemClock, random: seededRandom(1), signal: new AbortController().signal };
const names = (service: string) => [...(rdir.notes.get(service)?.keys() ?? [])].sort();
const moved = { account: 'acct', container: 'c1', from: A, to: D };

async function made(...containers: string[]): Promise<void> {
  for (const name of containers) {
    await makeContainer(fleet, name, [A, B, C]);
    const { cid } = fleet.io.cluster.meta1.all().find((one) => one.name === name)!;
    for (const id of [A, B, C]) rdir.note(id, { container_id: cid, container_url: `OPENIO/acct/${name}` });
  }
}

test('every page is read', async () => {
  const url = (at: number): string => `OPENIO/acct/c${String(at).padStart(5, '0')}`;
  for (let at = 0; at < 9_000; at += 1) rdir.note(A, { container_id: `${at.toString(16)}.1`, container_url: url(at) });
  const found = await noted(rdir.url, A, able);
  expect([found.length, new Set(found).size]).toEqual([9_000, 9_000]);
  expect(rdir.standIn.log.matching(/fetch/)).toHaveLength(3);
});

test('what it refuses, or what is no list, is said with the address', async () => {
  await expect(noted(rdir.url, 'nobody', able)).rejects.toMatchObject({ message: expect.stringContaining(`${rdir.url}`) });
  rdir.standIn.knobs.once(/fetch/, { kind: 'reply', status: 200, body: '<html>' });
  rdir.note(A, { container_id: 'A', container_url: 'u' });
  await expect(noted(rdir.url, A, able)).rejects.toMatchObject({ data: { code: 'LSH_OPENIO_REPLY' } });
});

test('a rebalancing lists by it, and tells it what has left', async () => {
  await made('c1', 'c2', 'c3', 'c4');
  rdir.notes.set(D, new Map());
  const header = await fleet.run({
    kind: 'openio.rebalance',
    params: { ...fleet.where, inventory: 'rdir', rdir: rdir.url, tolerancePercent: 0 },
  });
  expect([header.state, header.error?.message, header.expect.moves]).toEqual(['succeeded', undefined, 3]);
  for (const { name, rows } of fleet.io.cluster.meta1.all())
    for (const id of [A, B, C]) expect(names(id).includes(`OPENIO/acct/${name}`)).toBe(rows[0]!.hosts.includes(id));
});

test.each(['native', 'manual'])('a %s move tells it', async (mode) => {
  await made('c1', 'c2');
  const header = await fleet.run({
    kind: 'openio.move-base',
    params: { ...fleet.where, ...moved, mode, rdir: rdir.url, maxFrozenMs: 3_600_000 },
  });
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(names(A)).toEqual(['OPENIO/acct/c2']);
  expect(names(B)).toEqual(['OPENIO/acct/c1', 'OPENIO/acct/c2']);
});

test('a move goes well though the rdir refuses, and says so', async () => {
  await made('c1');
  rdir.standIn.knobs.always(/delete/, { kind: 'status', status: 400 });
  const header = await fleet.run({ kind: 'openio.move-base', params: { ...fleet.where, ...moved, rdir: rdir.url } });
  expect(header.state).toBe('succeeded');
  expect((await fleet.service.report(header.id)).notes.map(({ text }) => text).join()).toContain(`the rdir still lists acct/c1 at ${A}`);
  expect(await wrongWith(fleet, 'c1', [B, C, D])).toEqual([]);
});
