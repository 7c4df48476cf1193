/** How much one caller gets. */
import { ManualClock } from '@longshore/core';
import { mintToken } from '@longshore/host';
import { afterEach, expect, test } from 'vitest';
import { buckets } from '../src/limits.ts';
import type { Fixture } from './fixture.ts';
import { makeApi } from './fixture.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.server.close();
  fixture = undefined;
});

test('a bucket gives what was saved up, then its rate, and each caller has his own', () => {
  const clock = new ManualClock();
  const take = buckets(2, clock);
  for (let n = 0; n < 8; n += 1) expect(take('ann')).toBe(0);
  expect(take('ann')).toBe(500);
  expect(take('ben')).toBe(0);
  clock.advance(500);
  expect([take('ann'), take('ann')]).toEqual([0, 500]);
  clock.advance(3_600_000);
  for (let n = 0; n < 8; n += 1) expect(take('ann')).toBe(0);
  expect(take('ann')).toBe(500);
});

test('strangers use up what their address has, and nothing of somebody with a token', async () => {
  fixture = makeApi({ auth: 'tokens', limits: { requestsPerSecond: 1 } });
  const { token, record } = mintToken({ name: 'ben', role: 'viewer', createdAt: 1, createdBy: 'test' });
  await fixture.store.addToken(record);
  const ask = async (authorization: string): Promise<number> =>
    (await fixture!.server.inject({ url: '/v1/me', headers: { authorization } })).statusCode;
  const strangers: number[] = [];
  for (let n = 0; n < 8; n += 1) strangers.push(await ask(`Bearer lsh_ben.${n}`));
  expect(new Set(strangers)).toEqual(new Set([401, 429]));
  expect(strangers.at(-1)).toBe(429);
  expect(await ask(`Bearer ${token}`)).toBe(200);
  const late = await fixture.server.inject({ url: '/v1/me', headers: { authorization: 'Bearer x' } });
  expect([late.json().error.code, late.headers['retry-after']]).toEqual(['LSH_RATE_LIMIT', '1']);
});
