/** Who may use which route: every role against every route that is registered. */
import type { AccessRole } from '@longshore/core';
import { ACCESS_ROLES, mayAs } from '@longshore/core';
import { mintToken } from '@longshore/host';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCESS } from '../src/access.ts';
import type { Fixture } from './fixture.ts';
import { makeApi } from './fixture.ts';

describe.each(Object.entries(ACCESS))('%s', (route, { least }) => {
  let fixture: Fixture;
  const tokens = new Map<AccessRole, string>();
  // One server a route: what is asked of it changes nothing.
  beforeAll(async () => {
    fixture = makeApi({ auth: 'tokens' });
    for (const role of ACCESS_ROLES) {
      const { token, record } = mintToken({ name: role, role, createdAt: 1, createdBy: 'test' });
      await fixture.store.addToken(record);
      tokens.set(role, token);
    }
  });
  afterAll(() => fixture.server.close());

  async function ask(method: string, url: string, token?: string): Promise<[number, string?]> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const reply = await fixture.server.inject({ method: method as 'GET', url, headers });
    const json = reply.headers['content-type']?.toString().startsWith('application/json') ? reply.json() : {};
    return json.error === undefined ? [reply.statusCode] : [reply.statusCode, json.error.code];
  }

  const [method, path] = route.split(' ') as [string, string];
  // The operation is unknown, so that a request that is let through changes nothing; `follow` and the like have defaults.
  const url = path.replace(':id', 'op_none').replace(':name', 'nothing').replace('*', 'index.html');

  test('takes no stranger, unless it is for everybody', async () => {
    const [status, code] = await ask(method, url);
    if (least === 'everybody') return expect(['LSH_TOKEN_MISSING', 'LSH_ROLE_LOW']).not.toContain(code);
    expect([status, code]).toEqual([401, 'LSH_TOKEN_MISSING']);
    expect(await ask(method, url, 'lsh_admin.AAAA')).toEqual([401, 'LSH_TOKEN_REFUSED']);
  });

  test.each(ACCESS_ROLES)('as %s', async (role) => {
    const [status, code] = await ask(method, url, tokens.get(role));
    const let_ = least === 'everybody' || mayAs(role, least);
    expect([role, code === 'LSH_ROLE_LOW']).toEqual([role, !let_]);
    if (!let_) expect(status).toBe(403);
  });
});
