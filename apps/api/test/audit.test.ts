/** What is asked of the API stands in the audit log: who, what, why, and whether it was done. */
import type { AuditEntry } from '@longshore/core';
import { memoryStore, systemClock } from '@longshore/core';
import { mintToken } from '@longshore/host';
import { afterEach, expect, test } from 'vitest';
import type { Fixture } from './fixture.ts';
import { makeApi } from './fixture.ts';

let fixture: Fixture;
afterEach(() => fixture.server.close());

const log = (): Promise<AuditEntry[]> => fixture.store.auditEntries(undefined, 100);

async function post(url: string, payload: object, headers: Record<string, string> = {}): Promise<{ id: string }> {
  return (await fixture.server.inject({ method: 'POST', url, payload, headers })).json();
}

test('a change leaves one entry; looking leaves none', async () => {
  fixture = makeApi();
  const headers = { 'x-longshore-user': 'ann', 'x-request-id': 'r-1' };
  const { id } = await post('/v1/operations', { kind: 'test.copy', params: { from: 'a' }, reason: 'first\r\nadmin did it' }, headers);
  await fixture.server.inject(`/v1/operations/${id}`);
  await fixture.server.inject('/v1/fleet');
  await post(`/v1/operations/${id}/revert`, {}, headers);
  expect(await log()).toEqual([
    {
      id: expect.any(String),
      at: expect.any(Number),
      who: 'ann',
      role: 'admin',
      requestId: 'r-1',
      what: 'operation.submit',
      subject: 'test.copy',
      operation: id,
      reason: 'first\\u{d}\\u{a}admin did it',
      result: 'done',
    },
    expect.objectContaining({ what: 'operation.revert', operation: id, result: 'failed', code: 'LSH_OPERATION_STATE' }),
  ]);
});

test('a refusal is told, a stranger is not: he could fill the store', async () => {
  fixture = makeApi({ auth: 'tokens' });
  const { token, record } = mintToken({ name: 'ben', role: 'viewer', createdAt: 1, createdBy: 'test' });
  await fixture.store.addToken(record);
  await post('/v1/fleet/open', {});
  await post('/v1/fleet/open', {}, { authorization: 'Bearer lsh_ben.wrong' });
  await post('/v1/fleet/open', {}, { authorization: `Bearer ${token}` });
  expect(await log()).toEqual([
    expect.objectContaining({ who: 'ben', role: 'viewer', what: 'fleet.open', result: 'refused', code: 'LSH_ROLE_LOW' }),
  ]);
});

test('is read page after page, from a time on, and of one operation', async () => {
  fixture = makeApi();
  for (let at = 0; at < 5; at += 1)
    await fixture.store.audit({ at, who: 'ann', what: `step.${at}`, ...(at % 2 ? { operation: 'op_1' } : {}), result: 'done' });
  const read = async (query: string): Promise<{ entries: AuditEntry[]; next?: string }> =>
    (await fixture.server.inject(`/v1/audit?${query}`)).json();
  const whats = ({ entries }: { entries: AuditEntry[] }): string[] => entries.map(({ what }) => what);
  const first = await read('limit=3');
  expect(whats(first)).toEqual(['step.0', 'step.1', 'step.2']);
  expect(whats(await read(`limit=3&cursor=${first.next}`))).toEqual(['step.3', 'step.4']);
  expect(whats(await read('operation=op_1'))).toEqual(['step.1', 'step.3']);
  expect(whats(await read(`since=${Date.now() + 60_000}`))).toEqual([]);
  expect(whats(await read('since=1'))).toHaveLength(5);
  expect((await fixture.server.inject('/v1/audit?cursor=$')).statusCode).toBe(400);
});

test('an answer is not lost with the log', async () => {
  const store = { ...memoryStore(systemClock), audit: () => Promise.reject(new Error('no room')) };
  fixture = makeApi({ store });
  expect((await fixture.server.inject({ method: 'POST', url: '/v1/fleet/open' })).statusCode).toBe(202);
});
