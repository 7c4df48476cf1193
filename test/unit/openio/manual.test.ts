/** A base is moved by editing its files, with and without a master. */
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OpenIoFleet } from './fleet.ts';
import { ask, makeContainer, startFleet } from './fleet.ts';

const [A, B, C, D] = ['127.0.0.1:16020', '127.0.0.1:16021', '127.0.0.1:16022', '127.0.0.1:16023'] as const;
let fleet: OpenIoFleet;

beforeEach(async () => {
  fleet = await startFleet();
  await makeContainer(fleet, 'c1', [A, B, C]);
});
afterEach(() => fleet[Symbol.asyncDispose]());

const move = (params: object = {}) => ({
  kind: 'openio.move-base',
  params: { ...fleet.where, account: 'acct', container: 'c1', from: A, to: D, mode: 'manual', ...params },
});
const stateOf = async () => (await ask(fleet, 1, 'POST', 'container/get_properties?acct=acct&ref=c1')).json;
const WHOLE = { properties: { colour: 'blue' }, system: { 'sys.m2.objects': '1', 'sys.peers': [B, C, D].join(','), 'sys.status': '0' } };

test('files are closed, backed up and edited; it is frozen only meanwhile', async () => {
  const header = await fleet.run(move());
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  expect(await stateOf()).toMatchObject(WHOLE);
  expect(fleet.io.cluster.services.get(A)!.config['server.periodic_decache.period']).toBe('0');
  const guards = [...(await fleet.store.load(header.id))!.guards.values()].map(({ key, state }) => [key.split(':')[0], state]);
  expect(guards).toEqual([
    ['freeze', 'closed'],
    ['decache', 'closed'],
  ]);
  const { backups } = (await fleet.store.done(header.id, 'backup'))[0]!.output as {
    backups: Record<string, { path: string; sha256: string }>;
  };
  expect(Object.keys(backups).sort()).toEqual([A, B, C]);
  for (const { path } of Object.values(backups)) expect(existsSync(path)).toBe(true);
});
