/** The store's part on who may ask for what: tokens, and the log of what was asked. */
import type { AuditEntry, Store, TokenRecord } from '@longshore/core';
import type { Base } from './base.ts';
import { parse } from './records.ts';

type AccessCalls = Pick<Store, 'addToken' | 'token' | 'tokens' | 'revokeToken' | 'audit' | 'auditEntries'>;

export function accessCalls({ redis, key }: Base): AccessCalls {
  return {
    addToken: async (token) => (await redis.hsetnx(key('tokens'), token.name, JSON.stringify(token))) === 1,
    async token(name) {
      const found = await redis.hget(key('tokens'), name);
      return found === null ? undefined : parse<TokenRecord>(found);
    },
    async tokens() {
      const found = (await redis.hvals(key('tokens'))).map(parse<TokenRecord>);
      return found.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    revokeToken: async (name) => (await redis.hdel(key('tokens'), name)) === 1,

    async audit(entry) {
      await redis.xadd(key('audit'), '*', 'entry', JSON.stringify(entry));
    },
    async auditEntries(after, limit) {
      const found = await redis.xrange(key('audit'), after === undefined ? '-' : `(${after}`, '+', 'COUNT', limit);
      return found.map(([id, fields]) => ({ id, ...parse<Omit<AuditEntry, 'id'>>(fields[1]!) }));
    },
  };
}
