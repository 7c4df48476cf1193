/** One base is moved while nothing goes wrong; what is in the way is said before anything is changed. */
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
  params: { ...fleet.where, account: 'acct', container: 'c1', from: A, to: D, ...params },
});

test('a base is moved, and nothing of it is left behind', async () => {
  const header = await fleet.run(move());
  expect([header.state, header.error?.message]).toEqual(['succeeded', undefined]);
  const { json } = await ask(fleet, 1, 'POST', 'container/get_properties?acct=acct&ref=c1');
  expect(json).toMatchObject({ properties: { colour: 'blue' }, system: { 'sys.m2.objects': '1', 'sys.peers': [B, C, D].join(',') } });
});
