/** An API process that asks for tokens, used over its sockets as people on other machines and its owner do. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OperationHeader } from '@longshore/core';
import { startCounterService } from '@longshore/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../../apps/cli/src/client.ts';
import { openClient } from '../../apps/cli/src/client.ts';
import { realServer } from '../servers/real.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';

const redis = await realServer('redis', { own: true });

describe.skipIf(!redis.there)(`an API that asks for tokens${redis.there ? '' : ` (${redis.reason})`}`, () => {
  let dir: string;
  let fleet: Fleet;
  let owner: Client;
  const open: Client[] = [];

  beforeAll(async () => {
    if (!redis.there) throw new Error(redis.reason);
    dir = await mkdtemp(join(tmpdir(), 'longshore-access-'));
    const listen = `unix:${join(dir, 'api.sock')}`;
    fleet = await startFleet({
      dir,
      redisUrl: redis.url,
      dumpers: 0,
      restorers: 0,
      migrators: 1,
      sweepMs: 500,
      listen,
      api: { auth: 'tokens', socket: join(dir, 'owner.sock') },
    });
    owner = openClient(`unix:${join(dir, 'owner.sock')}`);
    open.push(owner);
  });
  afterAll(async () => {
    for (const client of open) await client[Symbol.asyncDispose]();
    await fleet?.stop();
    if (redis.there) await redis.stop();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  const as = (token?: string): Client => {
    const client = openClient(`unix:${join(dir, 'api.sock')}`, token);
    open.push(client);
    return client;
  };

  test('a move that needs two people is made by two people, and the log has them', async () => {
    expect((await stat(join(dir, 'owner.sock'))).mode & 0o777).toBe(0o600);
    await expect(as().workers()).rejects.toMatchObject({ code: 'LSH_TOKEN_MISSING' });
    const ann = as((await owner.createToken({ name: 'ann', role: 'approver' })).token);
    const ben = as((await owner.createToken({ name: 'ben', role: 'approver' })).token);
    const eve = await owner.createToken({ name: 'eve', role: 'viewer' });

    await using source = await startCounterService({ fenced: true, counters: { hits: 3 } });
    await using sink = await startCounterService({ fenced: true });
    const id = await ann.submit({
      kind: 'counter.move',
      params: { source: source.url, sink: sink.url, counters: ['hits'] },
      approvals: 'cutover',
      reason: 'change 4711',
    });
    const waits = ({ endedAt, awaits, approvals = [] }: OperationHeader): boolean =>
      endedAt !== undefined || awaits?.stages.some((name) => !approvals.some(({ stage }) => stage === name)) === true;
    await fleet.finished(id, waits);
    await expect(as(eve.token).approve(id, { reason: 'mine' })).rejects.toMatchObject({ code: 'LSH_ROLE_LOW' });
    await expect(ann.approve(id, { reason: 'mine' })).rejects.toMatchObject({ code: 'LSH_APPROVAL_OWN' });
    await ben.approve(id, { reason: 'looked at it' });
    for (let header = await fleet.finished(id, waits); header.endedAt === undefined; header = await fleet.finished(id, waits))
      await ben.approve(id, { reason: 'looked at it again' });
    expect((await fleet.store.header(id))?.state).toBe('succeeded');
    expect((await ann.operation(id)).header.owner).toBe('ann');

    await owner.revokeToken('eve');
    await expect(as(eve.token).workers()).rejects.toMatchObject({ code: 'LSH_TOKEN_REFUSED' });
    const { entries } = await owner.audit({ operation: id });
    const asked = entries.filter(({ role }) => role !== undefined);
    expect(asked.slice(0, 4).map(({ who, what, result, code }) => [who, what, result, code])).toEqual([
      ['ann', 'operation.submit', 'done', undefined],
      ['eve', 'operation.approve', 'refused', 'LSH_ROLE_LOW'],
      ['ann', 'operation.approve', 'refused', 'LSH_APPROVAL_OWN'],
      ['ben', 'operation.approve', 'done', undefined],
    ]);

    // Of a token nothing is left but its hash: not in the log of the process, and not in the audit log.
    const told = `${await readFile(join(dir, 'api-1.log'), 'utf8')}${JSON.stringify((await owner.audit({})).entries)}`;
    expect(told).not.toContain(eve.token.split('.').at(-1)!);
  });
});
